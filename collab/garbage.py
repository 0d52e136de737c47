"""When the cycle collector of a server's process runs: often for a moment, seldom for long.

Nearly everything here dies by its reference count. What the collector costs is walking what lives:
CPython's own schedule walks each object again and again as the heap grows, and stops everybody for
a third of a second while it walks a million.

Here what lives from the start is never walked; what is new is walked once, ``YOUNG_OBJECTS`` at a
time, some milliseconds; and the whole heap only when it has become ``GROWTH_FACTOR`` times as large
again as it was found to be, or while nobody needs us. So cycles live for a while, at most in
proportion to what lives anyway.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

from collab.limits import (
    GARBAGE_CHECK_S,
    GARBAGE_GROWTH_FACTOR,
    GARBAGE_IDLE_OBJECTS,
    GARBAGE_IDLE_SHARE,
    GARBAGE_OBJECTS_MIN,
    GARBAGE_YOUNG_OBJECTS,
)

_log = logging.getLogger("collab.garbage")
_NEVER: Final = 2**31 - 1


class Schedule:
    """Decides when the whole heap is walked. Counts in objects that the collector tracks."""

    __slots__ = ("_grown_before", "_live")

    def __init__(self, grown: int) -> None:
        """*grown*: as for :meth:`is_due`, by now; what lives now is never walked."""
        self._live = 0  # When it was last walked.
        self._grown_before = grown

    def is_due(self, grown: int, *, is_idle: bool) -> bool:
        """Say whether to walk it now; *grown*: new objects since the process started, net."""
        new = grown - self._grown_before
        if new > max(GARBAGE_OBJECTS_MIN, GARBAGE_GROWTH_FACTOR * self._live):
            return True
        return is_idle and new > GARBAGE_IDLE_OBJECTS

    def walked(self, grown: int, live: int) -> None:
        """Note that it was walked, and how many objects live."""
        self._grown_before = grown
        self._live = live


@contextmanager
def tuned() -> Iterator[None]:
    """Leave out what lives now for good, and collect nothing but young objects in the block."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_YOUNG_OBJECTS, _NEVER, _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def collect_for_ever() -> None:
    """Collect as the module says. Cancelled: the schedule of before is back."""
    with tuned():
        schedule = Schedule(_grown())
        while True:
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            await trio.sleep(GARBAGE_CHECK_S)
            busy_s, passed_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
            is_idle = busy_s < GARBAGE_IDLE_SHARE * passed_s
            if schedule.is_due(_grown(), is_idle=is_idle):
                _walk(schedule)


def _walk(schedule: Schedule) -> None:
    started_s = time.perf_counter()
    found = gc.collect()
    live = len(gc.get_objects())
    schedule.walked(_grown(), live)
    took_ms = (time.perf_counter() - started_s) * 1000
    _log.debug("walked %d objects in %.0f ms, %d were garbage", live + found, took_ms, found)


def _grown() -> int:
    """Return about how many more objects were made than died by themselves, ever.

    The youngest generation is collected whenever there are ``GARBAGE_YOUNG_OBJECTS`` more.
    """
    youngest: int = gc.get_stats()[0]["collections"]
    return youngest * GARBAGE_YOUNG_OBJECTS
