"""The rules of messages: decide and evolve, rows, and what must be in memory first.

Every function takes the state of the whole kind and touches only its ``messages``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgpack  # type: ignore[import-untyped]
from attrs import evolve

from collab.errors import Conflict, LimitExceeded, NotFound, PermissionDenied
from collab.kind import Context, Item, Outcome, Put, Remove, Stamp
from collab.limits import (
    BRANCHES_MAX,
    EDITS_PER_MESSAGE_MAX,
    MESSAGE_BYTES_MAX,
    REACTIONS_PER_MESSAGE_MAX,
)
from collab.messages.commands import (
    DeleteAnyMessage,
    DeleteMessage,
    EditMessage,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    MessageReacted,
    PostMessage,
    React,
)
from collab.messages.parts import Text, plain, weigh
from collab.messages.state import LISTING, HasMessages, Message, MessageLog, Replaced

# ---------------------------------------------------------------- decide


def post(state: HasMessages, command: PostMessage, context: Context) -> Outcome:
    """Append a message.

    Raises:
      NotFound: ``reply_to`` or ``parent`` is no message here.
      LimitExceeded: it is too large, or would begin a branch too many.
    """
    log = state.messages
    parts = _content(command)
    if command.reply_to is not None:
        find(log, command.reply_to)
    parent = log.leaf if command.parent is None else command.parent
    if parent != log.leaf and parent != 0:
        find(log, parent)
    if parent not in log.leaves and len(log.leaves) >= BRANCHES_MAX:
        raise LimitExceeded(f"there are {BRANCHES_MAX} branches already")
    posted = MessagePosted(
        parts=parts,
        role=command.role,
        parent=parent,
        reply_to=command.reply_to,
        group_id=command.group_id,
        model=command.model,
    )
    return Outcome([posted], {"id": context.seq + 1})


def edit(state: HasMessages, command: EditMessage, context: Context) -> Outcome:
    """Replace what one's own message says; the same content again changes nothing.

    Raises:
      NotFound: no such message.
      PermissionDenied: it is somebody else's.
      Conflict: it was deleted.
      LimitExceeded: it is too large, or was edited too often.
    """
    message = find(state.messages, command.id)
    if not state.messages.is_by(message, context.caller.user_id):
        raise PermissionDenied(command.TAG, context.target)
    _check_alive(message)
    parts = _content(command)
    if parts == message.parts:
        return Outcome()
    if len(message.edits) >= EDITS_PER_MESSAGE_MAX:
        raise LimitExceeded(f"a message can be edited {EDITS_PER_MESSAGE_MAX} times")
    return Outcome([MessageEdited(id=command.id, parts=parts)])


def delete(state: HasMessages, command: DeleteMessage, context: Context) -> Outcome:
    """Empty one's own message; a deleted one stays as it is.

    Raises:
      NotFound: no such message.
      PermissionDenied: it is somebody else's.
    """
    message = find(state.messages, command.id)
    if not state.messages.is_by(message, context.caller.user_id):
        raise PermissionDenied(command.TAG, context.target)
    return _deletion(message)


def _deletion(message: Message) -> Outcome:
    if message.is_deleted:
        return Outcome()
    return Outcome([MessageDeleted(id=message.id, edits=list(message.edits), n=message.n)])


def delete_any(state: HasMessages, command: DeleteAnyMessage, _context: Context) -> Outcome:
    """Empty anybody's message; a deleted one stays as it is.

    Raises:
      NotFound: no such message.
    """
    message = find(state.messages, command.id)
    return _deletion(message)


def react(state: HasMessages, command: React, context: Context) -> Outcome:
    """Put on or take back one's own emoji; what is so already changes nothing.

    What one put on as a guest is one's own after signing in.

    Raises:
      NotFound: no such message.
      Conflict: it was deleted.
      LimitExceeded: it has too many reactions.
    """
    message = find(state.messages, command.id)
    _check_alive(message)
    reactions = message.reactions
    log, caller = state.messages, context.caller.user_id
    own = [who for who in reactions.get(command.emoji, ()) if caller in (who, log.heirs.get(who))]
    if bool(own) == command.on:
        return Outcome()
    if not command.on:
        return Outcome(
            [
                MessageReacted(
                    id=command.id, emoji=command.emoji, on=False, of=None if who == caller else who
                )
                for who in own
            ]
        )
    if sum(map(len, reactions.values())) >= REACTIONS_PER_MESSAGE_MAX:
        raise LimitExceeded(f"a message can have {REACTIONS_PER_MESSAGE_MAX} reactions")
    return Outcome([MessageReacted(id=command.id, emoji=command.emoji, on=True)])


def find(log: MessageLog, message_id: int) -> Message:
    """Return a message that ``needs`` named. Raises: NotFound."""
    message = log.find(message_id)
    if message is None:
        raise NotFound(f"there is no message {message_id}")
    return message


def _check_alive(message: Message) -> None:
    if message.is_deleted:
        raise Conflict(f"message {message.id} was deleted")


def _content(command: PostMessage | EditMessage) -> list[dict[str, Any]]:
    if command.parts is not None:
        parts = [plain(part) for part in command.parts]
    else:
        assert command.text is not None  # Checked when the command was made.
        parts = [plain(Text(text=command.text))]
    if weigh(parts) > MESSAGE_BYTES_MAX:
        raise LimitExceeded(f"a message can have {MESSAGE_BYTES_MAX} bytes")
    return parts


# ---------------------------------------------------------------- evolve


def posted(state: HasMessages, event: MessagePosted, stamp: Stamp) -> None:
    """Append it."""
    state.messages.append(
        Message(
            id=stamp.seq,
            author=stamp.by,
            role=event.role,
            parts=event.parts,
            at_ms=stamp.at_ms,
            parent=event.parent,
            reply_to=event.reply_to,
            group_id=event.group_id,
            model=event.model,
        )
    )


def edited(state: HasMessages, event: MessageEdited, stamp: Stamp) -> None:
    """Change a message in memory; one that is not there (in a replay) has its row already."""
    log = state.messages
    message = log.find(event.id)
    if message is None:
        return
    log.replaced = Replaced(message.edited_ms or message.at_ms, message.parts)
    message.parts = event.parts
    message.edited_ms = stamp.at_ms
    message.edits.append(stamp.seq)
    log.reweigh(message)


def deleted(state: HasMessages, event: MessageDeleted, _stamp: Stamp) -> None:
    """Leave a tombstone: author, time and place stay, all content goes.

    The seqs of its edits stay too: their rows are removed right after this.
    """
    state.messages.note_gone(event.n)
    message = state.messages.find(event.id)
    if message is None:
        return
    message.parts = []
    message.reactions = {}
    message.is_deleted = True
    state.messages.reweigh(message)


def reacted(state: HasMessages, event: MessageReacted, stamp: Stamp) -> None:
    """Add or take away one reaction."""
    message = state.messages.find(event.id)
    if message is None:
        return
    users = message.reactions.setdefault(event.emoji, [])
    if event.on:
        users.append(stamp.by)
    else:
        users.remove(event.of or stamp.by)
        if not users:
            del message.reactions[event.emoji]
    state.messages.reweigh(message)


# ---------------------------------------------------------------- rows and old messages


def rows(state: HasMessages, event: Any, stamp: Stamp) -> Sequence[Put | Remove]:
    """Return the message as it is now, and what its history gains or loses.

    Only called for live events, whose message ``needs`` has brought into memory.
    """
    if type(event) is MessagePosted:
        return [Put(LISTING, stamp.seq, state.messages.tail[-1].pack())]
    if type(event) not in (MessageEdited, MessageDeleted, MessageReacted):
        return ()
    message = state.messages.find(event.id)
    assert message is not None
    now = Put(LISTING, event.id, message.pack())
    if type(event) is MessageEdited:
        replaced = state.messages.replaced
        assert replaced is not None
        version = {"seq": stamp.seq, "at_ms": replaced.at_ms, "parts": replaced.parts}
        return [now, Put(history_of(event.id), stamp.seq, msgpack.packb(version))]
    if type(event) is MessageDeleted:
        return [now, *(Remove(history_of(event.id), seq) for seq in message.edits)]
    return [now]


def history_of(message_id: int) -> str:
    """Return the listing of a message's former versions; position = seq of the edit."""
    return f"edits/{message_id}"


