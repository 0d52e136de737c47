"""One subscription attached to one live actor: live delivery, catching up, presence, the end.

A follower stays in its group of the hub while its subscription lags; the subscription ignores
what is delivered meanwhile, and :meth:`Follower.catch_up` re-reads it from the hub's ring, or
from the journal when the ring does not reach back that far. The last step of catching up is one
synchronous turn (read the ring, go live, deliver), so nothing falls in between.

What is taken back while a page of the past is read or sent is taken out of what is left of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final, Protocol, cast

from actors import Flush, Hub, Item, Journal, PresenceBoard, Record
from collab.envelope import Shown
from collab.kind import Caller
from protocol.errors import WireError
from protocol.gateway import Connection, EventFrame, PresenceFrame, Subscription
from protocol.limits import (
    CATCH_UP_EVENTS_MAX,
    CATCH_UP_PAGE_EVENTS,
    CATCH_UP_PAGE_EVENTS_MIN,
    EVENT_FRAME_BYTES,
)

PRESENCE_TOPIC = "presence"
_NOTHING: Final[frozenset[int]] = frozenset()
NEW_TOKEN_FORBIDS: Final = "your new token does not allow this"


def _nbytes(items: Sequence[Item]) -> int:
    return sum(cast("Shown", body).nbytes for _seq, _topic, body in items)


def _next_limit(limit: int, nbytes: int) -> int:
    """Return how many records to read next, so that a page is some frames, not some memory."""
    if nbytes > 4 * EVENT_FRAME_BYTES:
        return max(1, limit // 4)
    if nbytes < EVENT_FRAME_BYTES:
        return min(limit * 2, CATCH_UP_PAGE_EVENTS)
    return limit


class Followed(Protocol):
    """What a follower needs of its actor."""

    actor_id: str

    async def bodies(self, records: Sequence[Record], topics: frozenset[str]) -> list[Item]:
        """Return those of *records* that *topics* carry, as a hub's ring would hold them."""
        ...

    def take_back(self, items: Iterable[Item], seqs: Set[int]) -> None:
        """Take the content out of those of *items* that are of *seqs*."""
        ...

    def may_follow(self, caller: Caller, topics: frozenset[str]) -> bool:
        """Say whether *caller* may read all of *topics*."""
        ...


class Followers:
    """All attached subscriptions of an app, so that the gateway finds theirs again."""

    def __init__(self) -> None:
        self._by_subscription: dict[Subscription, Follower] = {}
        self._by_connection: dict[Connection, dict[Follower, None]] = {}

    def __len__(self) -> int:
        return len(self._by_subscription)

    def __iter__(self) -> Iterator[Follower]:
        return iter(list(self._by_subscription.values()))

    def of(self, subscription: Subscription) -> Follower | None:
        """Return the follower of *subscription*, if it is attached."""
        return self._by_subscription.get(subscription)

    def on(self, connection: Connection) -> list[Follower]:
        """Return the followers of one connection."""
        return list(self._by_connection.get(connection, ()))

    def add(self, follower: Follower) -> None:
        """Called by ``Follower.attach``."""
        subscription = follower.subscription
        previous = self._by_subscription.get(subscription)
        self._by_subscription[subscription] = follower
        on_connection = self._by_connection.setdefault(subscription.connection, {})
        if previous is not None:
            on_connection.pop(previous, None)
        on_connection[follower] = None

    def drop(self, follower: Follower) -> None:
        """Called by ``Follower.detach``."""
        subscription = follower.subscription
        if self._by_subscription.get(subscription) is not follower:
            return
        del self._by_subscription[subscription]
        on_connection = self._by_connection[subscription.connection]
        del on_connection[follower]
        if not on_connection:
            del self._by_connection[subscription.connection]


