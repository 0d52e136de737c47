"""Subscriptions that their client has left a moment ago, and perhaps takes up again.

A client whose programs want other topics of a target leaves its subscription and subscribes anew.
Others should not see it go and come back in between. So one that shows presence is not handed back
to the gateway at once, but when another one of its target has been answered, when
``PRESENCE_HOLD_S`` have passed, or when the connection ends, whatever comes first.

Until then the gateway judges it like any other, and ends it if its owner is shut out; but it is
over, and delivers nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from protocol.deadlines import Alarm, DeadlineWheel
from protocol.limits import PRESENCE_HOLD_S, SUBSCRIPTIONS_MAX
from protocol.subscription import Phase, WireSubscription

PRESENCE_TOPIC: Final = "presence"


class Pauses:
    """Those of one connection, at most ``SUBSCRIPTIONS_MAX``."""

    __slots__ = ("_alarm", "_hand_back", "_left")

    def __init__(self, wheel: DeadlineWheel, hand_back: Callable[[WireSubscription], None]) -> None:
        self._hand_back = hand_back
        self._left: dict[str, tuple[float, WireSubscription]] = {}  # By target, oldest first.
        self._alarm = Alarm(wheel, self._due)

    def leave(self, subscription: WireSubscription) -> None:
        """The client leaves *subscription*, and goes on."""
        if subscription.phase is Phase.PENDING or PRESENCE_TOPIC not in subscription.topics:
            subscription.drop()
            return
        subscription.leave()
        if len(self._left) >= SUBSCRIPTIONS_MAX:
            self.end(next(iter(self._left)))
        at_s = trio.current_time() + PRESENCE_HOLD_S
        self._left[subscription.target] = (at_s, subscription)
        if not self._alarm.is_set:
            self._alarm.set(at_s)

    def end(self, target: str) -> None:
        """Hand back the one of *target*, if there is one: another one has its place, say."""
        left = self._left.pop(target, None)
        if left is not None:
            self._hand_back(left[1])

    def end_all(self) -> None:
        """The connection has ended."""
        self._alarm.stop()
        for target in list(self._left):
            self.end(target)

    def _due(self) -> None:
        now_s = trio.current_time()
        while self._left:
            target, (at_s, _) = next(iter(self._left.items()))
            if at_s > now_s:
                self._alarm.set(at_s)
                return
            self.end(target)
