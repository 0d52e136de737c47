"""The invariants. Whatever is stored, sent or received passes by here, in the moment it happens.

==== ==================================================================================
S1   what the server says is durable is durable: no answer, event or snapshot is ahead of the disk
S2   a write with one key has one effect, and every answer to it is that effect's
S3   a refused write has no effect
S4   a follower gets exactly its topics' events, in order; a gap only with an explicit reset;
     what was taken back is not shown any more
S5   nothing is accepted from, and nothing sent to, whom the newest committed state shuts out
S6   what is held for one connection, and the ring of recent events, stay within their bounds
S7   in the end everybody holds the same document, with all that was acknowledged in it
S8   in the end everybody who may follow is up to date, and every answer has come
S9   nothing escapes: neither server nor client ends with an exception
==== ==================================================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import trio
from attrs import define, field

from actors import Batch
from collab.kinds import BUILT_IN
from protocol.codec import decode, decode_server
from protocol.messages import (
    Call,
    Events,
    PresenceChanged,
    Reply,
    Reset,
    Resumed,
    Snapshot,
    Subscribe,
)
from tests.simulation.ends import Unframer
from tests.simulation.history import History, plainly
from tests.simulation.script import USERS

# What one must be permitted to do for an event that carries no operation's name.
_ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"transcript.added": "transcript.add", "notes.updated": "notes.edit"}
)
_READS: Final = frozenset({"messages.page", "chat.get", "meeting.get", "notes.sync"})


@define(eq=False)
class Wiretap:
    """What the judge knows of one connection."""

    user: str
    subprotocol: str
    ops: dict[int, tuple[str, str]] = field(factory=dict)  # Open calls: ref -> target, op.
    topics: dict[str, frozenset[str]] = field(factory=dict)  # Subscribed to, by target.
    frames: Unframer = field(factory=Unframer)
    largest_write: int = 0


@define
class _Known:
    """The newest seq of which a server knows that it is durable, and what it was before."""

    at_s: float = -1.0
    seq: int = 0
    seq_before: int = 0


class Judge:
    """Keeps the oracle up to date, and notes what contradicts it."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.found = trio.Event()  # The first fault.
        self.histories: dict[str, History] = {}
        self.counts: dict[str, int] = {}
        self.snapshots: list[tuple[str, str, int, Mapping[str, Any]]] = []
        self._known: dict[str, _Known] = {}
        self._trace = hashlib.blake2b(digest_size=12)
        self._kinds = {kind.name: kind for kind in BUILT_IN}
        self._looks: Mapping[type, Callable[[Wiretap, Any], None]] = {
            Reply: self._saw_reply,
            Events: self._saw_events,
            Snapshot: self._saw_snapshot,
            Reset: self._saw_snapshot,
            Resumed: self._saw_resumed,
            PresenceChanged: self._saw_presence,
        }

    # ------------------------------------------------------------ noting

    def fault(self, rule: str, what: str) -> None:
        """Note a contradiction; the run ends at the first one."""
        self.faults.append(f"{rule}: {what} (at {trio.current_time():.3f} s)")
        self.trace("fault", rule, what)
        self.found.set()

    def count(self, what: str, more: int = 1) -> None:
        """Count something for the figures."""
        self.counts[what] = self.counts.get(what, 0) + more

    def trace(self, *what: object) -> None:
        """Make *what* part of the run's fingerprint."""
        self._trace.update(repr((round(trio.current_time(), 6), *what)).encode())

    @property
    def trace_hash(self) -> str:
        """Equal for equal runs."""
        return self._trace.hexdigest()

    def history(self, target: str) -> History:
        """Return the oracle of *target*."""
        history = self.histories.get(target)
        if history is None:
            kind = self._kinds[target.partition(":")[0]]
            history = self.histories[target] = History(kind, target, USERS)
        return history

    # ------------------------------------------------------------ the disk

    def stored(self, batch: Batch) -> None:
        """*batch* has become durable, right now."""
        history = self.history(batch.actor_id)
        for payload in batch.payloads:
            entry = history.take(payload)
            seq, tag = history.seq, entry.event.TAG
            self.trace("stored", batch.actor_id, seq, tag, entry.by)
            self.count("events")
            if entry.key is not None and len(history.seq_by_key[entry.by, entry.key]) > 1:
                self.fault("S2", f"{batch.actor_id} {entry.op} of {entry.by} twice, now at {seq}")
            action = entry.op or _ACTIONS.get(tag)
            if action is not None and not history.is_permitted(
                entry.by, action, since=seq - 1, until=seq - 1
            ):
                self.fault("S5", f"accepted {action} of {entry.by} at {batch.actor_id} {seq}")

    def known(self, target: str, seq: int) -> None:
        """The server is told that *target* is durable up to *seq*: it acts on it from now on."""
        known = self._known.setdefault(target, _Known())
        now_s = trio.current_time()
        if now_s > known.at_s:
            known.at_s, known.seq_before = now_s, known.seq
        known.seq = max(known.seq, seq)

    # ------------------------------------------------------------ the server's ends

    def received(self, tap: Wiretap, payload: bytes) -> None:
        """A server hands over a message of a client."""
        message = decode(payload, tap.subprotocol)
        if type(message) is Call:
            tap.ops[message.ref] = (message.target, message.op)
        elif type(message) is Subscribe:
            tap.topics[message.target] = frozenset(message.topics)

    def sent(self, tap: Wiretap, frames: bytes) -> None:
        """A server writes to a connection: looked at before the network has it."""
        tap.largest_write = max(tap.largest_write, len(frames))
        for _first, payload in tap.frames.feed(frames):
            message = decode_server(payload, tap.subprotocol)
            look = self._looks.get(type(message))
            if look is not None:
                look(tap, message)

    def _saw_reply(self, tap: Wiretap, reply: Reply) -> None:
        target, op = tap.ops.pop(reply.ref, ("", ""))
        if not target:
            return  # To a fresh token.
        history = self.history(target)
        if reply.seq is not None:
            self._check_durable(target, reply.seq, f"answer to {op}")
        if op == "messages.page":
            for message in reply.value["messages"]:
                newest = max([message["id"], *message["edits"]])
                self._check_durable(target, newest, "page of messages")
        if op in _READS:
            self._check_access(tap, history, op, 0, f"answer to {op}")

    def _saw_events(self, tap: Wiretap, events: Events) -> None:
        history, since = self.history(events.target), self._known_before(events.target)
        self._check_durable(events.target, events.seq, "frame of events")
        for event in events.events:
            what = f"event {event['seq']} of {event['topic']}"
            self._check_durable(events.target, event["seq"], what)
            self._check_access(tap, history, f"read:{event['topic']}", event["seq"], what)
            if event["seq"] <= history.seq and not history.shows(event, since=since):
                self.fault("S4", f"{what} of {events.target} is not shown as it was stored")

    def _saw_snapshot(self, tap: Wiretap, shown: Snapshot | Reset) -> None:
        history = self.history(shown.target)
        self._check_durable(shown.target, shown.seq, "snapshot")
        for topic in sorted(shown.topics):
            self._check_access(tap, history, f"read:{topic}", shown.seq, f"snapshot of {topic}")

    def _saw_resumed(self, _tap: Wiretap, resumed: Resumed) -> None:
        self._check_durable(resumed.target, resumed.seq, "place to resume at")
        self.count("resumes")

    def _saw_presence(self, tap: Wiretap, presence: PresenceChanged) -> None:
        history = self.history(presence.target)
        if history.kind.presence_with is not None:
            action = f"read:{history.kind.presence_with}"
            self._check_access(tap, history, action, 0, "presence")

    def _check_durable(self, target: str, seq: int, what: str) -> None:
        if seq > self.history(target).seq:
            self.fault("S1", f"{what} at {target} {seq}, durable is {self.history(target).seq}")

    def _check_access(
        self, tap: Wiretap, history: History, action: str, seq: int, what: str
    ) -> None:
        """Whoever is sent something must be permitted by the state it shows, or by a newer one.

        Never by one older than what the server knew to be durable before this moment.
        """
        since = max(self._known_before(history.target), seq)
        if not history.is_permitted(tap.user, action, since=since, until=history.seq):
            self.fault("S5", f"{what} of {history.target} sent to {tap.user}, out since {since}")

    def _known_before(self, target: str) -> int:
        """Return the newest seq that the server was told is durable before this moment."""
        known = self._known.get(target)
        if known is None:
            return 0
        return known.seq_before if known.at_s >= trio.current_time() else known.seq

    # ------------------------------------------------------------ the clients

    def answered(
        self, user: str, target: str, op: str, args: Mapping[str, Any], key: str, value: Any
    ) -> None:
        """A client's write was acknowledged with *value*."""
        self.count("acknowledged")
        self.trace("answered", user, target, op, key)
        history = self.history(target)
        if op == "transcript.add":
            entry = history.entries[value["seq"]] if value["seq"] <= history.seq else None
            if entry is None or getattr(entry.event, "text", None) != args["text"]:
                self.fault("S1", f"chunk {args['segment']} acknowledged at {value['seq']}, absent")
            return
        seqs = history.seq_by_key.get((user, key), [])
        if not seqs:
            if op == "messages.post":
                self.fault("S1", f"{op} of {user} acknowledged, not in the journal of {target}")
            return
        entry = history.entries[seqs[0]]
        assert entry is not None
        if plainly(entry.reply) != plainly(value):
            self.fault("S2", f"{op} of {user} was answered {value}, stored is {entry.reply}")
        if op == "messages.post" and value != {"id": seqs[0]}:
            self.fault("S2", f"message of {user} at {seqs[0]} was answered {value}")

    def refused(self, user: str, target: str, op: str, key: str, code: str) -> None:
        """A client's write was refused, for good."""
        self.count("refused")
        self.trace("refused", user, target, op, key, code)
        if code in ("internal", "bad_request", "unknown_op", "unknown_target"):
            self.fault("S8", f"{op} of {user} at {target} was answered {code}")
        if (user, key) in self.history(target).seq_by_key:
            self.fault("S3", f"{op} of {user} at {target} was refused ({code}), and happened")