class Follower:
    """A sink of the actor's hub."""

    __slots__ = (
        "_actor",
        "_all",
        "_presence",
        "_shown",
        "_taken_back",
        "_topics",
        "caller",
        "hub",
        "subscription",
    )

    def __init__(
        self,
        actor: Followed,
        caller: Caller,
        subscription: Subscription,
        hub: Hub,
        presence: PresenceBoard,
        followers: Followers,
    ) -> None:
        self._actor = actor
        self.caller = caller
        self.subscription = subscription
        self.hub = hub
        self._presence = presence
        self._shown: object = None  # What the others see of this session, if it came from here.
        self._all = followers
        # While a page of the past is under way: what was taken back since it was begun.
        self._taken_back: set[int] | None = None
        self._topics = subscription.topics - {PRESENCE_TOPIC}

    @property
    def actor_id(self) -> str:
        """The followed actor."""
        return self._actor.actor_id

    # ------------------------------------------------------------ attach and detach

    def attach(self, first_answer: Callable[[], None]) -> None:
        """Answer and join the hub; and those present, if the subscription asks for presence.

        Known before it is answered: an answer may be what ends a subscription (nobody reads, say),
        and then it must be found to be detached again.
        """
        previous = self._all.of(self.subscription)
        if previous is not None:  # A reset of a subscription that had fallen behind.
            previous.leave_hub()
        self._all.add(self)
        self.hub.attach(self, self._topics)
        held: Any = self._presence.members.get(self._session_id)
        if held is not None:  # Who left and comes back at once has never been away.
            self.set_presence(held["state"])
        first_answer()
        if self.subscription.over:
            self.detach()
        elif self._wants_presence:
            if held is None:
                self.set_presence(None)
            self._send_all_present()

    def leave_hub(self) -> None:
        """Get no more events; the successor goes on for the same subscription."""
        self.hub.detach(self)

    def detach(self) -> None:
        """Leave hub and presence. Harmless when repeated.

        A successor of the same session, which subscribed again at once, goes on being here.
        """
        self.hub.detach(self)
        self._all.drop(self)
        if self._presence.members.get(self._session_id) is self._shown is not None:
            self._presence.set(self._session_id, None)

    def speak_for(self, caller: Caller) -> None:
        """The connection's token was refreshed: go on as *caller*, if they still may."""
        self.caller = caller
        if not self._actor.may_follow(caller, self.subscription.topics):
            self.end(WireError("permission_denied", NEW_TOKEN_FORBIDS))

    def end(self, error: WireError) -> None:
        """The server ends it: the client is told why, and gets nothing more."""
        self.detach()
        self.subscription.end(error)

    # ------------------------------------------------------------ events

    def deliver(self, flush: Flush) -> None:
        """Hand a flush on as frames, shared by all followers of the same topics."""
        frames = flush.memo
        if not isinstance(frames, list):
            frames = list(self._frames(flush.items, flush.after, flush.seq))
            flush.memo = frames
        for frame in frames:
            self.subscription.deliver(frame)

    def take_back(self, seqs: Set[int]) -> None:
        """Show no content of *seqs* any more, also not from a page that is under way."""
        if self._taken_back is not None:
            self._taken_back |= seqs

    async def catch_up(self, journal: Journal) -> bool:
        """Send what was missed, then go live. Return False if too much was: reset instead.

        Cancelled: the connection is ending; what was sent was sent.
        """
        try:
            return await self._catch_up(journal)
        finally:
            self._taken_back = None

    async def _catch_up(self, journal: Journal) -> bool:
        subscription, hub = self.subscription, self.hub
        left, limit = CATCH_UP_EVENTS_MAX, CATCH_UP_PAGE_EVENTS_MIN
        while not subscription.over:
            hub.flush_group_of(self._topics)
            taken_back = self._taken_back = set[int]()
            missed = hub.since(subscription.seq, self._topics)
            if missed is not None and _nbytes(missed) <= EVENT_FRAME_BYTES:
                subscription.caught_up()
                if hub.seq > subscription.seq:
                    # Also when nothing of it was for these topics: the next frame must follow on,
                    # for it may be the last one before the end.
                    for frame in self._frames(missed, subscription.seq, hub.seq):
                        subscription.deliver(frame)
                if self._wants_presence:
                    self._send_all_present()
                return True
            if missed is not None:
                page, seq = missed[:limit], missed[:limit][-1][0]
            else:
                after = subscription.seq
                stored = await journal.read(self._actor.actor_id, after=after, limit=limit)
                # What is durable may not be released yet: it may be what shuts out this reader.
                records = [record for record in stored if record.seq <= hub.seq]
                if not records:
                    return False  # The journal ends before the hub's ring begins: start over.
                page = await self._actor.bodies(records, self._topics)
                seq = records[-1].seq
                size = sum(len(record.payload) for record in records)
                limit = _next_limit(limit, size)
                left -= len(records)
            if left < 0:
                return False
            frames = self._frames(page, subscription.seq, seq, taken_back)
            await subscription.deliver_page(frames)
        return True

    def _frames(
        self, items: Iterable[Item], after: int, seq: int, taken_back: Set[int] = _NOTHING
    ) -> Iterator[EventFrame]:
        """Yield *items* in frames of about ``EVENT_FRAME_BYTES``, which cover (after, seq].

        Each is made when it is asked for: a reader of pages may take its time between two, and
        meanwhile *taken_back* may grow. So each item is looked at right before it is put in.
        """
        target = self._actor.actor_id
        bodies: list[Mapping[str, Any]] = []
        nbytes = 0
        for item in items:
            item_seq, _topic, body = item
            shown = cast("Shown", body)
            if bodies and nbytes + shown.nbytes > EVENT_FRAME_BYTES:
                yield EventFrame(target, after, bodies[-1]["seq"], bodies)
                after, bodies, nbytes = bodies[-1]["seq"], [], 0
            if item_seq in taken_back:
                self._actor.take_back([item], taken_back)
            bodies.append(shown.fields)
            nbytes += shown.nbytes
            assert item_seq > after
        yield EventFrame(target, after, seq, bodies)

    # ------------------------------------------------------------ presence

    @property
    def _session_id(self) -> str:
        return self.subscription.connection.session_id

    @property
    def _wants_presence(self) -> bool:
        return PRESENCE_TOPIC in self.subscription.topics

    def set_presence(self, state: Mapping[str, Any] | None) -> None:
        """Show *state* to the others, stamped with who this really is."""
        if self._wants_presence:
            self._shown = {"user": self.caller.user_id, "state": state}
            self._presence.set(self._session_id, self._shown)

    def tell_presence(self, frame: PresenceFrame) -> None:
        """Pass on who came, went or moved; the frame is shared by all followers."""
        if self._wants_presence:
            self.subscription.presence(frame)

    def _send_all_present(self) -> None:
        members: Mapping[str, Any] = dict(self._presence.members)
        self.subscription.presence(PresenceFrame(self.actor_id, members, full=True))
