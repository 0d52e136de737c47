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

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]
from attrs import evolve

from actors import Actor, Decision
from collab.answers import Answers, Remembered
from collab.audience import REDACTED_LISTING, Audience
from collab.audit import described
from collab.audit.entry import AuditRow, entry_of
from collab.envelope import Entry, EventCodec
from collab.errors import BadRequest, Conflict, PermissionDenied, UnknownTopic
from collab.following import PRESENCE_TOPIC
from collab.kind import Answer, Caller, Context, Kind, Put, Signal
from collab.permission.scopes import covers
from collab.requests import (
    Admit,
    Asking,
    Declined,
    Do,
    Done,
    Drafting,
    Follow,
    Look,
    Message,
    Reading,
    Receive,
)
from collab.storage import SignalRow
from collab.surroundings import Surroundings
from protocol.gateway import Subscription
from protocol.limits import CATCH_UP_EVENTS_MAX
from protocol.structure import STORAGE, pack, structure, unstructure

_SNAPSHOT_FORMAT: Final = 1


class LiveActor(Actor[Message, Entry]):
    """One activation of one target of any kind."""

    def __init__(self, kind: Kind[Any], codec: EventCodec, key: str, around: Surroundings) -> None:
        """*codec* is the kind's, shared by all its actors."""
        self._kind = kind
        self._around = around
        self._codec = codec
        self._audience = Audience(kind, self._codec, around, self.is_permitted)
        self._answers = Answers()
        self._has_signals = False
        self._is_begun = False  # Something was decided since activation.
        self._is_closed = False
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
        self._kind.events[type(event.event)](self.state, event.event, event.stamp(seq))
        if event.key is not None:
            answer = Remembered(event.op or "", seq, event.reply, event.nbytes)
            self._answers.remember(event.by, event.key, answer)

    def rows(self, seq: int, event: Entry) -> Sequence[object]:
        """Return what is stored in the event's transaction beside it; note whom it shuts out."""
        kind, happened = self._kind, event.event
        if type(happened) in kind.quiet and event.audit is None:
            return ()
        stamp = event.stamp(seq)
        rows: list[object] = list(kind.rows(self.state, happened, stamp))
        if event.audit is not None:
            rows.append(AuditRow(evolve(event.audit, seq=seq)))
        signals = kind.signals_of(self.state, happened, stamp)
        if signals:
            self._has_signals = True
            rows += [self._signal_row(seq, n, signal) for n, signal in enumerate(signals)]
        rows += [Put(REDACTED_LISTING, n, b"") for n in kind.redacts(happened)]
        self._audience.judge(self.state, event)
        return rows

    def _signal_row(self, seq: int, index: int, signal: Signal) -> SignalRow:
        payload = pack({"tag": signal.command.TAG, "fields": signal.command})
        return SignalRow(signal.target, payload, index, seq, signal.slot)

    # ------------------------------------------------------------ deciding

    def prepare(self, commands: Sequence[Message]) -> Awaitable[int | None] | None:
        """Have studied what must be, and load the old items that the batch's commands need.

        What is studied is the first of its batch, so that it is decided against the very state that
        it was studied against, and that findings of one command only are in memory.
        """
        kind, reader = self._kind, self._around.reader
        immediate, load = kind.immediate, kind.load
        for message in commands:
            if type(message) is Do:
                command = message.command
                if type(command) in immediate:
                    continue
                if load is not None and kind.needs(self.state, command):
                    return self._prepare(commands)
            elif type(message) is Look:
                command = message.query
            else:
                continue
            if kind.study(self.state, command, message.caller, self.actor_id, reader) is not None:
                return self._prepare(commands)
        return None

    async def _prepare(self, commands: Sequence[Message]) -> int:
        """Return how many of *commands*, from the first on, can be decided now."""
        load, reader = self._kind.load, self._around.reader
        wanted: dict[str, set[int]] = {}
        may_change_roles = False  # An earlier command of the batch might.
        let_in: set[str] = set()  # Whom an earlier message of the batch lets in.
        count = len(commands)
        for index, message in enumerate(commands):
            if type(message) is Do:
                command, caller = message.command, message.caller
            elif type(message) is Look:
                command, caller = message.query, message.caller
            else:
                may_change_roles = True
                if type(message) is Admit:
                    let_in.add(message.caller.user_id)
                continue
            is_permitted = caller.user_id in let_in or self.is_permitted(caller, command.TAG)
            study = self._kind.study(self.state, command, caller, self.actor_id, reader)
            if study is not None and is_permitted:
                if index:
                    count = index
                    break
                await study()
            if load is None or type(message) is Look:
                continue
            needs = self._kind.needs(self.state, command)
            if not needs:
                may_change_roles = True
            elif is_permitted or may_change_roles:
                for listing, positions in needs.items():
                    wanted.setdefault(listing, set()).update(positions)
        for listing, all_positions in wanted.items():
            if all_positions and load is not None:
                items = await reader.get(self.actor_id, listing, sorted(all_positions))
                load(self.state, listing, items)
        return count

    def decide(self, command: Message) -> Decision[Entry]:
        """Answer one message. Raises ``Refused`` (``CollabError``) for the sender."""
        if not self._is_begun:
            self._is_begun = True
            self._audience.actor_id = self.actor_id
            self._audience.seq_published = self.seq
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
        if type(command) in self._kind.idempotent:
            key = None
        if key is not None and (first := self._answers.find(caller.user_id, key)) is not None:
            if first.op != command.TAG:
                raise Conflict(f"this key was used for {first.op}; a new write needs a new one")
            return Decision(reply=Done(first.value, first.seq))
        self._check(caller, command.TAG)
        context = self._context(caller)
        context.answer = message.answer
        try:
            outcome = self._kind.commands[type(command)](self.state, command, context)
        except PermissionDenied:  # By the rules, which know more than roles.
            self._around.recorder.refused(caller, command.TAG, self.actor_id)
            raise
        if outcome.draft is not None:
            return Decision(reply=Drafting(self.actor_id, message, outcome.draft))
        if outcome.ask is not None:
            return Decision(reply=Asking(self.actor_id, message, outcome.ask))
        entries = [Entry(event, caller.user_id, context.now_ms) for event in outcome.events]
        if outcome.refusal is not None:  # Not remembered: sent again, it is decided again.
            return Decision(entries, Declined(outcome.refusal))
        if entries and key is not None:
            entries[-1].key, entries[-1].op = key, command.TAG
            entries[-1].reply = outcome.value
        if entries and command.TAG in self._kind.audited:
            kept = described(command, self._kind.audited[command.TAG])
            entries[-1].audit = entry_of(
                caller, command.TAG, self.actor_id, "granted", at_ms=context.now_ms, detail=kept
            )
        return Decision(entries, Done(outcome.value, self.seq + len(entries)))

    def _decide_look(self, message: Look) -> Decision[Entry]:
        caller, query = message.caller, message.query
        self._check(caller, query.TAG)
        if query.TAG in self._kind.audited:
            kept = described(query, self._kind.audited[query.TAG])
            self._around.recorder.granted(caller, query.TAG, self.actor_id, kept)
        answer: Answer = self._kind.queries[type(query)](self.state, query, self._context(caller))
        if answer.read is None:
            return Decision(reply=Done(answer.value, self.seq))
        role = self._kind.role_of(self.state, caller)
        return Decision(reply=Reading(answer.read, lambda: self._is_still(role, caller)))

    def _is_still(self, role: str, caller: Caller) -> bool:
        """Say whether *caller* has the same role, and this activation is the one to ask."""
        return not self._is_closed and self._kind.role_of(self.state, caller) == role

    def _decide_receive(self, message: Receive) -> Decision[Entry]:
        source, command = Caller(user_id=message.source), message.command
        context = self._context(source)
        outcome = self._kind.signals[type(command)](self.state, command, context)
        entries = [Entry(event, message.source, context.now_ms) for event in outcome.events]
        names = self._kind.audited_signals.get(command.TAG)
        if entries and names is not None:
            who = Caller(user_id=getattr(command, names[0])) if names else source
            kept = described(command, names)
            entries[-1].audit = entry_of(
                who, command.TAG, self.actor_id, "granted", at_ms=context.now_ms, detail=kept
            )
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
        if allowed is None or action not in allowed:
            return False
        return caller.scopes is None or covers(caller.scopes, kind.name, action)

    def _check(self, caller: Caller, action: str) -> None:
        if not self.is_permitted(caller, action):
            self._around.recorder.refused(caller, action, self.actor_id)
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
        for action in self._audience.actions_of(subscription.topics):
            self._check(caller, action)
        if message.has_fallen_behind:  # Noted when it was opened.
            return self._reset(caller, subscription, "fell_behind")
        self._around.recorder.opened(caller, self.actor_id, subscription.topics)
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
        topics, now_ms = self._kind.topics, self._around.clock_ms()
        return {
            name: unstructure(topics[name].shown(self.state, caller, now_ms))
            for name in subscription.topics
            if name in topics
        }

    def _attach(
        self, caller: Caller, subscription: Subscription, first_answer: Callable[[], None]
    ) -> Decision[Entry]:
        return Decision(effect=self._audience.join(caller, subscription, first_answer))

    # ------------------------------------------------------------ after commit

    def releasing(self) -> AbstractContextManager[None]:
        """Collect everything that the batch sends into one write per connection."""
        return self._around.cork()

    def publish(self, seq: int, event: Entry) -> None:
        """Show a durable event to its audience."""
        self._audience.publish(seq, event)

    def committed(self) -> None:
        """Flush what is urgent; say when to be woken; have signals sent."""
        self._audience.committed()
        if (wakes_at := self._kind.wakes_at) is not None:
            self._around.alarms.set(self.actor_id, wakes_at(self.state))
        if self._has_signals:
            self._has_signals = False
            self._around.signals_stored()

    def is_busy(self) -> bool:
        """Stay in memory while somebody follows."""
        return not self._audience.is_empty

    def closed(self, reason: BaseException | None) -> None:
        """End all subscriptions; queries that still read ask the next activation."""
        self._is_closed = True
        if self._has_signals:  # Their batch may be durable although its append failed.
            self._around.signals_stored()
        self._audience.close(reason)
