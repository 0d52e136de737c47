"""All feeds of a client: one per target that somebody follows."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from protocol.client._backoff import Backoff
from protocol.client._errors import LimitExceeded
from protocol.client._feed import Feed
from protocol.client._follower import Inbox
from protocol.errors import ClientError
from protocol.limits import SUBSCRIPTIONS_MAX, TOPICS_MAX
from protocol.messages import (
    ClientMessage,
    Cursor,
    Ended,
    Error,
    Events,
    PresenceChanged,
    Reset,
    Resumed,
    ServerMessage,
    Snapshot,
)


class Feeds:
    """Finds the feed that a follower or a message belongs to."""

    def __init__(
        self,
        *,
        new_ref: Callable[[], int],
        send: Callable[[ClientMessage], None],
        retry_later: Callable[[Feed, float], None],
        rng: Random,
        events_max: int,
    ) -> None:
        self._new_ref = new_ref
        self._send = send
        self._retry_later = retry_later
        self._rng = rng
        self._events_max = events_max
        self._feeds: dict[str, Feed] = {}
        self._is_up = False

    def __len__(self) -> int:
        return len(self._feeds)

    def of(self, target: str) -> Feed | None:
        """Return the feed of *target*, if somebody follows it."""
        return self._feeds.get(target)

    def join(
        self,
        target: str,
        topics: frozenset[str],
        cursor: Cursor | None,
        *,
        is_lasting: bool = False,
    ) -> Inbox:
        """Add a follower; see ``Client.follow``.

        Raises:
          LimitExceeded: too many targets, or too many topics of this one.
        """
        feed = self._feeds.get(target)
        if feed is None:
            if len(self._feeds) >= SUBSCRIPTIONS_MAX:
                raise LimitExceeded("SUBSCRIPTIONS_MAX", f"{len(self._feeds)} targets are followed")
            feed = self._open(target)
        elif len(feed.topics_with(topics)) > TOPICS_MAX:
            raise LimitExceeded("TOPICS_MAX", f"all followers of {target} together want too many")
        inbox = Inbox(
            topics,
            cursor,
            events_max=self._events_max,
            on_room=feed.advance,
            is_lasting=is_lasting,
        )
        feed.join(inbox)
        return inbox

    def leave(self, target: str, inbox: Inbox) -> None:
        """Take a follower away. Harmless when it is gone already."""
        inbox.finish(None)
        feed = self._feeds.get(target)
        if feed is not None:
            feed.leave(inbox)
            self._reap(feed)

    def link_up(self) -> None:
        """A session is open: subscribe to everything."""
        self._is_up = True
        for feed in list(self._feeds.values()):
            feed.link_up()

    def link_down(self, *, is_too_big: bool = False) -> None:
        """The session is gone. *is_too_big*: for a message larger than this client takes."""
        self._is_up = False
        for feed in list(self._feeds.values()):
            if is_too_big:
                feed.suspect()
            feed.link_down()
            self._reap(feed)

    def finish(self, error: ClientError) -> None:
        """The client is at its end."""
        for feed in self._feeds.values():
            feed.finish(error)
        self._feeds.clear()

    def deliver(self, message: ServerMessage) -> None:
        """Hand *message* to its feed; those of targets that nobody follows are leftovers.

        Raises:
          WireError: the server sent something malformed.
        """
        if isinstance(message, Error):
            self._deliver_error(message)
            return
        feed = self._feeds.get(getattr(message, "target", ""))
        if feed is None:
            return
        match message:
            case Events():
                feed.on_events(message)
            case PresenceChanged():
                feed.on_presence(message)
            case Snapshot():
                feed.on_snapshot(message)
            case Resumed():
                feed.on_resumed(message)
            case Reset():
                feed.on_reset(message)
            case Ended():
                feed.on_ended(message)
        self._reap(feed)

    def _deliver_error(self, error: Error) -> None:
        for feed in self._feeds.values():
            if feed.on_error(error):
                self._reap(feed)
                return

    def _open(self, target: str) -> Feed:
        feed = Feed(
            target,
            new_ref=self._new_ref,
            send=self._send,
            retry_later=self._retry_later,
            backoff=Backoff(self._rng),
        )
        self._feeds[target] = feed
        if self._is_up:
            feed.link_up()
        return feed

    def _reap(self, feed: Feed) -> None:
        if feed.is_over and self._feeds.get(feed.target) is feed:
            del self._feeds[feed.target]
