"""Deadlines by the thousand: one coarse wheel, one task per server.

A deadline costs two dict operations and no task. It is noticed up to ``DEADLINE_TICK_S`` late,
never early. Callbacks run in the wheel's task: synchronous and quick, and they must not raise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import trio

from protocol.limits import DEADLINE_TICK_S


class Expiring(Protocol):
    """Something that wants to know when its time is up."""

    def expired(self) -> None:
        """Called once, unless discarded before. Quick; must not raise."""
        ...


class Alarm:
    """A callback that can be set, and set again, for a later time."""

    __slots__ = ("_callback", "_tick", "_wheel")

    def __init__(self, wheel: DeadlineWheel, callback: Callable[[], None]) -> None:
        self._wheel = wheel
        self._callback = callback
        self._tick: int | None = None

    @property
    def is_set(self) -> bool:
        """True from :meth:`set` until it fires or is stopped."""
        return self._tick is not None

    def set(self, at_s: float) -> None:
        """Fire at *at_s* of trio's clock, instead of whenever it was set for."""
        self.stop()
        self._tick = self._wheel.add(self, at_s)

    def stop(self) -> None:
        """Do not fire."""
        if self._tick is not None:
            self._wheel.discard(self, self._tick)
            self._tick = None

    def expired(self) -> None:
        """Fire. Called by the wheel."""
        self._tick = None
        self._callback()


class DeadlineWheel:
    """Entries by tick of trio's clock. Bounded by its owners: each entry is theirs to discard."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[Expiring, None]] = {}
        self._tick = 0  # The newest tick that has fired.
        self._wake = trio.Event()

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def add(self, entry: Expiring, at_s: float) -> int:
        """Call ``entry.expired()`` at *at_s* or up to a tick later; return its tick.

        A time that has passed is due at the next tick.
        """
        if not self._slots:  # It stood still: nothing is missed by moving it up to now.
            self._tick = max(self._tick, math.floor(trio.current_time() / DEADLINE_TICK_S))
        tick = max(math.ceil(at_s / DEADLINE_TICK_S), self._tick + 1)
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = {}
            self._wake.set()
        slot[entry] = None
        return tick

    def discard(self, entry: Expiring, tick: int) -> None:
        """Take *entry* out, if it is still there. *tick* is what :meth:`add` returned."""
        slot = self._slots.get(tick)
        if slot is not None:
            slot.pop(entry, None)
            if not slot:
                del self._slots[tick]

    async def run(self) -> None:
        """Turn for ever; while there is no entry, sleep.

        Cancelled: entries stay where they are and do not fire.
        """
        while True:
            if not self._slots:
                self._wake = trio.Event()
                await self._wake.wait()
            next_tick = self._tick + 1
            await trio.sleep_until(next_tick * DEADLINE_TICK_S)
            now_tick = math.floor(trio.current_time() / DEADLINE_TICK_S)
            for tick in range(next_tick, max(now_tick, next_tick) + 1):  # Many after a stall.
                self._fire(tick)

    def _fire(self, tick: int) -> None:
        self._tick = tick
        slot = self._slots.get(tick)
        while slot:  # An entry may discard another one of the same tick.
            entry, _ = slot.popitem()
            entry.expired()
        self._slots.pop(tick, None)
