"""The invariants. Whatever is stored, sent or received passes by here, in the moment it happens.

==== ==================================================================================
S1.1 what the server says is durable is durable: no answer, event or snapshot is ahead of the disk
S1.2 a write with one key has one effect, and every answer to it is that effect's
S1.3 a refused write has no effect
S1.4 a follower gets exactly its topics' events, in order; a gap only with an explicit reset;
     what was taken back is not shown any more
S1.5 nothing is accepted from, and nothing sent to, whom the newest committed state shuts out,
     or the claims of the newest token that counts
S1.6 what waits for one connection, and the ring of recent events, stay within their bounds;
     live events and presence are not added to what waits above the soft one
S1.7 in the end everybody holds the same document, with all that was acknowledged in it
S1.8 in the end everybody who may follow is up to date, and every answer has come
S1.9 neither side meets a fault of its own: none is answered, none ends server or client
==== ==================================================================================

They are the rules of the specification under the same numbers.
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
    Auth,
    Call,
    Error,
    Events,
    Hello,
    PresenceChanged,
    Reply,
    Reset,
    Resumed,
    Snapshot,
    Subscribe,
    Welcome,
)
from tests.simulation.ends import Unframer
from tests.simulation.history import History, plainly
from tests.simulation.script import MEMBER, USERS, Knobs
from tests.simulation.tuning import HARD_SHARE

# What one must be permitted to do for an event that carries no operation's name.
_ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"transcript.added": "transcript.add", "notes.updated": "notes.edit"}
)
_LIVE: Final = frozenset({Events, PresenceChanged})  # Re-read later, or dropped, above the bound.
_READS: Final = frozenset({"messages.page", "chat.get", "meeting.get", "notes.sync"})


def org_role_of(token: str) -> str:
    """Return what a token of the simulation says of its bearer's role in the organisation."""
    return token.rpartition(":")[2]


@define(eq=False)
class Wiretap:
    """What the judge knows of one connection."""

    user: str
    subprotocol: str
    # Open calls: ref -> target, op, and the roles of the tokens that counted when it came.
    ops: dict[int, tuple[str, str, frozenset[str]]] = field(factory=dict)
    topics: dict[str, frozenset[str]] = field(factory=dict)  # Subscribed to, by target.
    org_roles: frozenset[str] = frozenset()  # That count: two while a token is being looked at.
    frames: Unframer = field(factory=Unframer)
    largest_write: int = 0
    _asked: dict[int | None, str] = field(factory=dict)  # Ref of an auth -> its role.
    _now: str = ""  # The role of the newest token that was taken.

    def signs_in(self, ref: int | None, org_role: str) -> None:
        """A token was handed in: from now on it may count."""
        self._asked[ref] = org_role
        self.org_roles |= {org_role}

    def is_judged(self, ref: int | None, *, is_taken: bool) -> None:
        """An answer left: if it is one to a token, that one counts alone, or not at all."""
        org_role = self._asked.pop(ref, None)
        if org_role is not None:
            if is_taken:
                self._now = org_role
            self.org_roles = frozenset({self._now, *self._asked.values()} - {""})


@define
class _Known:
    """The newest seq of which a server knows that it is durable, and what it was before."""

    at_s: float = -1.0
    seq: int = 0
    seq_before: int = 0


