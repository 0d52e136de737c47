"""What meetings and chats tell a person's own actor, and what the person asks of their list.

``ListItem`` and ``UnlistItem`` are signals (``collab.kind.Signal``) to ``user:ID``. They may come
twice and in any order; ``version`` is the seq of the event that caused them, and the newest version
of a target wins. So they share a slot: of what one meeting or chat has to tell a person, only the
newest waits. ``CountItem`` has a slot of its own; its numbers only grow, so the largest win.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from attrs import field, frozen
from attrs.validators import and_, ge, in_, le, max_len, min_len, optional

from collab.limits import (
    GONE_KEPT_MAX,
    LABEL_LEN_MAX,
    PAGE_LIMIT_DEFAULT,
    PAGE_LIMIT_MAX,
    TITLE_LEN_MAX,
)
from collab.messages.checks import SEQ_MAX, number, place
from protocol.limits import TARGET_LEN_MAX

KINDS: Final = ("meeting", "chat")
STANDINGS: Final = ("invited", "joined")
LIST_SLOT: Final = "list"
COUNT_SLOT: Final = "count"
DOORS: Final = ("everybody", "known")
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
    standing: Literal["invited", "joined"] = field(default="joined", validator=in_(STANDINGS))
    by: str | None = None  # Who caused this; a person is not told of what they did themselves.
    invited_by: str | None = None  # Who brought this person in; None: they came by themselves.
    invited_as: str | None = None  # The id that they had then: of a guest who has signed in since.
    inviter_org: str | None = None  # Whose organisation this was at that time.
    count: int = number(0, SEQ_MAX, default=0)  # Messages ever posted there;
    seen: int = number(0, SEQ_MAX, default=0)  # as in ``CountItem``.


@frozen(kw_only=True)
class UnlistItem:
    """Take *target* off this person's list: removed, left, or the thing was deleted."""

    TAG: ClassVar[str] = "user.unlist_item"

    target: str = _target()
    at_ms: int = field(validator=ge(0))
    version: int = field(validator=ge(1))
    by: str | None = None  # Who caused this.


@frozen(kw_only=True)
class CountItem:
    """So many messages were ever posted in *target*.

    Up to the ``seen``-th they are nothing new to this person, who posted that one or came later.
    ``gone``: the numbers of later ones that were deleted, the newest ``GONE_KEPT_MAX``.
    """

    TAG: ClassVar[str] = "user.count_item"

    target: str = _target()
    count: int = number(0, SEQ_MAX)
    seen: int = number(0, SEQ_MAX, default=0)
    gone: list[int] = field(factory=list, validator=max_len(GONE_KEPT_MAX))


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
class Read:
    """I have read one of my meetings or chats up to ``message_id``, on whatever device.

    None: everything that is known here, which may be some seconds behind. Reading never goes back.
    Answered with the item.
    """

    TAG: ClassVar[str] = "user.read"

    target: str = _target()
    message_id: int | None = place(default=None)
    # Which message of the target that is, counted from 1; found out before this is decided.
    # None: there is no such message.
    number: int | None = field(default=None, init=False)


@frozen(kw_only=True)
class Welcome:
    """Take what a stranger brought me into as mine: it is a request no more.

    Answered with the item. To take part in a meeting, join it.
    """

    TAG: ClassVar[str] = "user.welcome"

    target: str = _target()


@frozen(kw_only=True)
class SetDoor:
    """Who may invite me: ``everybody``, or ``known`` people, connected or of my organisation.

    Answered with ``{"who"}``.
    """

    TAG: ClassVar[str] = "user.door"

    who: Literal["everybody", "known"] = field(validator=in_(DOORS))


@frozen(kw_only=True)
class PageList:
    """My meetings and chats, newest first. ``before`` is the ``cursor`` of the page before.

    A page may hold fewer than ``limit``, or none, while there is ``more``.

    ``kind``: only these. ``is_archived``: the archived ones instead of the others. ``is_pinned``,
    ``is_unread``, ``is_request``: only those that are, or are not. ``standing``: invitations, or
    what I am in.
    """

    TAG: ClassVar[str] = "user.list"

    kind: Literal["meeting", "chat"] | None = field(default=None, validator=optional(in_(KINDS)))
    is_pinned: bool | None = None
    is_archived: bool = False
    is_unread: bool | None = None
    is_request: bool | None = None
    standing: Literal["invited", "joined"] | None = field(
        default=None, validator=optional(in_(STANDINGS))
    )
    before: str | None = field(default=None, validator=optional(max_len(CURSOR_LEN_MAX)))
    limit: int = field(default=PAGE_LIMIT_DEFAULT, validator=and_(ge(1), le(PAGE_LIMIT_MAX)))


@frozen(kw_only=True)
class GetInbox:
    """How much waits for me, in numbers: ``{"unread", "unread_items", "invitations", "requests",
    "unseen", "asking", "door"}``.

    ``unread``: messages, in what is not archived; ``unread_items``: in so many meetings and chats.
    ``requests``: those of the invitations that strangers sent. ``unseen``: notices. ``asking``:
    people who want to connect.
    """

    TAG: ClassVar[str] = "user.inbox"
