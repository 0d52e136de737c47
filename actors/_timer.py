"""In-memory timers: one heap and one trio task for a whole system.

Rules:

* A callback runs in the timers' own task, at or after its time, in order of time.
* The task wakes at most every ``TIMERS_STEP_S``: what is due meanwhile runs together. A timer that
  comes alone runs at its time.
* What a callback raises is logged; the others go on.
* Cancelling leaves an empty entry in the heap; when empty entries outnumber the live ones (and a
  small bound), the heap is built anew. So cancelling is cheap and memory stays bounded.
* A callback that arms a timer without delay runs again only after others had their turn.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Callable
from itertools import count

import trio

from actors._guard import raise_unless_crash
from actors._limits import TIMERS_CANCELLED_MAX, TIMERS_STEP_S

_log = logging.getLogger(__name__)


class TimerHandle:
    """A timer that was armed."""

    __slots__ = ("_callback", "_timers")

    def __init__(self, timers: Timers, callback: Callable[[], None]) -> None:
        self._timers = timers
        self._callback: Callable[[], None] | None = callback

    @property
    def is_armed(self) -> bool:
        """True until it ran or was cancelled."""
        return self._callback is not None

    def cancel(self) -> None:
        """Make sure that the callback does not run (any more). Safe at any time, also twice."""
        if self._callback is not None:
            self._callback = None
            self._timers._one_cancelled()


class Timers:
    """Runs callbacks later. ``run`` must be running for anything to happen."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, TimerHandle]] = []
        self._numbers = count()  # Equal times: first armed, first run.
        self._cancelled = 0  # Entries in the heap that have no callback any more.
        self._sleep: trio.CancelScope | None = None
        self._is_over = False

    def __len__(self) -> int:
        """How many timers are armed."""
        return len(self._heap) - self._cancelled

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> TimerHandle:
        """Run *callback* in *delay_s* seconds of trio time. It must be quick and synchronous.

        After the system has closed nothing runs any more; the handle is then already spent.
        """
        return self._arm(trio.current_time() + max(delay_s, 0.0), callback)

    def call_at(self, at: float, callback: Callable[[], None]) -> TimerHandle:
        """As :meth:`call_later`, at a point of trio time.

        For deadlines that are computed again when the timer fires: exact, where a delay would be
        rounded and could fire just before its deadline, again and again.
        """
        return self._arm(max(at, trio.current_time()), callback)

    def _arm(self, at: float, callback: Callable[[], None]) -> TimerHandle:
        handle = TimerHandle(self, callback)
        if self._is_over:
            handle._callback = None
            return handle
        heapq.heappush(self._heap, (at, next(self._numbers), handle))
        if self._sleep is not None and at < self._sleep.deadline:
            self._sleep.deadline = at
        return handle

    async def run(self) -> None:
        """Run the timers until cancelled. Cancelled: timers that are not due are dropped."""
        turn_at = -math.inf
        try:
            while True:
                deadline = self._heap[0][0] if self._heap else math.inf
                with trio.CancelScope(deadline=deadline) as self._sleep:
                    await trio.sleep_forever()
                self._sleep = None
                if trio.current_time() < turn_at + TIMERS_STEP_S:
                    await trio.sleep_until(turn_at + TIMERS_STEP_S)
                turn_at = trio.current_time()
                self._run_due()
        finally:
            self._is_over = True
            self._sleep = None
            self._heap.clear()
            self._cancelled = 0

    def _run_due(self) -> None:
        now = trio.current_time()
        turn = next(self._numbers)  # What callbacks arm from here on waits for the next turn.
        heap = self._heap
        while heap and heap[0][0] <= now and heap[0][1] < turn:
            handle = heapq.heappop(heap)[2]
            callback, handle._callback = handle._callback, None
            if callback is None:
                self._cancelled -= 1
                continue
            try:
                callback()
            except BaseException as error:  # noqa: BLE001 - any callback; see _guard.
                raise_unless_crash(error)
                _log.error("a timer's callback failed", exc_info=error)

    def _one_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > max(TIMERS_CANCELLED_MAX, len(self._heap) // 2):
            self._heap[:] = [entry for entry in self._heap if entry[2]._callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0
