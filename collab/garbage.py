"""When the cycle collector of a server's process runs: often for a moment, seldom for long.

Nearly everything here dies by its reference count. What the collector costs is walking what lives:
CPython's own schedule walks each object again and again as the heap grows, and stops everybody for
up to a second while it walks a million.

Here what lives from the start is never walked; what is new is walked once, young, so many at a
time that it takes milliseconds; and the whole heap only when it may have become several times as
large again as it was found to be, when memory has grown by half, or while nobody needs us.
"""

from __future__ import annotations

import gc
import logging
import mmap
import time
from pathlib import Path
from typing import Final

import trio
from attrs import frozen

from collab.limits import (
    GARBAGE_BYTES_MIN,
    GARBAGE_CHECK_S,
    GARBAGE_GROWTH_FACTOR,
    GARBAGE_IDLE_OBJECTS,
    GARBAGE_IDLE_SHARE,
    GARBAGE_OBJECTS_MIN,
    GARBAGE_YOUNG_OBJECTS,
)

_log = logging.getLogger("collab.garbage")
_NEVER: Final = 2**31 - 1
_STATM: Final = Path("/proc/self/statm")


@frozen
class Heap:
    """What is known without walking it."""

    made: int  # Objects since the process started, at most so many more than died by themselves.
    resident_bytes: int  # 0 where the kernel does not tell.


class Schedule:
    """Decides when the whole heap is walked."""

    __slots__ = ("_live", "_then")

    def __init__(self, heap: Heap) -> None:
        """*heap*: as it is now; what lives now is never walked."""
        self._live = 0  # Objects, when it was last walked.
        self._then = heap

    def is_due(self, heap: Heap, *, is_idle: bool) -> bool:
        """Say whether to walk it now."""
        new = heap.made - self._then.made
        if new > max(GARBAGE_OBJECTS_MIN, GARBAGE_GROWTH_FACTOR * self._live):
            return True
        before = self._then.resident_bytes
        if before and heap.resident_bytes > before + max(GARBAGE_BYTES_MIN, before // 2):
            return True
        return is_idle and new > max(GARBAGE_IDLE_OBJECTS, self._live // 4)

    def walked(self, heap: Heap, live: int) -> None:
        """Note that it was walked, and how many objects live."""
        self._then = heap
        self._live = live


def tune() -> None:
    """Leave out what lives now for good; from here on collect nothing but young objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_YOUNG_OBJECTS, _NEVER, _NEVER)


async def collect_for_ever() -> None:
    """Walk the heap when that is due; a fault is logged. Cancelled: it is walked no more."""
    schedule = Schedule(_heap())
    while True:
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        await trio.sleep(GARBAGE_CHECK_S)
        busy_s, passed_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        try:
            if schedule.is_due(_heap(), is_idle=busy_s < GARBAGE_IDLE_SHARE * passed_s):
                _walk(schedule)
        except Exception as error:  # noqa: BLE001 -- no memory, say: the server goes on without
            _log.error("garbage could not be looked for", exc_info=error)


def _walk(schedule: Schedule) -> None:
    started_s = time.perf_counter()
    found = gc.collect()
    schedule.walked(_heap(), 0)  # In case that there is no memory for what comes next.
    live = len(gc.get_objects())
    schedule.walked(_heap(), live)
    took_ms = (time.perf_counter() - started_s) * 1000
    _log.debug("walked %d objects in %.0f ms, %d were garbage", live + found, took_ms, found)


def _heap() -> Heap:
    # The youngest generation is collected whenever there are so many more than after the last time.
    youngest: int = gc.get_stats()[0]["collections"]
    try:
        resident_bytes = int(_STATM.read_text().split()[1]) * mmap.PAGESIZE
    except (OSError, ValueError, IndexError):
        resident_bytes = 0
    return Heap(youngest * GARBAGE_YOUNG_OBJECTS, resident_bytes)
