"""What one person has used of today's messages; what chats ask; what happens.

A *hold* is a message that counts already and may still not come: it is taken before a chat decides
a message, and spent by the event that posts it. See ``collab.quotas.rules``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import define, field, frozen
from attrs.validators import in_, max_len

from collab.limits import ID_LEN_MAX
from collab.messages.checks import identifier, user_id
from collab.quotas.settings import POOLS


@define
class Hold:
    """A message that counts, and may still not come."""

    pool: str
    day: str  # In which it counts.
    chat: str  # The target that asked.
    doubt_ms: int  # When to ask whether it was spent.
    doubts: int = 0  # How often that was asked.


@define
class Day:
    """What was used on a day that another one took the place of."""

    day: str
    used: dict[str, int]
    heirs: dict[str, int]


@define
class QuotaState:
    """One person's day. A day that is over counts nothing."""

    key: str
    day: str = ""  # As ``2026-11-20``, in the settings' zone; "": none yet.
    ends_ms: int = 0
    used: dict[str, int] = field(factory=dict)  # By pool: spent today, holds not included.
    holds: dict[str, Hold] = field(factory=dict)
    moved_to: str | None = None  # A guest's; the user who took it over.
    heirs: dict[str, int] = field(factory=dict)  # Guests taken over today, and how much.
    earlier: Day | None = None  # The one that this day took the place of.
    timer_ms: int = 0  # For when the newest timer was set,
    timer_seq: int = 0  # and the event that had it set.

    def taken(self, pool: str, day: str) -> int:
        """Return how many messages count in *pool* on *day*, which may not have begun here.

        On a day before this one, which is so if the clock was ahead and is right again, everything
        counts that was posted since that one began: nobody has it twice.
        """
        if day > self.day:
            return 0
        count = sum(hold.pool == pool and self.counts(hold, day) for hold in self.holds.values())
        if day < self.day and self.earlier is not None and self.earlier.day == day:
            count += self.earlier.used.get(pool, 0)
        return count + self.used.get(pool, 0)

    def counts(self, hold: Hold, day: str) -> bool:
        """Say whether *hold* counts on *day*."""
        return day <= self.day and hold.day in (day, self.day)

    def begin(self, day: str, ends_ms: int) -> None:
        """Begin another day, if it is another one; see :meth:`taken`."""
        if day > self.day:
            self.earlier = Day(self.day, self.used, self.heirs)
            self.used, self.heirs = {}, {}
        elif day < self.day:
            if self.earlier is not None and self.earlier.day == day:
                for pool, count in self.earlier.used.items():
                    self.used[pool] = self.used.get(pool, 0) + count
                self.heirs = {**self.earlier.heirs, **self.heirs}
            self.earlier = None
            for hold in self.holds.values():
                if hold.day == self.day:
                    hold.day = day
                    hold.doubt_ms = min(hold.doubt_ms, ends_ms)  # That, too, was ahead.
        self.day, self.ends_ms = day, ends_ms

    def use(self, pool: str, day: str) -> None:
        """Count a message in the day of its hold, if that is this one or the one before."""
        if day == self.day:
            self.used[pool] = self.used.get(pool, 0) + 1
        elif self.earlier is not None and day == self.earlier.day:
            self.earlier.used[pool] = self.earlier.used.get(pool, 0) + 1

    def count_on(self, seq: int) -> None:
        """Have the end of this day told, since event *seq* counts in it; once a day is enough."""
        if self.timer_ms != self.ends_ms:
            self.timer_ms, self.timer_seq = self.ends_ms, seq


# ---------------------------------------------------------------- signals and queries


@frozen(kw_only=True)
class TakeHold:
    """A chat asks: may this person post one more? Answered with ``{"id", "until_ms"}``."""

    TAG: ClassVar[str] = "quota.take"

    pool: str = field(validator=in_(POOLS))


@frozen(kw_only=True)
class SpendHold:
    """A chat tells: the message was posted. Durable with the message itself."""

    TAG: ClassVar[str] = "quota.spend"

    id: str = identifier()


@frozen(kw_only=True)
class ReturnHold:
    """A chat tells: no message was posted with it, and none will be."""

    TAG: ClassVar[str] = "quota.return"

    id: str = identifier()


@frozen(kw_only=True)
class SettleHold:
    """To a chat: what was not spent with this never will be; ``ReturnHold`` says so."""

    TAG: ClassVar[str] = "quota.settle"

    id: str = identifier()
    user_id: str = user_id()


@frozen(kw_only=True)
class MoveQuota:
    """To a guest's quota: *user_id* has signed in and was this guest. Once, whoever comes first."""

    TAG: ClassVar[str] = "quota.move"

    user_id: str = user_id()


@frozen(kw_only=True)
class InheritQuota:
    """To a user's quota: so many messages of that day were posted as a guest."""

    TAG: ClassVar[str] = "quota.inherit"

    guest_id: str = user_id()
    day: str = field(validator=max_len(ID_LEN_MAX))
    ends_ms: int
    count: int


@frozen(kw_only=True)
class GetQuota:
    """What is left of today: ``{"day", "resets_ms", "pools": {pool: {"limit", "remaining"}}}``."""

    TAG: ClassVar[str] = "quota.get"


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class QuotaHeld:
    """One more message counts. ``remaining`` is what is left in its pool."""

    TAG: ClassVar[str] = "quota.held"

    id: str
    pool: str
    day: str
    ends_ms: int
    chat: str
    doubt_ms: int
    remaining: int
    begins_day: bool


@frozen(kw_only=True)
class QuotaSpent:
    """The message was posted; it had counted before."""

    TAG: ClassVar[str] = "quota.spent"

    id: str


@frozen(kw_only=True)
class QuotaReturned:
    """The message was never posted and does not count any more."""

    TAG: ClassVar[str] = "quota.returned"

    id: str
    pool: str
    remaining: int


@frozen(kw_only=True)
class QuotaDoubted:
    """A chat is asked what became of a hold."""

    TAG: ClassVar[str] = "quota.doubted"

    id: str
    chat: str
    doubt_ms: int  # When to ask again.


@frozen(kw_only=True)
class QuotaDayBegan:
    """Another day: everything is left again."""

    TAG: ClassVar[str] = "quota.day_began"

    day: str
    ends_ms: int


@frozen(kw_only=True)
class QuotaMoved:
    """This guest's messages of today count for a user from now on; the guest posts no more."""

    TAG: ClassVar[str] = "quota.moved"

    user_id: str
    day: str
    ends_ms: int
    count: int


@frozen(kw_only=True)
class QuotaInherited:
    """What was posted as a guest counts. ``remaining`` is what is left in ``pool``."""

    TAG: ClassVar[str] = "quota.inherited"

    guest_id: str
    pool: str
    count: int
    day: str
    ends_ms: int
    remaining: int


Plain = dict[str, Any]
