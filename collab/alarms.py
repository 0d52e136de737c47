"""Wakes actors at times of the wall clock: one task and one heap for a whole app.

::

    kind.wakes_at(state)  ── after each batch ──>  AlarmClock.set(target, due_ms)
    kind.signals[Ring]    <── at that time ──────  run

An alarm lives in memory and belongs to an actor that keeps the time itself, in its own state. One
that must ring although nobody has asked for the actor since the start of the server is found at
the start: its target is among ``targets``.

A ring that fails is tried again, later each time. The actor says after every batch, the ring's
own included, when it wants to be woken next.

**A clock that jumps.** Times are instants of the wall clock, looked at again at least every
``CLOCK_LOOK_S``: after a jump ahead what has come due rings within that; after a jump back
nothing rings twice, and what is due rings at its time.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

import trio
from attrs import frozen

from actors import ActorError, ActorSystem, Journal, JournalBroken, JournalError, SystemClosed
from collab.errors import CollabError
from collab.names import parse_target
from collab.requests import Receive

_log = logging.getLogger("collab.alarms")

CLOCK_LOOK_S: Final = 30.0  # A clock that was set is noticed within this.
RING_TIMEOUT_S: Final = 10.0
RETRY_MIN_S: Final = 1.0
RETRY_MAX_S: Final = 60.0
RINGS_AT_ONCE_MAX: Final = 16
ALARMS_MAX: Final = 100_000  # Targets; more than actors fit into memory.
SOURCE: Final = "alarm:clock"  # Who a ring comes from; no kind has this name.


@frozen(kw_only=True)
class Ring:
    """It is the time that ``wakes_at`` named, or later. Harmless at any other time."""

    TAG: ClassVar[str] = "alarm.ring"


class AlarmClock:
    """The alarms of all actors of an app. ``run`` must be running for anything to ring."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._due: dict[str, int] = {}  # Target to Unix ms.
        self._heap: list[tuple[int, str]] = []  # Holds every due one, and outdated ones.
        self._ringing: set[str] = set()
        self._delays: dict[str, float] = {}  # Of targets whose last ring failed.
        self._sooner = trio.Event()

    def __len__(self) -> int:
        """How many alarms are set."""
        return len(self._due)

    def set(self, target: str, due_ms: int | None) -> None:
        """Have *target* woken at *due_ms*, or not at all (None). Synchronous and cheap."""
        if self._due.get(target) == due_ms:
            return
        if due_ms is None:
            del self._due[target]
            return
        if target not in self._due and len(self._due) >= ALARMS_MAX:
            _log.error("too many alarms: %s is not woken before it is asked for", target)
            return
        self._due[target] = due_ms
        heapq.heappush(self._heap, (due_ms, target))
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(due, name) for name, due in self._due.items()]
            heapq.heapify(self._heap)
        if self._heap[0][1] == target:
            self._sooner.set()

    async def run(self, system: ActorSystem, journal: Journal, targets: Iterable[str]) -> None:
        """Ring for ever; first, once, those of *targets* that have a history.

        Cancelled: rings on their way may still be handled; all are found again at the next start.
        """
        async with trio.open_nursery() as nursery:
            limiter = trio.CapacityLimiter(RINGS_AT_ONCE_MAX)
            await self._begin(nursery, system, journal, targets, limiter)
            while True:
                self._sooner = trio.Event()
                for target in self._take_due():
                    self._ringing.add(target)
                    nursery.start_soon(self._ring, system, target, limiter)
                with trio.move_on_after(self._pause_s()):
                    await self._sooner.wait()

    async def _begin(
        self,
        nursery: trio.Nursery,
        system: ActorSystem,
        journal: Journal,
        targets: Iterable[str],
        limiter: trio.CapacityLimiter,
    ) -> None:
        for target in targets:
            try:
                head = await journal.head(target)
            except JournalError as error:  # Its own trouble; a broken device ends the app itself.
                _log.critical("%s cannot be read, its timers do not run: %s", target, error)
                continue
            if head.last_seq > 0:
                self._ringing.add(target)
                nursery.start_soon(self._ring, system, target, limiter)

    def _take_due(self) -> list[str]:
        """Return whom to ring now. Those being rung already are looked at when that is over."""
        now_ms, heap, due = self._clock_ms(), self._heap, self._due
        taken: list[str] = []
        while heap and (heap[0][0] <= now_ms or due.get(heap[0][1]) != heap[0][0]):
            due_ms, target = heapq.heappop(heap)
            if due.get(target) != due_ms:
                continue  # It was set to another time since.
            if target not in self._ringing:  # Else ``_ring`` puts it back when it is over.
                del due[target]
                taken.append(target)
        return taken

    def _pause_s(self) -> float:
        if not self._heap:
            return math.inf
        return min(max(self._heap[0][0] - self._clock_ms(), 0) / 1000, CLOCK_LOOK_S)

    async def _ring(self, system: ActorSystem, target: str, limiter: trio.CapacityLimiter) -> None:
        kind, key = parse_target(target)
        try:
            async with limiter:
                message = Receive(SOURCE, Ring())
                await system.ref(kind, key).ask(message, timeout_s=RING_TIMEOUT_S)
        except (SystemClosed, JournalBroken):
            return  # The app ends.
        except (ActorError, JournalError, CollabError) as error:
            delay_s = self._delays.get(target, RETRY_MIN_S)
            self._delays[target] = min(delay_s * 2, RETRY_MAX_S)
            _log.warning("%s was not woken, again in %g s: %s", target, delay_s, error)
            self._due.pop(target, None)
            self.set(target, self._clock_ms() + int(delay_s * 1000))
        else:
            self._delays.pop(target, None)
        finally:
            self._ringing.discard(target)
            if (due_ms := self._due.get(target)) is not None:
                heapq.heappush(self._heap, (due_ms, target))
                self._sooner.set()
