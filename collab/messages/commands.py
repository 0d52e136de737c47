"""What one can ask of a log of messages, and what happens in it.

Tags are on the wire and in the journal: they never change. A message's id is the seq of the event
that posted it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from attrs import field, frozen
from attrs.validators import and_, in_, max_len, min_len, optional

from collab.limits import (
    EMOJI_LEN_MAX,
    MESSAGE_PARTS_MAX,
    MODEL_LEN_MAX,
    PAGE_LIMIT_DEFAULT,
    PAGE_LIMIT_MAX,
    TEXT_LEN_MAX,
)
from collab.messages.checks import identifier, number, place, words
from collab.messages.parts import Part

ROLES: Final = ("user", "assistant", "system", "data", "tool")


def _parts() -> Any:
    return field(default=None, validator=optional(and_(min_len(1), max_len(MESSAGE_PARTS_MAX))))


def _check_content(command: PostMessage | EditMessage) -> None:
    if (command.text is None) == (command.parts is None):
        raise ValueError("give either text or parts")


# ---------------------------------------------------------------- commands


@frozen(kw_only=True)
class PostMessage:
    """Append one message. Answered with ``{"id"}``.

    Exactly one of ``text`` (one text part) and ``parts``. ``parent`` is the message that this one
    follows: by default the newest of the current branch; 0 begins a new branch from nothing.
    Safe to resend with the same client key.
    """

    TAG: ClassVar[str] = "messages.post"

    text: str | None = words(TEXT_LEN_MAX, len_min=1, default=None)
    parts: tuple[Part, ...] | None = _parts()
    role: Literal["user", "assistant", "system", "data", "tool"] = field(
        default="user", validator=in_(ROLES)
    )
    reply_to: int | None = place(default=None)
    parent: int | None = place(low=0, default=None)
    group_id: str | None = identifier(default=None)
    model: str | None = words(MODEL_LEN_MAX, len_min=1, default=None)

    def __attrs_post_init__(self) -> None:
        _check_content(self)


@frozen(kw_only=True)
class EditMessage:
    """Replace the content of one's own message; what it said before stays readable."""

    TAG: ClassVar[str] = "messages.edit"

    id: int = place()
    text: str | None = words(TEXT_LEN_MAX, len_min=1, default=None)
    parts: tuple[Part, ...] | None = _parts()

    def __attrs_post_init__(self) -> None:
        _check_content(self)


@frozen(kw_only=True)
class DeleteMessage:
    """Empty one's own message for everybody. Its place in the order stays."""

    TAG: ClassVar[str] = "messages.delete"

    id: int = place()


@frozen(kw_only=True)
class DeleteAnyMessage:
    """Empty anybody's message: for moderators."""

    TAG: ClassVar[str] = "messages.delete_any"

    id: int = place()


@frozen(kw_only=True)
class React:
    """Put an emoji on a message, or take one's own back (``on=False``)."""

    TAG: ClassVar[str] = "messages.react"

    id: int = place()
    emoji: str = identifier(EMOJI_LEN_MAX)
    on: bool = True


# ---------------------------------------------------------------- queries


@frozen(kw_only=True)
class PageMessages:
    """Up to ``limit`` messages, ascending: the newest, those before or those after an id.

    With ``leaf``: the branch that ends there, newest ``limit`` of it. Answered with
    ``{"messages", "more"}``, and with ``leaf`` also ``"next_leaf"``, where the next page ends.
    A page may be shorter than ``limit``: then ``more`` says that there are others.
    """

    TAG: ClassVar[str] = "messages.page"

    before: int | None = place(default=None)
    after: int | None = place(low=0, default=None)
    leaf: int | None = place(default=None)
    limit: int = number(1, PAGE_LIMIT_MAX, default=PAGE_LIMIT_DEFAULT)

    def __attrs_post_init__(self) -> None:
        if [self.before, self.after, self.leaf].count(None) < 2:
            raise ValueError("give at most one of before, after and leaf")


@frozen(kw_only=True)
class GetMessage:
    """One message by its id."""

    TAG: ClassVar[str] = "messages.get"

    id: int = place()


@frozen(kw_only=True)
class PageHistory:
    """What a message said before its edits, oldest first: ``{"versions": [...], "more"}``.

    Each version: ``{"seq", "at_ms", "parts"}``; ``seq`` is the edit that replaced it, ``at_ms``
    when it was written. ``before`` a ``seq`` pages back.
    """

    TAG: ClassVar[str] = "messages.history"

    id: int = place()
    before: int | None = place(default=None)
    limit: int = number(1, PAGE_LIMIT_MAX, default=PAGE_LIMIT_DEFAULT)


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class MessagePosted:
    """A message exists: its id is this event's seq, its author this event's ``by``."""

    TAG: ClassVar[str] = "message.posted"

    parts: list[dict[str, Any]]
    role: str = "user"
    parent: int = 0
    reply_to: int | None = None
    group_id: str | None = None
    model: str | None = None


@frozen(kw_only=True)
class MessageEdited:
    """A message says something else now."""

    TAG: ClassVar[str] = "message.edited"

    id: int
    parts: list[dict[str, Any]]


@frozen(kw_only=True)
class MessageDeleted:
    """A message is empty now; reactions and former versions are gone with it."""

    TAG: ClassVar[str] = "message.deleted"

    id: int
    edits: list[int] = field(factory=list)  # Seqs of its edits: their content goes too.
    n: int = 0  # Which message of its room it was; 0: posted before messages were numbered.


@frozen(kw_only=True)
class MessageReacted:
    """This event's ``by`` put ``emoji`` on a message, or took it back.

    ``of``: the id under which they had put it on, if they were a guest then.
    """

    TAG: ClassVar[str] = "message.reacted"

    id: int
    emoji: str
    on: bool
    of: str | None = None
