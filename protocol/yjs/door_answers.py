"""The documents that the visits of one connection are to be sent: one after the other.

::

    visit.step1, a reset  ->  ask()                    one is on its way     ->  wait for it
                                                       the outbox is filled  ->  wait for room
    visit                 <-  answer(state vector)
    visit (sent it, over) ->  done(), forget()         the next one

A socket may have hundreds of documents open, of megabytes each. Asked for at once they would be
more than the outbox bears, and their client, which reads as fast as it can, would be closed for
being slow. Of one visit only the newest question counts: it says more of what the client has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from protocol.outbox import Outbox
from protocol.yjs.awareness import decode_state_vector
from protocol.yjs.errors import FrameRefused

if TYPE_CHECKING:
    from protocol.yjs.door_visit import Visit


def has_more(theirs: bytes, ours: bytes) -> bool:
    """Say whether a client's state vector holds what ours does not. Deletions do not show."""
    try:
        known = decode_state_vector(ours)
        return any(clock > known.get(c, 0) for c, clock in decode_state_vector(theirs).items())
    except FrameRefused:
        return False  # Too many clients to compare.


class Answers:
    """Questions that wait, at most one per visit, in the order in which they came."""

    def __init__(
        self, outbox: Outbox, start_child: Callable[[Callable[[], Awaitable[Any]]], None]
    ) -> None:
        self._outbox = outbox
        self._start_child = start_child
        self._waiting: dict[Visit, bytes] = {}
        self._current: Visit | None = None
        self._is_choosing = False
        self._is_waiting_for_room = False

    def ask(self, visit: Visit, state_vector: bytes) -> None:
        """Have *visit* answer its client, which has told *state_vector*, when it is its turn."""
        self._waiting[visit] = state_vector
        self._choose()

    def done(self, visit: Visit) -> None:
        """*visit* has answered the question whose turn it was. Harmless when repeated."""
        if self._current is visit:
            self._current = None
            self._choose()

    def forget(self, visit: Visit) -> None:
        """*visit* is over."""
        self._waiting.pop(visit, None)
        self.done(visit)

    def _choose(self) -> None:
        if self._is_choosing:
            return  # An answer was there at once: the loop below goes on.
        self._is_choosing = True
        while self._waiting and self._current is None:
            if self._outbox.is_above_soft:
                self._wait_for_room()
                break
            visit = next(iter(self._waiting))
            state_vector = self._waiting.pop(visit)
            self._current = visit
            visit.answer(state_vector)
        self._is_choosing = False

    def _wait_for_room(self) -> None:
        if not self._is_waiting_for_room:
            self._is_waiting_for_room = True
            self._start_child(self._when_there_is_room)

    async def _when_there_is_room(self) -> None:
        await self._outbox.wait_room()
        self._is_waiting_for_room = False
        self._choose()
