"""A follower: the inbox that the feed fills, and the handle that its owner reads.

The inbox is bounded. When it is full it takes nothing more and remembers where it stopped; once
its owner has read it empty, the feed is asked to go on from there. Nothing is lost, nobody waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import trio

from protocol.client._items import Event, Item, PresenceItem, SnapshotItem
from protocol.errors import ClientError
from protocol.messages import Cursor

Sessions = Mapping[str, Mapping[str, Any] | None]


class Inbox:
    """What one follower has received and not yet read, and how far it has received."""

    def __init__(
        self,
        topics: frozenset[str],
        cursor: Cursor | None,
        *,
        events_max: int,
        on_room: Callable[[], None],
        is_lasting: bool = False,
    ) -> None:
        self.topics = topics
        # Where reception stands. ``epoch`` None: a snapshot is needed first.
        self.epoch = cursor.epoch if cursor else None
        self.seq = cursor.seq if cursor else 0
        self.is_proven = False  # The server has confirmed that this place exists.
        self.is_accepted = False  # The server has let these topics be followed.
        self.is_lagging = False  # It was full; it goes on when it has been read.
        self.is_over = False
        self.error: ClientError | None = None
        self._read = (cursor.epoch, cursor.seq) if cursor else None  # Of the last item handed out.
        self._items: deque[tuple[Item, str]] = deque()  # With the epoch that each belongs to.
        self._presence: dict[str, Mapping[str, Any] | None] = {}  # Merged, not read yet.
        self._presence_is_full = False
        self._is_lasting = is_lasting  # It asks once more for what is left at the end.
        self._events_max = events_max
        self._on_room = on_room
        self._arrived = trio.lowlevel.ParkingLot()

    # ------------------------------------------------------------ the feed's side

    @property
    def position(self) -> Cursor | None:
        """Everything up to here was received."""
        return None if self.epoch is None else Cursor(epoch=self.epoch, seq=self.seq)

    def put_snapshot(self, item: SnapshotItem) -> None:
        """Start over at *item*. If there is no room, it replaces what it makes obsolete."""
        if len(self._items) >= self._events_max:
            self._items.clear()
        self.epoch, self.seq, self.is_lagging = item.epoch, item.seq, False
        topics = {name: value for name, value in item.topics.items() if name in self.topics}
        mine = SnapshotItem(item.epoch, item.seq, topics, item.reset_reason)
        self._items.append((mine, item.epoch))
        self._arrived.unpark_all()

    def put_events(self, events: Iterable[Event], upto_seq: int) -> None:
        """Take those of *events* that are new and followed; stop where there is no more room."""
        assert self.epoch is not None
        for event in events:
            if event.seq <= self.seq or event.topic not in self.topics:
                continue
            if len(self._items) >= self._events_max:
                self.is_lagging = True
                break
            self._items.append((event, self.epoch))
            self.seq = event.seq
        else:
            self.seq = max(self.seq, upto_seq)
        self._arrived.unpark_all()

    def put_presence(self, changes: Sessions, everyone: Sessions, *, full: bool) -> None:
        """Merge *changes* into what was not read yet; *everyone* is who is here after them."""
        if full or len(self._presence) >= self._events_max:
            # Without a reader those who left would pile up; who is here is bounded by the server.
            self._presence, self._presence_is_full = dict(everyone), True
        else:
            self._presence.update(changes)
        self._arrived.unpark_all()

    def outlasts_the_end(self) -> bool:
        """The target has concluded: say whether to ask for what is left of it.

        Only once. A server that concludes it again, or refuses, is believed: nobody asks for ever.
        """
        is_asking, self._is_lasting = self._is_lasting, False
        if is_asking:
            self.is_accepted = False  # Who may read what is left is judged anew.
        return is_asking

    def finish(self, error: ClientError | None) -> None:
        """Nothing more will come. What was received can still be read; then *error*."""
        if not self.is_over:
            self.is_over, self.error = True, error
            self._arrived.unpark_all()

    # ------------------------------------------------------------ the owner's side

    async def wait(self) -> None:
        """Return when there is something to read or the end was reached."""
        if self._is_readable():
            await trio.lowlevel.checkpoint()
        while not self._is_readable():
            await self._arrived.park()

    def _is_readable(self) -> bool:
        return bool(self._items or self._shows_presence or self.is_over)

    @property
    def _shows_presence(self) -> bool:
        """Somebody came or went, and the owner has seen what it is the presence of."""
        return bool(self._presence or self._presence_is_full) and self._read is not None

    def take(self) -> Item | None:
        """Hand out the next item; None if there is none now.

        Presence goes before events that wait, but never before the first snapshot.
        """
        if self._shows_presence:
            item = PresenceItem(self._presence, self._presence_is_full)
            self._presence, self._presence_is_full = {}, False
            return item
        if not self._items:
            return None
        taken, epoch = self._items.popleft()
        assert not isinstance(taken, PresenceItem)
        self._read = (epoch, taken.seq)
        if self.is_lagging and not self._items:
            self.is_lagging = False
            self._on_room()
        return taken

    @property
    def cursor(self) -> Cursor | None:
        """Everything up to here was handed out."""
        if not self._items:
            return self.position
        return None if self._read is None else Cursor(epoch=self._read[0], seq=self._read[1])


class Follower:
    """What ``Client.follow`` gives: an async iterator over one target's topics.

    It ends normally when its ``async with`` block ends, and raises ``SubscriptionEnded`` when the
    server ended it, ``ConnectFailed`` or ``ClientClosed`` when the client is at its end; in each
    case after everything that was received has been handed out.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    @property
    def cursor(self) -> Cursor | None:
        """Where to go on with another ``follow``: all up to here was handed out. None: nothing."""
        return self._inbox.cursor

    def __aiter__(self) -> Follower:
        return self

    async def __anext__(self) -> Item:
        """Return the next item. Cancelled: nothing is lost."""
        while True:
            await self._inbox.wait()
            item = self._inbox.take()
            if item is not None:
                return item
            if self._inbox.is_over:  # Else another reader was faster: it goes on.
                break
        if self._inbox.error is not None:
            raise self._inbox.error
        raise StopAsyncIteration

    async def batch(self) -> list[Item]:
        """Return all items that are there, waiting for one: cheaper than one by one.

        Empty only when the block has ended. Raises what iteration raises.

        Cancelled: nothing is lost.
        """
        items: list[Item] = []
        while not items:
            await self._inbox.wait()
            while (item := self._inbox.take()) is not None:
                items.append(item)
            if self._inbox.is_over:
                break
        if not items and self._inbox.error is not None:
            raise self._inbox.error
        return items