class Judge:
    """Keeps the oracle up to date, and notes what contradicts it."""

    def __init__(self, knobs: Knobs) -> None:
        self.faults: list[str] = []
        self.found = trio.Event()  # The first fault.
        self.histories: dict[str, History] = {}
        self.counts: dict[str, int] = {}
        self.taps: dict[int, Wiretap] = {}  # The newest of each device.
        self.snapshots: list[tuple[str, str, int, Mapping[str, Any]]] = []
        self._soft_bytes = knobs.outbox_soft_bytes
        self._known: dict[str, _Known] = {}
        # Under which roles in the organisation somebody called: user, target, op, key.
        self._called_as: dict[tuple[str, str, str, str | None], frozenset[str]] = {}
        self._trace = hashlib.blake2b(digest_size=12)
        self._kinds = {kind.name: kind for kind in BUILT_IN}
        self._looks: Mapping[type, Callable[[Wiretap, Any], None]] = {
            Reply: self._saw_reply,
            Error: self._saw_error,
            Welcome: self._saw_welcome,
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
                self.fault("S1.2", f"{batch.actor_id} {entry.op} of {entry.by} twice, now at {seq}")
            action = entry.op or _ACTIONS.get(tag)
            if action is None:
                continue
            call = (entry.by, batch.actor_id, action, entry.key)
            org_roles = self._called_as.get(call, frozenset({MEMBER}))
            if not history.is_permitted(
                entry.by, action, org_roles=org_roles, since=seq - 1, until=seq - 1
            ):
                self.fault("S1.5", f"accepted {action} of {entry.by} at {batch.actor_id} {seq}")

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
            tap.ops[message.ref] = (message.target, message.op, tap.org_roles)
            call = (tap.user, message.target, message.op, message.key)
            self._called_as[call] = self._called_as.get(call, frozenset()) | tap.org_roles
        elif type(message) is Hello:
            tap.signs_in(None, org_role_of(message.token))
        elif type(message) is Auth:
            tap.signs_in(message.ref, org_role_of(message.token))
        elif type(message) is Subscribe:
            tap.topics[message.target] = frozenset(message.topics)

    def sent(self, tap: Wiretap, frames: bytes, waiting_bytes: int) -> None:
        """A server writes to a connection, for which so much waits: before the network has it."""
        tap.largest_write = max(tap.largest_write, len(frames))
        # One large answer may pass, and what was said beside it; then the goodbye.
        if waiting_bytes > HARD_SHARE * self._soft_bytes + 2 * tap.largest_write:
            self.fault("S1.6", f"{waiting_bytes} bytes wait for {tap.user}")
        for _first, payload in tap.frames.feed(frames):
            message = decode_server(payload, tap.subprotocol)
            if waiting_bytes > self._soft_bytes and type(message) in _LIVE:
                what = f"{type(message).__name__} for {tap.user} added to {waiting_bytes} bytes"
                self.fault("S1.6", what)
            look = self._looks.get(type(message))
            if look is not None:
                look(tap, message)

    def _saw_welcome(self, tap: Wiretap, _welcome: Welcome) -> None:
        tap.is_judged(None, is_taken=True)

    def _saw_error(self, tap: Wiretap, error: Error) -> None:
        tap.is_judged(error.ref, is_taken=False)

    def _saw_reply(self, tap: Wiretap, reply: Reply) -> None:
        tap.is_judged(reply.ref, is_taken=True)
        target, op, org_roles = tap.ops.pop(reply.ref, ("", "", tap.org_roles))
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
            self._check_access(tap, history, op, 0, f"answer to {op}", org_roles=org_roles)

    def _saw_events(self, tap: Wiretap, events: Events) -> None:
        history, since = self.history(events.target), self._known_before(events.target)
        self._check_durable(events.target, events.seq, "frame of events")
        for event in events.events:
            what = f"event {event['seq']} of {event['topic']}"
            self._check_durable(events.target, event["seq"], what)
            self._check_access(tap, history, f"read:{event['topic']}", event["seq"], what)
            if event["seq"] <= history.seq and not history.shows(event, since=since):
                self.fault("S1.4", f"{what} of {events.target} is not shown as it was stored")

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
            self.fault("S1.1", f"{what} at {target} {seq}, durable is {self.history(target).seq}")

    def _check_access(
        self,
        tap: Wiretap,
        history: History,
        action: str,
        seq: int,
        what: str,
        *,
        org_roles: frozenset[str] = frozenset(),
    ) -> None:
        """Whoever is sent something must be permitted by the state it shows, or by a newer one.

        Never by one older than what the server knew to be durable before this moment. *org_roles*
        of tokens that may be replaced by now count as well: a call is judged by that which it
        came with.
        """
        since = max(self._known_before(history.target), seq)
        if not history.is_permitted(
            tap.user, action, org_roles=tap.org_roles | org_roles, since=since, until=history.seq
        ):
            who = f"{tap.user} ({', '.join(sorted(tap.org_roles))})"
            self.fault("S1.5", f"{what} of {history.target} sent to {who}, out since {since}")

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
                self.fault(
                    "S1.1", f"chunk {args['segment']} acknowledged at {value['seq']}, absent"
                )
            return
        seqs = history.seq_by_key.get((user, key), [])
        if not seqs:
            if op == "messages.post":
                self.fault("S1.1", f"{op} of {user} acknowledged, not in the journal of {target}")
            return
        entry = history.entries[seqs[0]]
        assert entry is not None
        if plainly(entry.reply) != plainly(value):
            self.fault("S1.2", f"{op} of {user} was answered {value}, stored is {entry.reply}")
        if op == "messages.post" and value != {"id": seqs[0]}:
            self.fault("S1.2", f"message of {user} at {seqs[0]} was answered {value}")

    def refused(self, user: str, target: str, op: str, key: str, code: str) -> None:
        """A client's write was refused, for good."""
        self.count("refused")
        self.trace("refused", user, target, op, key, code)
        if code in ("internal", "bad_request", "unknown_op", "unknown_target"):
            self.fault("S1.9", f"{op} of {user} at {target} was answered {code}")
        if (user, key) in self.history(target).seq_by_key:
            self.fault("S1.3", f"{op} of {user} at {target} was refused ({code}), and happened")
