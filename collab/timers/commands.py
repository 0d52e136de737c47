"""What is asked of durable timers, and what they answer.

Whoever wants to be woken sends ``SetTimer`` as a signal to ``timers_of(own target)``, and gets
``Rang`` as a signal at that time. Both are durable and may come twice: ``version`` is the seq of
the event that caused the setting, and the newest of a name wins; ``Rang.key`` names one
occurrence, so a second copy of it is known.
"""

from __future__ import annotations

from typing import ClassVar, Final
from zlib import crc32

from attrs import field, frozen
from attrs.validators import and_, ge, instance_of, le, max_len, optional

from collab.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX
from collab.messages.checks import identifier
from collab.timers.cron import check_cron, find_zone
from collab.timers.limits import (
    AFTER_MS_MAX,
    AT_MS_MAX,
    CRON_LEN_MAX,
    SHARD_COUNT,
    TIMER_NAME_LEN_MAX,
    ZONE_LEN_MAX,
)
from protocol.limits import TARGET_LEN_MAX

KIND_NAME: Final = "timers"
SHARDS: Final = tuple(f"{KIND_NAME}:{number}" for number in range(SHARD_COUNT))


def timers_of(target: str) -> str:
    """Return where the timers of *target* are kept."""
    return SHARDS[crc32(target.encode()) % SHARD_COUNT]


def slot_of(name: str) -> str:
    """Return the signals' slot of a timer: of its settings only the newest waits."""
    return f"timer/{name}"


@frozen(kw_only=True)
class SetTimer:
    """Signal: wake its sender at a time, after a while, or whenever a rule comes round.

    Exactly one of ``at_ms`` (Unix time; one that is past rings at once), ``after_ms`` (from when
    this arrives) and ``cron`` (five fields, in ``zone``). It takes the place of an older one of
    the same ``name``.
    """

    TAG: ClassVar[str] = "timers.set"

    name: str = identifier(TIMER_NAME_LEN_MAX)
    version: int = field(validator=ge(1))
    at_ms: int | None = field(default=None, validator=optional(and_(ge(0), le(AT_MS_MAX))))
    after_ms: int | None = field(default=None, validator=optional(and_(ge(0), le(AFTER_MS_MAX))))
    cron: str | None = field(default=None, validator=optional(max_len(CRON_LEN_MAX)))
    zone: str = field(default="UTC", validator=[instance_of(str), max_len(ZONE_LEN_MAX)])

    def __attrs_post_init__(self) -> None:
        if sum(when is not None for when in (self.at_ms, self.after_ms, self.cron)) != 1:
            raise ValueError("give one of at_ms, after_ms and cron")
        if self.cron is None:
            find_zone(self.zone)
        else:
            check_cron(self.cron, self.zone)


@frozen(kw_only=True)
class UnsetTimer:
    """Signal: its sender does not want to be woken any more."""

    TAG: ClassVar[str] = "timers.unset"

    name: str = identifier(TIMER_NAME_LEN_MAX)
    version: int = field(validator=ge(1))


@frozen(kw_only=True)
class Rang:
    """Signal to whoever set a timer: it is ``due_ms``, or later if the server was not running."""

    TAG: ClassVar[str] = "timers.rang"

    name: str
    version: int
    due_ms: int

    @property
    def key(self) -> str:
        """Names this occurrence, and no other one of the same target."""
        return f"{self.name}/{self.version}/{self.due_ms}"


@frozen(kw_only=True)
class CancelTimer:
    """Take somebody's timer away. Answered with whether there was one."""

    TAG: ClassVar[str] = "timers.cancel"

    target: str = field(validator=max_len(TARGET_LEN_MAX))
    name: str = identifier(TIMER_NAME_LEN_MAX)


@frozen(kw_only=True)
class ListTimers:
    """Timers by due time, soonest first. ``after``: the ``cursor`` of the page before."""

    TAG: ClassVar[str] = "timers.list"

    target: str | None = field(default=None, validator=optional(max_len(TARGET_LEN_MAX)))
    after: str | None = field(default=None, validator=optional(max_len(TARGET_LEN_MAX + 128)))
    limit: int = field(default=PAGE_LIMIT_DEFAULT, validator=and_(ge(1), le(PAGE_LIMIT_MAX)))
