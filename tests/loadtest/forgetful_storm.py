"""A generator whose readers resume where they never were: what they skip is lost to them."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from loadtest.storm_crowd import Follower, Storm
from loadtest.worker import Link

SKIPPED = 1_000_000
MISSED = 3  # Chunks that are durable before a reader comes back.
WAIT_S = 0.05


class ForgetfulStorm(Storm):
    """Readers come back after something has happened, and claim to have seen more than there is."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._known: dict[int, int] = {}  # id of a follower -> what was durable when it was cut

    def cursor_of(self, follower: Follower) -> dict[str, Any]:
        cursor = super().cursor_of(follower)
        return cursor if self._writes(follower) else cursor | {"seq": cursor["seq"] + SKIPPED}

    def _come_back(self, follower: Follower, due: float) -> None:
        stream = self._streams[follower.meeting]
        durable = stream.sent - len(stream.undecided) - len(stream.refused)
        known = self._known.setdefault(id(follower), durable)
        if self._writes(follower) or durable >= known + MISSED:
            super()._come_back(follower, due)
        else:
            again = time.perf_counter() + WAIT_S
            self._loop.call_at(again, partial(self._come_back, follower))

    def _writes(self, follower: Follower) -> bool:
        return follower is self._followers[follower.meeting * self._plan["followers"]]


def generate(link: Link) -> None:
    ForgetfulStorm(link).run()
