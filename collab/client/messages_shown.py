"""Messages as one value that events and local writes move on. No I/O; see ``MessageView``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import define, evolve, field, frozen

from collab.limits import MESSAGES_SHOWN_MAX
from protocol.client import Event

NOT_YET: Final = 0  # Id of a message that history does not hold yet.


@frozen(kw_only=True)
class ShownMessage:
    """One message. ``id`` is ``NOT_YET`` while only this client knows it."""

    id: int
    author: str
    role: str
    parts: Sequence[Mapping[str, Any]]
    at_ms: int
    parent: int = 0
    reply_to: int | None = None
    group_id: str | None = None
    model: str | None = None
    edited_ms: int | None = None
    edits: Sequence[int] = ()
    reactions: Mapping[str, Sequence[str]] = field(factory=dict)
    is_deleted: bool = False
    n: int = 0  # The n-th message there; 0: not known.

    @property
    def text(self) -> str:
        """Its text parts, one after the other."""
        return "".join(part["text"] for part in self.parts if part["type"] == "text")

    @property
    def is_pending(self) -> bool:
        """History does not hold it yet."""
        return self.id == NOT_YET


@define(frozen=True)
class MessagesShown:
    """The newest messages, at most ``MESSAGES_SHOWN_MAX``; ``more``: there are older ones."""

    messages: tuple[ShownMessage, ...] = ()
    more: bool = False
    leaf: int = 0

    def find(self, message_id: int) -> ShownMessage | None:
        """Return the message with this id, if it is shown."""
        return next((m for m in reversed(self.messages) if m.id == message_id), None)


def load(snapshot: Mapping[str, Any]) -> MessagesShown:
    """Return the state of a snapshot of the topic ``messages``."""
    messages = tuple(ShownMessage(**fields) for fields in snapshot["messages"])
    return MessagesShown(messages, snapshot["more"], snapshot["leaf"])


def reduce(shown: MessagesShown, event: Event) -> MessagesShown:
    """Return the state after *event*; what does not concern it changes nothing."""
    change = _CHANGES.get(event.type)
    return shown if change is None else change(shown, event)


def append(shown: MessagesShown, message: ShownMessage) -> MessagesShown:
    """Return the state with one more message; the oldest falls off."""
    messages = (*shown.messages, message)
    leaf = shown.leaf if message.is_pending else message.id
    if len(messages) > MESSAGES_SHOWN_MAX:
        return MessagesShown(messages[-MESSAGES_SHOWN_MAX:], more=True, leaf=leaf)
    return MessagesShown(messages, shown.more, leaf)


def edit(
    shown: MessagesShown,
    message_id: int,
    parts: Sequence[Mapping[str, Any]],
    at_ms: int,
    *,
    seq: int | None = None,
) -> MessagesShown:
    """Return the state in which a message says something else; *seq*: of the edit, once known."""
    seqs = () if seq is None else (seq,)
    return _replace(
        shown,
        message_id,
        lambda m: evolve(m, parts=parts, edited_ms=at_ms, edits=(*m.edits, *seqs)),
    )


def delete(shown: MessagesShown, message_id: int) -> MessagesShown:
    """Return the state in which a message is empty; its place stays."""
    return _replace(shown, message_id, lambda m: evolve(m, parts=(), reactions={}, is_deleted=True))


def react(
    shown: MessagesShown, message_id: int, emoji: str, user_id: str, *, on: bool
) -> MessagesShown:
    """Return the state in which *user_id* has put an emoji on a message, or not."""

    def reacted(message: ShownMessage) -> ShownMessage:
        others = [user for user in message.reactions.get(emoji, ()) if user != user_id]
        if on and user_id in message.reactions.get(emoji, ()):
            return message
        users = [*others, user_id] if on else others
        reactions = {**message.reactions, emoji: users}  # First come first, as the server's.
        if not users:
            del reactions[emoji]
        return evolve(message, reactions=reactions)

    return _replace(shown, message_id, reacted)


def _replace(
    shown: MessagesShown, message_id: int, change: Callable[[ShownMessage], ShownMessage]
) -> MessagesShown:
    messages = tuple(change(m) if m.id == message_id else m for m in shown.messages)
    return evolve(shown, messages=messages)


# ---------------------------------------------------------------- events


def _posted(shown: MessagesShown, event: Event) -> MessagesShown:
    newest = shown.messages[-1].n if shown.messages else 0
    n = newest + 1 if newest or not shown.messages else 0
    message = ShownMessage(id=event.seq, author=event.by, at_ms=event.at_ms, n=n, **event.data)
    return append(shown, message)


def _edited(shown: MessagesShown, event: Event) -> MessagesShown:
    return edit(shown, event.data["id"], event.data["parts"], event.at_ms, seq=event.seq)


def _deleted(shown: MessagesShown, event: Event) -> MessagesShown:
    return delete(shown, event.data["id"])


def _reacted(shown: MessagesShown, event: Event) -> MessagesShown:
    fields = event.data
    who = fields.get("of") or event.by
    return react(shown, fields["id"], fields["emoji"], who, on=fields["on"])


def _branched(shown: MessagesShown, event: Event) -> MessagesShown:
    return evolve(shown, leaf=event.data["message_id"])


_CHANGES: Final[Mapping[str, Callable[[MessagesShown, Event], MessagesShown]]] = MappingProxyType(
    {
        "message.posted": _posted,
        "message.edited": _edited,
        "message.deleted": _deleted,
        "message.reacted": _reacted,
        "chat.branched": _branched,
    }
)
