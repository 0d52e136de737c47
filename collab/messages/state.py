"""What an actor with messages keeps in memory: the newest ones, and the tree they form.

All messages are projection rows (listing ``messages``, position = id). In memory are the *tail*
(the newest, bounded by count and bytes, which is also what a subscriber sees first) and the
*cache* (older ones that a command touched). The tail follows from the events alone, so it is the
same after a replay; the cache is not part of the state and is lost with the activation.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgpack  # type: ignore[import-untyped]
from attrs import define, field

from collab.kind import Item
from collab.limits import (
    COUNT_PEOPLE_MAX,
    GONE_KEPT_MAX,
    MESSAGE_CACHE_MAX,
    MESSAGE_TAIL_BYTES_MAX,
    MESSAGE_TAIL_MAX,
)
from collab.messages.parts import owned

LISTING: Final = "messages"
FIELDS_BYTES: Final = 256  # What a message's fields take beside its content.
EDIT_BYTES: Final = 5


@define
class Message:
    """One message. ``parts`` are plain structures and never changed in place."""

    id: int
    author: str
    role: str
    parts: list[dict[str, Any]]
    at_ms: int
    parent: int = 0  # The message before it in its branch; 0: it begins one.
    reply_to: int | None = None
    group_id: str | None = None
    model: str | None = None
    edited_ms: int | None = None
    edits: list[int] = field(factory=list)  # Seqs of the edits, oldest first.
    reactions: dict[str, list[str]] = field(factory=dict)  # Emoji to user ids, first come first.
    is_deleted: bool = False
    n: int = 0  # The n-th message here, from 1; 0: posted before messages were numbered.
    weight: int = 0  # Bytes when packed, nearly; kept up to date for messages in the tail.

    def plain(self) -> dict[str, Any]:
        """Return it as stored and sent: a copy that later changes do not reach, nor the reverse."""
        return {**self._plain(), "parts": owned(self.parts)}

    def _plain(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "author": self.author,
            "role": self.role,
            "parts": self.parts,
            "at_ms": self.at_ms,
            "parent": self.parent,
            "reply_to": self.reply_to,
            "group_id": self.group_id,
            "model": self.model,
            "edited_ms": self.edited_ms,
            "edits": list(self.edits),
            "reactions": {emoji: list(users) for emoji, users in self.reactions.items()},
            "is_deleted": self.is_deleted,
            "n": self.n,
        }

    def weigh(self) -> int:
        """Return its bytes when packed, nearly; much cheaper than packing it."""
        weight = FIELDS_BYTES + len(msgpack.packb(self.parts)) + EDIT_BYTES * len(self.edits)
        return weight + len(msgpack.packb(self.reactions)) if self.reactions else weight

    def pack(self) -> bytes:
        """Return it as a row."""
        packed: bytes = msgpack.packb(self._plain())
        return packed


def unpack(row: bytes) -> dict[str, Any]:
    """Return a row as a plain structure."""
    held: dict[str, Any] = msgpack.unpackb(row)
    return held


@define
class Replaced:
    """What the newest edit replaced: still needed for its row of history."""

    at_ms: int
    parts: list[dict[str, Any]]


@define
class MessageLog:
    """The messages of one actor."""

    count: int = 0  # Ever posted, deleted ones included.
    newest_id: int = 0
    leaf: int = 0  # The newest message of the current branch: what is posted next follows it.
    leaves: list[int] = field(factory=list)  # Ends of all branches, in order of their growth.
    tail: list[Message] = field(factory=list)  # Ascending ids, without a gap up to the newest.
    tail_weight: int = 0
    counted: int = 0  # Messages that people were told of,
    counted_ms: int = 0  # and when; see ``counting``.
    gone: list[int] = field(factory=list)  # Numbers of deleted messages, ascending: the newest.
    deletions: int = 0  # Ever,
    deletions_told: int = 0  # and those that people were told of.
    heirs: dict[str, str] = field(factory=dict)  # Author to who that is now; see ``handing_over``.
    seen: dict[str, int] = field(factory=dict)  # Person to the number up to which they surely know.
    cache: dict[int, Message] = field(factory=dict, init=False, eq=False, repr=False)
    replaced: Replaced | None = field(default=None, init=False, eq=False, repr=False)

    @property
    def is_whole(self) -> bool:
        """True while the tail holds every message there is."""
        return self.count == len(self.tail)

    def find(self, message_id: int) -> Message | None:
        """Return a message that is in memory."""
        tail = self.tail
        if tail and message_id >= tail[0].id:
            at = bisect_left(tail, message_id, key=_id_of)
            return tail[at] if at < len(tail) and tail[at].id == message_id else None
        return self.cache.get(message_id)

    def hold(self, message_id: int) -> bool:
        """Keep a message at hand for the commands of this batch; False: it must be loaded.

        The tail may lose it to posts earlier in the batch, so it goes into the cache as well.
        """
        message = self.find(message_id)
        if message is None:
            return False
        self._put(message)
        return True

    def load(self, items: Sequence[Item]) -> None:
        """Put stored messages into the cache; what memory holds already is at least as new."""
        for item in items:
            if item.position not in self.cache:
                self._put(_from_row(item.value))

    def is_by(self, message: Message, user_id: str) -> bool:
        """Say whether *user_id* wrote *message*, now or under an id of before."""
        return user_id in (message.author, self.heirs.get(message.author))

    def append(self, message: Message) -> None:
        """Add the newest message; let the tail's oldest go when it is over a bound."""
        self.count += 1
        message.n = self.count
        self.newest_id = self.leaf = message.id
        self.note_seen(message.author)
        if message.parent in self.leaves:
            self.leaves.remove(message.parent)
        self.leaves.append(message.id)
        self.tail.append(message)
        self.reweigh(message)

    def note_seen(self, user_id: str) -> None:
        """What is there now is nothing new to somebody, who wrote the last of it or comes later."""
        self.seen.pop(user_id, None)
        if self.count:
            self.seen[user_id] = self.count
        if len(self.seen) > COUNT_PEOPLE_MAX:
            del self.seen[next(iter(self.seen))]

    def note_gone(self, number: int) -> None:
        """Message *number* was deleted: it is nothing to read any more. 0: nobody knows which."""
        if number:
            insort(self.gone, number)
            del self.gone[:-GONE_KEPT_MAX]
            self.deletions += 1

    def reweigh(self, message: Message) -> None:
        """Account for a new or changed message."""
        tail = self.tail
        if message.id < tail[0].id:
            return  # Only cached: it weighs nothing here.
        weight = message.weigh()
        self.tail_weight += weight - message.weight
        message.weight = weight
        while len(tail) > MESSAGE_TAIL_MAX or (
            self.tail_weight > MESSAGE_TAIL_BYTES_MAX and len(tail) > 1
        ):
            self.tail_weight -= tail.pop(0).weight

    def _put(self, message: Message) -> None:
        cache = self.cache
        cache.pop(message.id, None)
        cache[message.id] = message
        if len(cache) > MESSAGE_CACHE_MAX:
            del cache[next(iter(cache))]


class HasMessages(Protocol):
    """The state of a kind with messages."""

    messages: MessageLog


def _id_of(message: Message) -> int:
    return message.id


def _from_row(row: bytes) -> Message:
    return Message(**unpack(row))
