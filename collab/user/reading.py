"""What is unread: how many messages a meeting or chat has, and how many of them one has read.

The number of messages comes from the meeting or chat, at most every few seconds
(``collab.messages.counting``); the mark is set here, by ``user.read``. So reading costs one event
in the reader's own history and nothing in the room, and a message in a room of a thousand costs
nothing for each of them. A message's number in its room (``n``) stands in its row; ``study`` reads
it there, so that a mark is right although the count may be behind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgpack  # type: ignore[import-untyped]
from attrs import evolve

from collab.errors import NotFound
from collab.kind import Caller, Context, Outcome, Reader, Stamp
from collab.limits import GONE_KEPT_MAX
from collab.messages.state import LISTING
from collab.user.commands import CountItem, Read
from collab.user.invitations import is_blocked
from collab.user.state import Entry, ItemCounted, ItemRead, UserState


def study(
    state: UserState, command: Any, _caller: Caller, _target: str, reader: Reader
) -> Callable[[], Awaitable[None]] | None:
    """Find out which message of its room a ``user.read`` names."""
    if type(command) is not Read or command.message_id is None:
        return None
    if command.target not in state.items:
        return None  # Refused anyway: nobody learns of other people's rooms.
    message_id: int = command.message_id

    async def find() -> None:
        for item in await reader.get(command.target, LISTING, [message_id]):
            number = msgpack.unpackb(item.value).get("n", 0)
            object.__setattr__(command, "number", number)  # Ours alone, and not decided yet.

    return find


def read(state: UserState, command: Read, _context: Context) -> Outcome:
    """Move the mark forward; further back changes nothing.

    A message from the time before messages were numbered marks what is known as read.

    Raises:
      NotFound: it is not on the list, or there is no such message.
    """
    entry = state.items.get(command.target)
    if entry is None:
        raise NotFound(f"{command.target} is not on your list")
    if command.message_id is not None and command.number is None:
        raise NotFound(f"there is no message {command.message_id}")
    up_to = command.number or entry.count
    after = evolve(entry, read=max(entry.read, up_to))
    value = after.plain(command.target)
    if after.read == entry.read:
        return Outcome(value=value)
    return Outcome([ItemRead(target=command.target, read=after.read, unread=after.unread)], value)


def count(state: UserState, command: CountItem, _context: Context) -> Outcome:
    """Take the numbers over as far as they grow. Never refused.

    What somebody brought the person into who is blocked by now is silent.
    """
    entry = state.items.get(command.target)
    if entry is None or is_blocked(state, entry.invited_by):
        return Outcome()
    after = with_counts(entry, command.count, command.seen, command.gone)
    if after == entry:
        return Outcome()
    event = ItemCounted(
        target=command.target,
        count=after.count,
        seen=after.seen,
        gone=after.gone,
        unread=after.unread,
    )
    return Outcome([event])


def with_counts(entry: Entry, count: int, seen: int, gone: Sequence[int] = ()) -> Entry:
    """Return *entry* with numbers that are at least as large; what is deleted stays so."""
    up_to = max(entry.seen, seen, entry.read)
    missing = sorted(number for number in {*entry.gone, *gone} if number > up_to)
    return evolve(
        entry,
        count=max(entry.count, count),
        seen=max(entry.seen, seen),
        gone=missing[-GONE_KEPT_MAX:],
    )


def counted(state: UserState, event: ItemCounted, _stamp: Stamp) -> None:
    """Take the numbers over."""
    state.change(event.target, count=event.count, seen=event.seen, gone=list(event.gone))


def was_read(state: UserState, event: ItemRead, _stamp: Stamp) -> None:
    """Move the mark."""
    state.change(event.target, read=event.read)
