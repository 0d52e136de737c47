"""The followers of one live actor: what they are shown, who is shut out, who is present.

Order is everything here. Whether an event shuts somebody out is judged right after it evolved,
with the state of that very moment (:meth:`Audience.judge`), and carried out when it is published:
what came before it is flushed to them, their subscriptions end, then the others get the event.

What a later event takes back (``Kind.redacts``) is not shown again, neither from the hub's ring
nor from the journal, nor by a page that was on its way: it comes as ``Kind.redacted`` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Final, cast

from actors import Hub, Item, PresenceBoard, Record
from collab.envelope import Entry, EventCodec, Shown
from collab.following import NEW_TOKEN_FORBIDS, PRESENCE_TOPIC, Follower
from collab.kind import RECHECK, Caller, Kind
from collab.limits import RING_BYTES_MAX, RING_EVENTS_MAX
from collab.surroundings import Surroundings
from protocol.errors import WireError
from protocol.gateway import PresenceFrame, Subscription
from protocol.shared import Sessions

REDACTED_LISTING: Final = "redacted"  # Positions: seqs of events whose content was taken back.


def _rest(body: object) -> None:
    if isinstance(body, Shown):
        body.rest()


class Audience:
    """See the module. Made with its actor, empty until somebody follows."""

    def __init__(
        self,
        kind: Kind[Any],
        codec: EventCodec,
        around: Surroundings,
        is_permitted: Callable[[Caller, str], bool],
    ) -> None:
        self._kind = kind
        self._around = around
        self._is_permitted = is_permitted
        self._codec = codec
        self._batched = frozenset(name for name, topic in kind.topics.items() if topic.is_batched)
        self._hub: Hub | None = None
        self._presence: PresenceBoard | None = None
        self._joining: list[tuple[Caller, Subscription]] = []  # Decided, not yet released.
        self.actor_id = ""
        self.seq_published = 0

    # ------------------------------------------------------------ joining

    def may_follow(self, caller: Caller, topics: frozenset[str]) -> bool:
        """Say whether *caller* may read all of *topics*, presence included."""
        return all(self._is_permitted(caller, action) for action in self.actions_of(topics))

    def actions_of(self, topics: frozenset[str]) -> list[str]:
        """Return what one must be permitted to do to follow *topics*."""
        actions = [f"read:{topic}" for topic in sorted(topics - {PRESENCE_TOPIC})]
        if PRESENCE_TOPIC in topics and self._kind.presence_with is not None:
            actions.append(f"read:{self._kind.presence_with}")
        return actions

    def join(
        self, caller: Caller, subscription: Subscription, first_answer: Callable[[], None]
    ) -> Callable[[], None]:
        """Return the effect that answers and attaches: what is published next comes next.

        A fresh token may have come since *caller* asked: then it is the one that counts.
        """
        self._joining.append((caller, subscription))

        def attach() -> None:
            if subscription.over:
                return
            memo = subscription.connection.memo  # The gateway's: identity, and the caller it makes.
            speaker: Caller = caller if memo is None else memo[1]
            if speaker is not caller and not self.may_follow(speaker, subscription.topics):
                subscription.fail(WireError("permission_denied", NEW_TOKEN_FORBIDS))
                return
            hub, presence = self._channels()
            follower = Follower(self, speaker, subscription, hub, presence, self._around.followers)
            follower.attach(first_answer)

        return attach

    def _channels(self) -> tuple[Hub, PresenceBoard]:
        """Return hub and presence; an actor that nobody follows has neither."""
        if self._hub is None or self._presence is None:
            timers = self._around.timers
            self._hub = Hub(
                timers,
                pace=self._around.pacing.batches,
                ring_len_max=RING_EVENTS_MAX,
                ring_weight_max=RING_BYTES_MAX,
                seq=self.seq_published,
                on_rest=_rest,
            )
            self._presence = PresenceBoard(
                timers, pace=self._around.pacing.presence, tell=self._tell_presence
            )
        return self._hub, self._presence

    def _tell_presence(self, changes: Mapping[str, object | None]) -> None:
        frame = PresenceFrame(self.actor_id, cast("Sessions", changes))
        for follower in self._followers():
            follower.tell_presence(frame)

    def _followers(self) -> list[Follower]:
        if self._hub is None:
            return []
        return [sink for sink in self._hub.sinks if isinstance(sink, Follower)]

    @property
    def is_empty(self) -> bool:
        """True if nobody follows."""
        return self._hub is None or self._hub.is_empty

    # ------------------------------------------------------------ judging, right after evolve

    def judge(self, state: Any, entry: Entry) -> None:
        """Note in *entry* whom it shuts out, as things stand right after it."""
        revoked = self._kind.revokes(state, entry.event)
        if not revoked:
            return
        entry.shut_out_ids = frozenset(revoked) - {RECHECK}
        if RECHECK in revoked:
            candidates = [(f.caller, f.subscription) for f in self._followers()] + self._joining
            entry.shut_out = [
                subscription
                for caller, subscription in candidates
                if not self.may_follow(caller, subscription.topics)
            ]

    # ------------------------------------------------------------ after commit

    def publish(self, seq: int, entry: Entry) -> None:
        """Show a durable event to those who follow its topic; shut out whom it shuts out first."""
        self.seq_published = seq
        hub = self._hub
        if hub is None:
            return  # Nobody has followed since activation: resumes read the journal.
        if type(entry.event) in self._kind.quiet:
            self._show(hub, seq, entry)
            return
        if entry.shut_out_ids or entry.shut_out:
            self._shut_out(hub, entry)
        taken_back = self._kind.redacts(entry.event)
        if taken_back:
            self._redact(hub, frozenset(taken_back))
        self._show(hub, seq, entry)
        if self._kind.concludes(entry.event):
            hub.flush_all()
            self._end_all(WireError("concluded", "it has ended; what is left can be read"))

    def _show(self, hub: Hub, seq: int, entry: Entry) -> None:
        topic = self._codec.topic_of(entry)
        if topic is not None:
            shown = self._codec.show(seq, entry)
            urgent = topic not in self._batched
            hub.publish(seq, topic, shown, urgent=urgent, weight=shown.nbytes)

    def _shut_out(self, hub: Hub, entry: Entry) -> None:
        hub.flush_all()
        for follower in self._followers():
            is_named = follower.caller.user_id in entry.shut_out_ids
            if is_named or follower.subscription in entry.shut_out:
                follower.end(WireError("permission_denied", "you were shut out"))

    def _redact(self, hub: Hub, seqs: frozenset[int]) -> None:
        """Take the content of *seqs* out of the ring, and out of what is on its way to a reader."""
        self.take_back(hub.recent, seqs)
        for follower in self._followers():
            follower.take_back(seqs)

    def take_back(self, items: Iterable[Item], seqs: Set[int]) -> None:
        """Take the content out of those of *items* that are of *seqs*."""
        for seq, _topic, shown in items:
            if seq in seqs and isinstance(shown, Shown):
                shown.redact(self._kind)

    def committed(self) -> None:
        """Flush what is urgent."""
        self._joining.clear()
        if self._hub is not None:
            self._hub.commit()

    def close(self, reason: BaseException | None) -> None:
        """End all subscriptions; clients resume with their cursors."""
        text = "the server is stopping" if reason is None else "restarted after a fault"
        self._end_all(WireError("unavailable", text))
        if self._hub is not None and self._presence is not None:
            self._hub.close()
            self._presence.close()

    def _end_all(self, error: WireError) -> None:
        for follower in self._followers():
            follower.end(error)

    # ------------------------------------------------------------ for followers

    async def bodies(self, records: Sequence[Record], topics: frozenset[str]) -> list[Item]:
        """Return those of *records* that *topics* carry, as the hub's ring would hold them.

        Cancelled: nothing happened.
        """
        items: list[Item] = []
        for record in records:
            entry = self._codec.decode(record.payload)
            topic = self._codec.topic_of(entry)
            if topic in topics:
                items.append((record.seq, topic, self._codec.show(record.seq, entry)))
        taken_back = await self._taken_back(records)
        self.take_back(items, taken_back)
        return items

    async def _taken_back(self, records: Sequence[Record]) -> frozenset[int]:
        rows = await self._around.reader.page(
            self.actor_id, REDACTED_LISTING, after=records[0].seq - 1, limit=len(records)
        )
        return frozenset(row.position for row in rows)
