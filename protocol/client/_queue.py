"""Calls from ``ask`` to their answer, across as many connections as that takes.

::

    waiting   --take-->      in flight   --answer-->          answered
    in flight --link_lost--> waiting     (repeatable: it has a key, or only reads)
    in flight --link_lost--> answered    with CallAbandoned (not repeatable: outcome unknown; or
                                         too large a message ended the connection, repeatedly)
    answered  --retry-->     waiting     (the server said that it may be tried again)

Waiting calls leave in the order in which they were made, also those that go out again. A call
keeps its reference number and its key for life. No I/O here: the link pulls, the client answers.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any

import trio
from attrs import define, field, frozen

from protocol.client._errors import LimitExceeded
from protocol.client._pace import Pace
from protocol.errors import CallAbandoned, ClientClosed, ClientError
from protocol.limits import CALLS_IN_FLIGHT_MAX, TOO_BIG_CLOSES_MAX


@frozen
class Answer:
    """A call's success. ``seq``: the target's seq after it, if the server told."""

    value: Any
    seq: int | None


@define(eq=False)
class OpenCall:
    """One call on its way.

    The same bytes go out each time. The deadline in them is then later than ours; but at ours the
    server gets a cancel.
    """

    ref: int
    payload: bytes | str
    is_repeatable: bool
    was_sent: bool = False
    sent_at: float = -math.inf  # trio time, of the newest attempt
    in_flight: bool = False
    too_big_closes: int = 0  # Connections that a message too large has ended meanwhile.
    answered: trio.Event = field(factory=trio.Event)
    answer: Answer | ClientError | None = None

    def settle(self, answer: Answer | ClientError) -> None:
        """Hand the outcome to the task that waits. Only the first one counts."""
        if self.answer is None:
            self.answer = answer
            self.in_flight = False
            self.answered.set()


class CallQueue:
    """All unanswered calls of a client, at most *len_max*."""

    def __init__(self, len_max: int) -> None:
        self._len_max = len_max
        self._open: dict[int, OpenCall] = {}
        self._waiting: list[int] = []  # A heap of refs; forgotten ones are skipped when met.
        self._in_flight = 0
        self.pace = Pace()
        self.changed: Callable[[], None] = _nothing  # Set by the link that is up.

    def __len__(self) -> int:
        return sum(1 for call in self._open.values() if call.answer is None)

    @property
    def in_flight(self) -> int:
        """Calls sent on the link that is up and not yet answered."""
        return self._in_flight

    def check_room(self) -> None:
        """Refuse one call more than the bound.

        Raises:
          LimitExceeded: as many calls as may be are waiting for an answer.
        """
        if len(self._open) >= self._len_max:
            raise LimitExceeded("OFFLINE_QUEUE_MAX", f"{len(self._open)} calls are unanswered")

    def add(self, call: OpenCall) -> None:
        """Queue a new call; ask :meth:`check_room` first."""
        self._open[call.ref] = call
        self._wait(call)

    def retry(self, call: OpenCall) -> None:
        """Queue *call* again, in its old place, after an answer that allows it."""
        if call.ref in self._open:
            call.answer, call.answered = None, trio.Event()
            self._wait(call)

    def forget(self, call: OpenCall) -> bool:
        """Drop *call*; return whether the server is still at it and should be told."""
        self._open.pop(call.ref, None)
        if len(self._waiting) > 2 * len(self._open) + 64:
            self._waiting = [ref for ref in self._waiting if ref in self._open]
            heapq.heapify(self._waiting)
        if call.in_flight:
            call.in_flight = False
            self._in_flight -= 1
            self.changed()  # There is room in the window for another one.
            return True
        return False

    def take(self, now: float) -> bytes | str | None:
        """Return the next call to be sent; None if nothing may go out now."""
        while self._waiting and self._in_flight < CALLS_IN_FLIGHT_MAX and now >= self.pace.next_at:
            call = self._open.get(heapq.heappop(self._waiting))
            if call is not None and call.answer is None and not call.in_flight:
                call.in_flight = call.was_sent = True
                call.sent_at = now
                self._in_flight += 1
                self.pace.spend(now)
                return call.payload
        return None

    def answer(self, ref: int, answer: Answer | ClientError) -> bool:
        """Settle the call *ref*; return whether there is such a call in flight."""
        call = self._open.get(ref)
        if call is None or not call.in_flight:
            return False
        self._in_flight -= 1
        call.settle(answer)
        if self._waiting:
            self.changed()
        return True

    def link_lost(self, *, is_too_big: bool = False) -> None:
        """Queue again what may be sent twice; the outcome of the rest is unknown.

        *is_too_big*: a message was too large for either side. What was in flight may be the cause,
        so it goes out again a few times only.
        """
        self._in_flight = 0
        self.pace = Pace()  # It was the old connection that was too busy.
        for call in list(self._open.values()):
            if not call.in_flight:
                continue
            call.too_big_closes += is_too_big
            if call.too_big_closes >= TOO_BIG_CLOSES_MAX:
                call.settle(CallAbandoned("it, or its answer, is larger than a message may be"))
            elif call.is_repeatable:
                call.in_flight = False
                self._wait(call)
            else:
                call.settle(CallAbandoned("the connection was lost before the answer"))

    def fail_all(self, error: ClientError) -> None:
        """End every call: with *error*, or as abandoned if the server may have done it."""
        for call in list(self._open.values()):
            if call.was_sent and isinstance(error, ClientClosed):
                call.settle(CallAbandoned("the client was closed before the answer"))
            else:
                call.settle(error)
        self._in_flight = 0

    def _wait(self, call: OpenCall) -> None:
        heapq.heappush(self._waiting, call.ref)
        self.changed()


def _nothing() -> None:
    """Nobody listens while there is no link."""
