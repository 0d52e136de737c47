"""What meetings and chats tell a person's own actor: list me, unlist me.

Both are signals (``collab.kind.Signal``) to ``user:ID``. They may come twice and in any order;
``version`` is the seq of the event that caused them, and the newest version of a target wins. So
they share a slot: of what one meeting or chat has to tell a person, only the newest waits.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from attrs import field, frozen
from attrs.validators import and_, ge, in_, le, max_len, min_len, optional

from collab.limits import LABEL_LEN_MAX, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, TITLE_LEN_MAX
from protocol.limits import TARGET_LEN_MAX

KINDS: Final = ("meeting", "chat")
LIST_SLOT: Final = "list"
CURSOR_LEN_MAX: Final = 17 + TARGET_LEN_MAX  # Milliseconds, a colon, a target.


def _target() -> Any:
    return field(validator=[min_len(1), max_len(TARGET_LEN_MAX)])


@frozen(kw_only=True)
class ListItem:
    """Show *target* in this person's list, as it is now."""

    TAG: ClassVar[str] = "user.list_item"

    kind: Literal["meeting", "chat"] = field(validator=in_(KINDS))
    target: str = _target()
    title: str = field(validator=max_len(TITLE_LEN_MAX))
    status: str = field(validator=max_len(LABEL_LEN_MAX))  # "scheduled", "live", "ended", "open"...
    role: str = field(validator=max_len(LABEL_LEN_MAX))  # This person's role there.
    planned_start_ms: int | None = None
    at_ms: int = field(validator=ge(0))  # When it last changed or was active: the list's order.
    version: int = field(validator=ge(1))  # Seq of the causing event, in the target's history.


@frozen(kw_only=True)
class UnlistItem:
    """Take *target* off this person's list: removed, left, or the thing was deleted."""

    TAG: ClassVar[str] = "user.unlist_item"

    target: str = _target()
    at_ms: int = field(validator=ge(0))
    version: int = field(validator=ge(1))


@frozen(kw_only=True)
class Pin:
    """Keep one of my meetings or chats at hand, or let it go again (``on=False``).

    Answered with the item. Repeating it changes nothing.
    """

    TAG: ClassVar[str] = "user.pin"

    target: str = _target()
    on: bool = True


@frozen(kw_only=True)
class Archive:
    """Put one of my meetings or chats away, or take it out again (``on=False``).

    Answered with the item. Repeating it changes nothing.
    """

    TAG: ClassVar[str] = "user.archive"

    target: str = _target()
    on: bool = True


@frozen(kw_only=True)
class PageList:
    """My meetings and chats, newest first. ``before`` is the ``cursor`` of the page before.

    ``kind``: only these. ``is_archived``: the archived ones instead of the others.
    ``is_pinned``: only those that are, or are not, pinned.
    """

    TAG: ClassVar[str] = "user.list"

    kind: Literal["meeting", "chat"] | None = field(default=None, validator=optional(in_(KINDS)))
    is_pinned: bool | None = None
    is_archived: bool = False
    before: str | None = field(default=None, validator=optional(max_len(CURSOR_LEN_MAX)))
    limit: int = field(default=PAGE_LIMIT_DEFAULT, validator=and_(ge(1), le(PAGE_LIMIT_MAX)))
