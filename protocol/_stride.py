"""How far apart the turns of the reading task are: the busier its thread, the further.

A turn costs some hundred microseconds whatever it serves: wake-ups of tasks, threads and the disk,
and a cache that has forgotten everything. On a quiet server that buys an early answer. On a busy
one the same work done in larger portions takes half the time, so waiting some milliseconds more
for a turn is what keeps everybody from waiting much longer.
"""

from __future__ import annotations

import time
from typing import Final

from protocol.limits import PACE_BUSY_FROM, PACE_BUSY_S, PACE_S, PACE_WINDOW_S

_NEW_SHARE: Final = 0.25  # What one window counts for: a burst of one window changes little.


class Stride:
    """Seconds from turn to turn, by what the thread of the event loop used in the last windows.

    Not the process: what other threads do, of ours or of an embedding program, is no reason to
    let anybody wait.
    """

    __slots__ = ("_cpu_s", "_share", "_since_s", "pace_s")

    def __init__(self) -> None:
        self.pace_s = PACE_S
        self._share = 0.0
        self._since_s = time.perf_counter()
        self._cpu_s = time.thread_time()

    def turn_began(self, now_s: float) -> None:
        """Look at the clock once a window. *now_s*: of ``time.perf_counter``."""
        passed_s = now_s - self._since_s
        if passed_s < PACE_WINDOW_S:
            return
        cpu_s = time.thread_time()
        self.note_share((cpu_s - self._cpu_s) / passed_s)
        self._since_s, self._cpu_s = now_s, cpu_s

    def note_share(self, share: float) -> None:
        """Take in that *share* of a core was used in a window."""
        self._share += _NEW_SHARE * (share - self._share)
        busy = (self._share - PACE_BUSY_FROM) / (1 - PACE_BUSY_FROM)
        self.pace_s = PACE_S + (PACE_BUSY_S - PACE_S) * min(max(busy, 0.0), 1.0)
