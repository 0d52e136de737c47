"""What a person asks of their notices, and what happens to them.

A notice's id is the seq of the event that added it, so ids ascend. At most ``NOTICES_MAX`` are
kept: the oldest go.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import define, frozen

from collab.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX
from collab.messages.checks import number, place


@frozen(kw_only=True)
class SeeNotices:
    """Mark all notices up to ``up_to`` (None: all) as seen. Answered with ``{"unseen"}``."""

    TAG: ClassVar[str] = "notices.see"

    up_to: int | None = place(default=None)


@frozen(kw_only=True)
class PageNotices:
    """Read notices, newest first, before the id ``before``.

    Answered with ``{"notices", "more", "unseen", "seen_id"}``.
    """

    TAG: ClassVar[str] = "notices.list"

    before: int | None = place(default=None)
    limit: int = number(1, PAGE_LIMIT_MAX, default=PAGE_LIMIT_DEFAULT)


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class NoticeAdded:
    """Something that I should know of.

    ``about``: connection_requested, connected, invited, added, role_changed, started, ended,
    cancelled or removed. ``user_id``: who did it, if a person did; ``target``: where.
    """

    TAG: ClassVar[str] = "notice.added"

    about: str
    user_id: str | None = None
    target: str | None = None
    title: str | None = None
    role: str | None = None


@frozen(kw_only=True)
class NoticesSeen:
    """Everything up to this id is seen."""

    TAG: ClassVar[str] = "notice.seen"

    up_to: int


@define
class Notice:
    """One notice as it is kept."""

    id: int
    at_ms: int
    about: str
    user_id: str | None
    target: str | None
    title: str | None
    role: str | None
