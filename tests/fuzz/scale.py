"""What a process weighs, when everything that can be given back was given back."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 2**20


class Scale:
    """Weighs the process: what it holds after all that can be given back was given back."""

    def __init__(self) -> None:
        self._trim = _trim_of_libc()
        self._warm_mb: float | None = None

    def growth_mb(self) -> float:
        """Return how much larger the process is than when it was weighed first."""
        gc.collect()
        self._trim()
        now_mb = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_MB
        if self._warm_mb is None:
            self._warm_mb = now_mb
        return max(0.0, round(now_mb - self._warm_mb, 1))


def _trim_of_libc() -> Callable[[], object]:
    """Return what gives free memory back to the system, where the C library has it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return (lambda: trim(0)) if trim is not None else (lambda: None)
