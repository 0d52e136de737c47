"""The timers of one shard, in order of their due times, and what happens to them."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any, ClassVar

from attrs import define, field, frozen

from collab.timers.limits import PAST_MAX


def timer_id(target: str, name: str) -> str:
    """Return the id of a timer; a target's name has no slash."""
    return f"{target}/{name}"


@define
class Timer:
    """One timer: whom it wakes, when next, and how it goes on."""

    target: str
    name: str
    version: int
    due_ms: int
    cron: str | None = None  # None: it rings once.
    zone: str = "UTC"

    def plain(self) -> dict[str, Any]:
        """Return it as operators see it."""
        return {
            "target": self.target,
            "name": self.name,
            "due_ms": self.due_ms,
            "cron": self.cron,
            "zone": self.zone,
        }


@define
class TimersState:
    """All timers of a shard, by id."""

    key: str
    timers: dict[str, Timer] = field(factory=dict)
    past: dict[str, int] = field(factory=dict)  # Id to version of what is over, oldest first.
    # Both follow from the timers, so they are no part of a snapshot.
    order: list[tuple[int, str]] = field(init=False, eq=False, repr=False)  # Soonest first.
    counts: dict[str, int] = field(init=False, eq=False, repr=False)  # By target.

    def __attrs_post_init__(self) -> None:
        self.order = sorted((timer.due_ms, name) for name, timer in self.timers.items())
        self.counts = {}
        for timer in self.timers.values():
            self.counts[timer.target] = self.counts.get(timer.target, 0) + 1

    @property
    def next_due_ms(self) -> int | None:
        """When the soonest is due."""
        return self.order[0][0] if self.order else None

    def version_of(self, key: str) -> int:
        """Return the newest version known of a timer; 0: never heard of it."""
        timer = self.timers.get(key)
        return timer.version if timer is not None else self.past.get(key, 0)

    def put(self, timer: Timer) -> None:
        """Insert or replace *timer*, at its place in the order."""
        key = timer_id(timer.target, timer.name)
        self._forget(key)
        self.past.pop(key, None)
        self.timers[key] = timer
        self.counts[timer.target] = self.counts.get(timer.target, 0) + 1
        insort(self.order, (timer.due_ms, key))

    def take_out(self, key: str, version: int) -> None:
        """Remove a timer, if it is there, and remember that it is over."""
        self._forget(key)
        self.past.pop(key, None)
        self.past[key] = version
        if len(self.past) > PAST_MAX:
            del self.past[next(iter(self.past))]

    def _forget(self, key: str) -> None:
        timer = self.timers.pop(key, None)
        if timer is None:
            return
        del self.order[bisect_left(self.order, (timer.due_ms, key))]
        self.counts[timer.target] -= 1
        if not self.counts[timer.target]:
            del self.counts[timer.target]


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class TimerSet:
    """A timer was set, or set anew."""

    TAG: ClassVar[str] = "timer.set"

    target: str
    name: str
    version: int
    due_ms: int
    cron: str | None = None
    zone: str = "UTC"


@frozen(kw_only=True)
class TimerRang:
    """It rang, once, for all that came due until now; ``next_ms``: when again, if it does."""

    TAG: ClassVar[str] = "timer.rang"

    target: str
    name: str
    version: int
    due_ms: int
    next_ms: int | None = None


@frozen(kw_only=True)
class TimerUnset:
    """It does not ring any more: its target or an operator (``by``) said so."""

    TAG: ClassVar[str] = "timer.unset"

    target: str
    name: str
    version: int
