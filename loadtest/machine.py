"""The machine on which figures came about: without it they say little."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from attrs import frozen


@frozen
class Machine:
    """What a reader needs to compare."""

    cpu: str
    cores: int  # That this process may use.
    memory_gb: float
    kernel: str
    python: str


def this_machine() -> Machine:
    """Look around, on Linux."""
    names = (
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=next(names, platform.machine()),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(pages / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
    )
