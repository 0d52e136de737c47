"""Runs any kind as an actor: the shell around its pure rules.

::

    gateway / app                 LiveActor                          kind (pure)
    -------------------           ------------------------------     ---------------------
    Do(caller, command, key)  ->  remembered? permitted? needs?  ->  commands[...] decide
    Look(caller, query)       ->  permitted?                     ->  queries[...]
    Follow(caller, sub)       ->  permitted? cursor?             ->  topics[...].snapshot
    Receive(signal)           ->  (from another target)          ->  signals[...] decide
    Admit(caller)             ->  (development only)             ->  welcome
                                  after commit: hub, presence, revocations, signals

Order of checks for a write: a remembered answer comes before permission (a retried ``leave`` gets
its first answer), permission before everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]
from attrs import frozen

from actors import Actor, Decision, Hub, Item, PresenceBoard, Record, Timers
from collab.answers import Answers, Remembered
from collab.envelope import Entry, EventCodec
from collab.errors import BadRequest, PermissionDenied, UnknownTopic
from collab.following import PRESENCE_TOPIC, Follower, Followers
from collab.kind import RECHECK, Answer, Caller, Context, Kind, Reader, Signal, Stamp
from collab.limits import BATCH_INTERVAL_S, PRESENCE_INTERVAL_S, RING_EVENTS_MAX
from collab.requests import Admit, Declined, Do, Done, Follow, Look, Message, Reading, Receive
from collab.storage import SignalRow
from protocol.errors import WireError
from protocol.gateway import Subscription
from protocol.limits import CATCH_UP_EVENTS_MAX
from protocol.structure import STORAGE, pack, structure, unstructure

_SNAPSHOT_FORMAT: Final = 1


@frozen(kw_only=True)
class Surroundings:
    """What every live actor of an app shares."""

    timers: Timers
    reader: Reader
    followers: Followers
    clock_ms: Callable[[], int]
    new_id: Callable[[], str]
    cork: Callable[[], AbstractContextManager[None]]  # Around everything that a batch sends.
    signals_stored: Callable[[], None]
    batch_interval_s: float = BATCH_INTERVAL_S


class LiveActor(Actor[Message, Entry]):
    """One activation of one target of any kind."""

    def __init__(self, kind: Kind[Any], key: str, around: Surroundings) -> None:
        self._kind = kind
        self._around = around
        self._codec = EventCodec(kind)
        self._batched = frozenset(name for name, topic in kind.topics.items() if topic.is_batched)
        self._answers = Answers()
        self._has_signals = False
        self._seq_published: int | None = None  # None: nothing decided since activation.
        self._hub: Hub | None = None
        self._presence: PresenceBoard | None = None
        self.state = kind.new_state(key)

    # ------------------------------------------------------------ state and journal

    def restore(self, snapshot: bytes) -> None:
        """Load a snapshot. Raises for a format or a shape of another time: then all is replayed."""
        held = msgpack.unpackb(snapshot, strict_map_key=False)
        if held["format"] != _SNAPSHOT_FORMAT:
            raise ValueError(f"snapshot format {held['format']} is not {_SNAPSHOT_FORMAT}")
        self.state = structure(held["state"], type(self.state), encoding=STORAGE)
        self._answers.load(held["answers"])

    def snapshot(self) -> bytes | None:
        """Return state and remembered answers."""
        self._kind.settle(self.state)
        held = {
            "format": _SNAPSHOT_FORMAT,
            "state": self.state,
            "answers": self._answers.dump(),
        }
        return pack(held)

    def encode(self, event: Entry) -> bytes:
        """Return the journaled envelope."""
        return self._codec.encode(event)

    def decode(self, payload: bytes) -> Entry:
        """Read an envelope back."""
        return self._codec.decode(payload)

    def evolve(self, seq: int, event: Entry) -> None:
        """Apply one event, and remember the answer that it settles."""
        stamp = Stamp(seq, event.at_ms, event.by)
        self._kind.events[type(event.event)](self.state, event.event, stamp)
        if event.key is not None:
            answer = Remembered(seq, event.at_ms, event.reply)
            self._answers.remember(event.by, event.key, answer)

    def rows(self, seq: int, event: Entry) -> Sequence[object]:
        """Return what is stored in the event's transaction beside it."""
        stamp = Stamp(seq, event.at_ms, event.by)
        rows: list[object] = list(self._kind.rows(self.state, event.event, stamp))
        signals = self._kind.signals_of(self.state, event.event, stamp)
        if signals:
            self._has_signals = True
            rows += [self._signal_row(seq, n, signal) for n, signal in enumerate(signals)]
        return rows

    def _signal_row(self, seq: int, index: int, signal: Signal) -> SignalRow:
        payload = pack({"tag": signal.command.TAG, "fields": signal.command})
        return SignalRow(target=signal.target, payload=payload, seq=seq, index=index)

    # ------------------------------------------------------------ deciding

    async def prepare(self, commands: Sequence[Message]) -> None:
        """Load the old items that the batch's commands need; have studied what must be."""
        load, reader = self._kind.load, self._around.reader
        for message in commands:
            kind = type(message)
            if kind is Do:
                command = message.command  # type: ignore[union-attr]
            elif kind is Look:
                command = message.query  # type: ignore[union-attr]
            else:
                continue
            study = self._kind.study(self.state, command, self.actor_id, reader)
            if study is not None and self.is_permitted(message.caller, command.TAG):  # type: ignore[union-attr]
                await study()
            if load is None or kind is Look:
                continue
            for listing, positions in self._kind.needs(self.state, command).items():
                if positions:
                    load(self.state, listing, await reader.get(self.actor_id, listing, positions))

    def decide(self, command: Message) -> Decision[Entry]:
        """Answer one message. Raises ``Refused`` (``CollabError``) for the sender."""
        if self._seq_published is None:
            self._seq_published = self.seq
        kind = type(command)
        if kind is Do:
            return self._decide_do(command)  # type: ignore[arg-type]
        if kind is Look:
            return self._decide_look(command)  # type: ignore[arg-type]
        if kind is Follow:
            return self._decide_follow(command)  # type: ignore[arg-type]
        if kind is Receive:
            return self._decide_receive(command)  # type: ignore[arg-type]
        return self._decide_admit(command)  # type: ignore[arg-type]

    def _decide_do(self, message: Do) -> Decision[Entry]:
        caller, command, key = message.caller, message.command, message.key
        if key is not None and (first := self._answers.find(caller.user_id, key)) is not None:
            return Decision(reply=Done(first.value, first.seq))
        self._check(caller, command.TAG)
        context = self._context(caller)
        outcome = self._kind.commands[type(command)](self.state, command, context)
        entries = [Entry(event, caller.user_id, context.now_ms) for event in outcome.events]
        if outcome.refusal is not None:  # Not remembered: sent again, it is decided again.
            return Decision(entries, Declined(outcome.refusal))
        if entries and key is not None:
            entries[-1].key = key
            entries[-1].reply = outcome.value
        return Decision(entries, Done(outcome.value, self.seq + len(entries)))

    def _decide_look(self, message: Look) -> Decision[Entry]:
        caller, query = message.caller, message.query
        self._check(caller, query.TAG)
        answer: Answer = self._kind.queries[type(query)](self.state, query, self._context(caller))
        if answer.read is None:
            return Decision(reply=Done(answer.value, self.seq))
        tag = query.TAG
        return Decision(reply=Reading(answer.read, lambda: self.is_permitted(caller, tag)))

    def _decide_receive(self, message: Receive) -> Decision[Entry]:
        source = Caller(user_id=message.source)
        context = self._context(source)
        handler = self._kind.signals[type(message.command)]
        outcome = handler(self.state, message.command, context)
        entries = [Entry(event, message.source, context.now_ms) for event in outcome.events]
        return Decision(entries, Done(outcome.value, self.seq + len(entries)))

    def _decide_admit(self, message: Admit) -> Decision[Entry]:
        caller = message.caller
        if not caller.is_dev:
            raise PermissionDenied("admit", self.actor_id)
        if self.is_permitted(caller, message.action):
            return Decision()
        context = self._context(caller)
        events = self._kind.welcome(self.state, caller, context)
        return Decision([Entry(event, caller.user_id, context.now_ms) for event in events])

    def _context(self, caller: Caller) -> Context:
        around = self._around
        return Context(caller, around.clock_ms(), self.actor_id, self.seq, around.new_id)

    # ------------------------------------------------------------ permission

    def is_permitted(self, caller: Caller, action: str) -> bool:
        """Say whether *caller* may do *action* as things stand. Deny is the default."""
        kind = self._kind
        role = kind.role_of(self.state, caller)
        allowed = kind.permissions.get(role)
        return allowed is not None and action in allowed

    def _check(self, caller: Caller, action: str) -> None:
        if not self.is_permitted(caller, action):
            raise PermissionDenied(action, self.actor_id)

    # ------------------------------------------------------------ subscriptions

    def _decide_follow(self, message: Follow) -> Decision[Entry]:
        caller, subscription = message.caller, message.subscription
        topics = subscription.topics - {PRESENCE_TOPIC}
        if not topics:
            raise BadRequest("presence goes with at least one other topic")
        for topic in sorted(topics):
            if topic not in self._kind.topics:
                raise UnknownTopic(f"kind {self._kind.name} has no topic {topic}")
            self._check(caller, f"read:{topic}")
        if message.has_fallen_behind:
            return self._reset(caller, subscription, "fell_behind")
        cursor = subscription.cursor
        if cursor is None:
            topics_now, seq = self._snapshots(caller, subscription), self.seq
            return self._attach(
                caller,
                subscription,
                lambda: subscription.snapshot(epoch=self.epoch, seq=seq, topics=topics_now),
            )
        if cursor.epoch != self.epoch:
            return self._reset(caller, subscription, "epoch_changed")
        if cursor.seq > self.seq:
            return self._reset(caller, subscription, "cursor_ahead")
        if self.seq - cursor.seq > CATCH_UP_EVENTS_MAX:
            return self._reset(caller, subscription, "cursor_too_old")
        behind = cursor.seq < self.seq
        return self._attach(
            caller,
            subscription,
            lambda: subscription.resumed(epoch=self.epoch, behind=behind),
        )

    def _reset(self, caller: Caller, subscription: Subscription, reason: str) -> Decision[Entry]:
        topics_now, seq = self._snapshots(caller, subscription), self.seq
        return self._attach(
            caller,
            subscription,
            lambda: subscription.reset(reason=reason, epoch=self.epoch, seq=seq, topics=topics_now),
        )

    def _snapshots(self, caller: Caller, subscription: Subscription) -> Mapping[str, Any]:
        """Return copies: the batch's later commands write on before this leaves."""
        topics = self._kind.topics
        return {
            name: unstructure(topics[name].snapshot(self.state, caller))
            for name in subscription.topics
            if name in topics
        }

    def _attach(
        self, caller: Caller, subscription: Subscription, first_answer: Callable[[], None]
    ) -> Decision[Entry]:
        """Answer and attach in one step after commit: what is published next comes next."""

        def attach() -> None:
            if subscription.over:
                return
            hub, presence = self._channels()
            first_answer()
            Follower(self, caller, subscription, hub, presence, self._around.followers).attach()

        return Decision(effect=attach)

    def _channels(self) -> tuple[Hub, PresenceBoard]:
        """Return hub and presence; an actor that nobody follows has neither."""
        if self._hub is None or self._presence is None:
            self._hub = Hub(
                self._around.timers,
                interval_s=self._around.batch_interval_s,
                ring_len_max=RING_EVENTS_MAX,
                seq=self._seq_published or 0,
            )
            self._presence = PresenceBoard(
                self._around.timers, interval_s=PRESENCE_INTERVAL_S, tell=self._tell_presence
            )
        return self._hub, self._presence

    def _tell_presence(self, changes: Mapping[str, object | None]) -> None:
        for follower in self._followers():
            follower.tell_presence(changes)

    def _followers(self) -> list[Follower]:
        if self._hub is None:
            return []
        return [sink for sink in self._hub.sinks if isinstance(sink, Follower)]

    # ------------------------------------------------------------ after commit

    def releasing(self) -> AbstractContextManager[None]:
        """Collect everything that the batch sends into one write per connection."""
        return self._around.cork()

    def publish(self, seq: int, event: Entry) -> None:
        """Show a durable event to its topic's followers; shut out whom it revokes first."""
        self._seq_published = seq
        hub = self._hub
        if hub is None:
            return  # Nobody has followed since activation: resumes read the journal.
        for user_id in self._kind.revokes(self.state, event.event):
            self._shut_out(user_id)
        topic = self._codec.topic_of(event)
        if topic is not None:
            urgent = topic not in self._batched
            hub.publish(seq, topic, self._codec.body(seq, event), urgent=urgent)

    def _shut_out(self, user_id: str) -> None:
        """End *user_id*'s subscriptions: all before this moment was theirs, nothing after.

        ``RECHECK`` stands for everybody whose role no longer lets them read.
        """
        if self._hub is not None:
            self._hub.flush_all()
        for follower in self._followers():
            is_named = follower.caller.user_id == user_id
            if is_named or (user_id == RECHECK and not self._may_follow(follower)):
                follower.end(WireError("permission_denied", "you were shut out"))

    def _may_follow(self, follower: Follower) -> bool:
        topics = follower.subscription.topics - {PRESENCE_TOPIC}
        return all(self.is_permitted(follower.caller, f"read:{topic}") for topic in topics)

    def committed(self) -> None:
        """Flush what is urgent; have signals sent."""
        if self._hub is not None:
            self._hub.commit()
        if self._has_signals:
            self._has_signals = False
            self._around.signals_stored()

    def is_busy(self) -> bool:
        """Stay in memory while somebody follows."""
        return self._hub is not None and not self._hub.is_empty

    def closed(self, reason: BaseException | None) -> None:
        """End all subscriptions; clients resume with their cursors."""
        text = "the server is stopping" if reason is None else "restarted after a fault"
        for follower in self._followers():
            follower.end(WireError("unavailable", text))
        if self._hub is not None and self._presence is not None:
            self._hub.close()
            self._presence.close()

    # ------------------------------------------------------------ for followers

    def bodies(self, records: Sequence[Record], topics: frozenset[str]) -> list[Item]:
        """Return those of *records* that *topics* carry, as a hub's ring would hold them."""
        items: list[Item] = []
        for record in records:
            entry = self._codec.decode(record.payload)
            topic = self._codec.topic_of(entry)
            if topic in topics:
                items.append((record.seq, topic, self._codec.body(record.seq, entry)))
        return items
