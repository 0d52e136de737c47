"""What is going to happen, in virtual time: one task calls everything that is due, in order."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

import trio

GRID_S = 0.004  # Whatever the world does, it does at multiples of this: fewer moments, fewer turns.


def on_grid(at_s: float) -> float:
    """Return the first moment of the grid that is not before *at_s*."""
    return math.ceil(at_s / GRID_S) * GRID_S


class Agenda:
    """Calls at given times. Those of the same time are made in the order in which they came."""

    def __init__(self) -> None:
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._earlier = trio.Event()  # Something is due before what is being waited for.

    def at(self, at_s: float, call: Callable[[], None]) -> None:
        """Call *call*, synchronous and quick, at *at_s* of trio's clock."""
        self._count += 1
        heapq.heappush(self._calls, (at_s, self._count, call))
        if self._calls[0][1] == self._count:
            self._earlier.set()

    def after(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call *call* after *delay_s*."""
        self.at(trio.current_time() + delay_s, call)

    async def run(self) -> None:
        """Make the calls, for ever. Cancelled: none is made any more."""
        while True:
            self._earlier = trio.Event()
            next_s = self._calls[0][0] if self._calls else float("inf")
            with trio.move_on_at(next_s):
                await self._earlier.wait()
            while self._calls and self._calls[0][0] <= trio.current_time():
                _, _, call = heapq.heappop(self._calls)
                call()