def needs(state: HasMessages, command: Any) -> Mapping[str, Sequence[int]]:
    """Return the messages that *command* names and memory does not hold; keep the others there."""
    kind = type(command)
    if kind is PostMessage:
        named = (command.reply_to, command.parent)
    elif kind in (EditMessage, DeleteMessage, DeleteAnyMessage, React):
        named = (command.id, None)
    else:
        return {}
    return missing(state.messages, named)


def missing(log: MessageLog, named: Sequence[int | None]) -> Mapping[str, Sequence[int]]:
    """Return those of *named* that exist, perhaps, but not in memory."""
    absent = [
        message_id
        for message_id in named
        if message_id and message_id <= log.newest_id and not log.hold(message_id)
    ]
    return {LISTING: absent} if absent else {}


def load(state: HasMessages, listing: str, items: Sequence[Item]) -> None:
    """Put what ``needs`` asked for into memory."""
    if listing == LISTING:
        state.messages.load(items)


def redacts(event: object) -> Sequence[int]:
    """Return the events whose content *event* takes back: a deleted message's post and edits."""
    return [event.id, *event.edits] if isinstance(event, MessageDeleted) else ()


def redacted(event: Any) -> Any:
    """Return *event* without what its message said."""
    return evolve(event, parts=[]) if isinstance(event, MessagePosted | MessageEdited) else event
