"""One subscription attached to one live actor: live delivery, catching up, presence, the end.

A follower stays in its group of the hub while its subscription lags; the subscription ignores
what is delivered meanwhile, and :meth:`Follower.catch_up` re-reads it from the hub's ring, or
from the journal when the ring does not reach back that far. The last step of catching up is one
synchronous turn (read the ring, go live, deliver), so nothing falls in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from actors import Flush, Hub, Item, Journal, PresenceBoard, Record
from collab.kind import Caller
from protocol.errors import WireError
from protocol.gateway import EventFrame, Subscription
from protocol.limits import CATCH_UP_EVENTS_MAX, CATCH_UP_PAGE_EVENTS

PRESENCE_TOPIC = "presence"


class Followed(Protocol):
    """What a follower needs of its actor."""

    actor_id: str

    def bodies(self, records: Sequence[Record], topics: frozenset[str]) -> list[Item]:
        """Return those of *records* that *topics* carry, ready for the wire."""
        ...


class Followers:
    """All attached subscriptions of an app, so that the gateway finds theirs again."""

    def __init__(self) -> None:
        self._by_subscription: dict[Subscription, Follower] = {}

    def __len__(self) -> int:
        return len(self._by_subscription)

    def __iter__(self) -> Iterator[Follower]:
        return iter(list(self._by_subscription.values()))

    def of(self, subscription: Subscription) -> Follower | None:
        """Return the follower of *subscription*, if it is attached."""
        return self._by_subscription.get(subscription)

    def add(self, follower: Follower) -> None:
        """Called by ``Follower.attach``."""
        self._by_subscription[follower.subscription] = follower

    def drop(self, follower: Follower) -> None:
        """Called by ``Follower.detach``."""
        self._by_subscription.pop(follower.subscription, None)


class Follower:
    """A sink of the actor's hub."""

    __slots__ = ("_actor", "_all", "_hub", "_presence", "_topics", "caller", "subscription")

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
        self._hub = hub
        self._presence = presence
        self._all = followers
        self._topics = subscription.topics - {PRESENCE_TOPIC}

    @property
    def actor_id(self) -> str:
        """The followed actor."""
        return self._actor.actor_id

    # ------------------------------------------------------------ attach and detach

    def attach(self) -> None:
        """Join the hub; and those present, if the subscription asks for presence."""
        previous = self._all.of(self.subscription)
        if previous is not None:  # A reset of a subscription that had fallen behind.
            self._hub.detach(previous)
        self._all.add(self)
        self._hub.attach(self, self._topics)
        if self._wants_presence:
            if previous is None:
                self.set_presence(None)
            self._send_all_present()

    def detach(self) -> None:
        """Leave hub and presence. Harmless when repeated."""
        self._hub.detach(self)
        self._all.drop(self)
        if self._wants_presence:
            self._presence.set(self._session_id, None)

    def end(self, error: WireError) -> None:
        """The server ends it: the client is told why, and gets nothing more."""
        self.detach()
        self.subscription.end(error)

    # ------------------------------------------------------------ events

    def deliver(self, flush: Flush) -> None:
        """Hand a flush on as one frame, shared by all followers of the same topics."""
        frame = flush.memo
        if not isinstance(frame, EventFrame):
            bodies: list[Any] = [body for _seq, _topic, body in flush.items]
            frame = EventFrame(self._actor.actor_id, flush.after, flush.seq, bodies)
            flush.memo = frame
        self.subscription.deliver(frame)

    async def catch_up(self, journal: Journal) -> bool:
        """Send what was missed, then go live. Return False if too much was: reset instead.

        Cancelled: the connection is ending; what was sent was sent.
        """
        subscription, hub = self.subscription, self._hub
        left = CATCH_UP_EVENTS_MAX
        while not subscription.over:
            hub.flush_group_of(self._topics)
            missed = hub.since(subscription.seq, self._topics)
            if missed is not None and len(missed) <= CATCH_UP_PAGE_EVENTS:
                subscription.caught_up()
                if missed:
                    subscription.deliver(self._frame(missed, hub.seq))
                if self._wants_presence:
                    self._send_all_present()
                return True
            if missed is not None:
                page = missed[:CATCH_UP_PAGE_EVENTS]
                seq = page[-1][0]
            else:
                records = await journal.read(
                    self._actor.actor_id, after=subscription.seq, limit=CATCH_UP_PAGE_EVENTS
                )
                if not records:
                    return False  # The journal ends before the hub's ring begins: start over.
                page = self._actor.bodies(records, self._topics)
                seq = records[-1].seq
            left -= CATCH_UP_PAGE_EVENTS
            if left < 0:
                return False
            await subscription.deliver_page(self._frame(page, seq))
        return True

    def _frame(self, items: Sequence[Item], seq: int) -> EventFrame:
        bodies: list[Any] = [body for _seq, _topic, body in items]
        return EventFrame(self._actor.actor_id, self.subscription.seq, seq, bodies)

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
            member = {"user": self.caller.user_id, "state": state}
            self._presence.set(self._session_id, member)

    def tell_presence(self, changes: Mapping[str, Any]) -> None:
        """Pass on who came, went or moved."""
        if self._wants_presence:
            self.subscription.presence(changes)

    def _send_all_present(self) -> None:
        members: Mapping[str, Any] = dict(self._presence.members)
        self.subscription.presence(members, full=True)
