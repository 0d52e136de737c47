"""What a run measures: times, memory, and how much of a delay was the machine's own.

Times are told raw. Where a bound is asserted on a machine that others use too, the time for which
our processes were ready to run and had no processor is taken off: the kernel counts it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

START_S_MAX = 120.0  # Of a server, on a machine that others keep busy.


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that *share* (0 to 1) of *values* do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(len(ordered) * share) - 1))]


def told(values_s: Sequence[float]) -> str:
    """Say p50, p99 and the worst of *values_s*, seconds, in milliseconds."""
    if not values_s:
        return "nothing"
    p50, p99, worst = (1000 * percentile(values_s, share) for share in (0.5, 0.99, 1.0))
    return f"p50 {p50:.1f}, p99 {p99:.1f}, max {worst:.1f} ms ({len(values_s)})"


def memory_kib(pid: int) -> int:
    """Return what *pid* holds in memory now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} tells no memory")


@frozen
class Kept:
    """For how long a process was ready to run and did not, since it began, at one moment."""

    seconds: float

    @classmethod
    def of(cls, *pids: int) -> Kept:
        """Read it for the main threads of *pids*, in sum."""
        waited_ns = 0
        for pid in pids:
            fields = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()
            waited_ns += int(fields[1])
        return cls(waited_ns / 1e9)


class Waits:
    """Times a span by the clock, and less what a busy machine kept *pid* and us from running."""

    def __init__(self, pid: int) -> None:
        self._pids = (pid, os.getpid())
        self._kept = Kept.of(*self._pids)

    def own_s(self, took_s: float) -> float:
        """Return how much of *took_s*, a span that began here, was not the machine's doing."""
        return max(0.0, took_s - (Kept.of(*self._pids).seconds - self._kept.seconds))
