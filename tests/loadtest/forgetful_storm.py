"""A generator whose clients resume where they never were: what they skip is lost to them."""

from __future__ import annotations

from typing import Any

from loadtest.storm_crowd import Follower, Storm
from loadtest.worker import Link

SKIPPED = 1_000_000


class ForgetfulStorm(Storm):
    """Claims to have seen more than there is."""

    def cursor_of(self, follower: Follower) -> dict[str, Any]:
        cursor = super().cursor_of(follower)
        return cursor | {"seq": cursor["seq"] + SKIPPED}


def generate(link: Link) -> None:
    ForgetfulStorm(link).run()
