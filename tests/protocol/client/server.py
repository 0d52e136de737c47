"""A small, faithful server in memory: logs, cursors, keys, presence; and it can misbehave."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import trio
from attrs import define, field

from protocol.client import Payload, Transport, TransportClosed
from protocol.codec import decode, encode
from protocol.errors import CLOSE_UNAUTHENTICATED
from protocol.messages import (
    SUBPROTOCOL_JSON,
    Auth,
    Call,
    Cancel,
    ClientMessage,
    Cursor,
    Ended,
    Error,
    Events,
    Goodbye,
    Hello,
    Ping,
    Pong,
    PresenceChanged,
    Reply,
    Reset,
    Resumed,
    ServerMessage,
    SetPresence,
    Snapshot,
    Subscribe,
    Unsubscribe,
    Welcome,
)
from tests.protocol.client.wire import ClientEnd, Wire

KEEPALIVE_MS = 20_000


def payload_of(message: ServerMessage, subprotocol: str) -> Payload:
    """Encode *message* and take the frame's header off."""
    frame = encode(message, subprotocol)
    short = frame[1]
    payload = frame[2 if short < 126 else 4 if short == 126 else 10 :]
    return payload.decode() if subprotocol == SUBPROTOCOL_JSON else payload


@define(eq=False)
class Target:
    """A log of events and the answers to keys."""

    epoch: str = "e1"
    log: list[Mapping[str, Any]] = field(factory=list)
    oldest: int = 0  # Cursors before it are too old.
    answers: dict[str, tuple[Any, int]] = field(factory=dict)

    @property
    def seq(self) -> int:
        return len(self.log)

    def snapshot(self, topics: tuple[str, ...]) -> dict[str, Any]:
        return {t: [e["data"] for e in self.log if e["topic"] == t] for t in topics}


class Server:
    """All targets and sessions. ``connect`` is a connector for the client."""

    def __init__(self) -> None:
        self.targets: dict[str, Target] = {}
        self.sessions: list[Session] = []  # Every one that there ever was.
        self.calls: list[Call] = []  # In the order of arrival, repeated ones included.
        self.hellos: list[str] = []
        self.attempts: list[float] = []  # Times of connecting.
        self.is_down = False
        self.is_mute = False  # Takes messages and says nothing.
        self.delay_s = 0.0  # Before a message is handled.
        self.keepalive_ms = KEEPALIVE_MS
        self.expires_in_ms: int | None = None
        self.accepts: Callable[[str], Error | None] = lambda _token: None
        # Looks at a call first: an Error is the answer, True means that none ever comes.
        self.on_call: Callable[[Call], Error | bool | None] = lambda _call: None
        self.on_subscribe: Callable[[Subscribe], Error | None] = lambda _subscribe: None
        self.on_wire: Callable[[Wire], None] = lambda _wire: None
        self.is_presence_sent = True
        self._held: list[tuple[Session, Events]] | None = None

    def target(self, name: str) -> Target:
        return self.targets.setdefault(name, Target())

    @property
    def live(self) -> list[Session]:
        return [session for session in self.sessions if session.is_live]

    @property
    def session(self) -> Session:
        """The newest one."""
        return self.sessions[-1]

    def append(self, name: str, topic: str, data: Any, *, by: str = "ann") -> int:
        """Append one event and tell its followers."""
        target = self.target(name)
        after = target.seq
        event = {
            "seq": after + 1,
            "topic": topic,
            "type": "added",
            "at_ms": 0,
            "by": by,
            "data": data,
        }
        target.log.append(event)
        for session in self.live:
            session.publish(name, event)
        return after + 1

    @contextmanager
    def losing_events(self) -> Iterator[None]:
        """Lose what is published meanwhile, as a faulty server would."""
        self._held = []
        try:
            yield
        finally:
            self._held = None

    @property
    def is_losing(self) -> bool:
        return self._held is not None

    @asynccontextmanager
    async def connect(self, _url: str, subprotocol: str) -> AsyncIterator[Transport]:
        self.attempts.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if self.is_down:
            raise TransportClosed("nobody listens")
        wire = Wire()
        self.on_wire(wire)
        session = Session(self, wire, subprotocol)
        self.sessions.append(session)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run)
            try:
                yield ClientEnd(wire)
            finally:
                wire.close("client gone", None)
                nursery.cancel_scope.cancel()


@define(eq=False)
class Following:
    ref: int
    topics: tuple[str, ...]
    seq: int


class Session:
    """One connection, server side."""

    def __init__(self, server: Server, wire: Wire, subprotocol: str) -> None:
        self.server = server
        self.wire = wire
        self.following: dict[str, Following] = {}
        self.presence: dict[str, Any] = {}
        self.cancelled: list[int] = []
        self.tokens: list[str] = []
        self.received: list[ClientMessage] = []
        self.is_welcome = False
        self.id = f"s{len(server.sessions)}"
        self._subprotocol = subprotocol

    @property
    def is_live(self) -> bool:
        return self.is_welcome and self.wire.up.closed is None

    def of_type(self, kind: type[Any]) -> list[Any]:
        """Return the received messages of one class."""
        return [message for message in self.received if isinstance(message, kind)]

    def send(self, message: ServerMessage) -> None:
        self.wire.write(payload_of(message, self._subprotocol))

    async def run(self) -> None:
        try:
            while True:
                payload = await self.wire.up.get()
                if self.server.delay_s:
                    await trio.sleep(self.server.delay_s)
                raw = payload.encode() if isinstance(payload, str) else payload
                message = decode(raw, self._subprotocol)
                self.received.append(message)
                if not self.server.is_mute:
                    self.handle(message)
        except TransportClosed:
            pass

    def handle(self, message: ClientMessage) -> None:
        match message:
            case Hello():
                self._hello(message)
            case Auth():
                self._auth(message)
            case Call():
                self._call(message)
            case Cancel():
                self.cancelled.append(message.ref)
                self.send(Error(ref=message.ref, code="cancelled", message=""))
            case Subscribe():
                self._subscribe(message)
            case Unsubscribe():
                self._unsubscribe(message)
            case SetPresence():
                self.presence[message.target] = message.state
                self._show_presence(message.target, message.state)
            case Ping():
                self.send(Pong(n=message.n))

    def goodbye(self, *, reconnect_after_ms: int | None = None) -> None:
        """Drain: nothing new is taken; the caller closes."""
        self.send(Goodbye(reason="draining", reconnect_after_ms=reconnect_after_ms))

    def end(self, target: str, code: str, *, retryable: bool = False) -> None:
        following = self.following.pop(target)
        self.send(Ended(ref=following.ref, target=target, code=code, retryable=retryable))

    def publish(self, target: str, event: Mapping[str, Any]) -> None:
        following = self.following.get(target)
        if following is None or event["topic"] not in following.topics:
            return
        after, following.seq = following.seq, event["seq"]
        if not self.server.is_losing:
            self.send(Events(target=target, after=after, seq=following.seq, events=(event,)))

    def fall_behind(self, target: str) -> None:
        """Give up catching up: a reset in the middle of the stream."""
        following, log = self.following[target], self.server.target(target)
        following.seq = log.seq
        self.send(
            Reset(
                ref=following.ref,
                target=target,
                reason="fell_behind",
                epoch=log.epoch,
                seq=log.seq,
                topics=log.snapshot(following.topics),
            )
        )

    # ------------------------------------------------------------ messages

    def _hello(self, hello: Hello) -> None:
        self.server.hellos.append(hello.token)
        self.tokens.append(hello.token)
        refusal = self.server.accepts(hello.token)
        if refusal is not None:
            self.send(refusal)
            self.wire.close(refusal.code, CLOSE_UNAUTHENTICATED)
            return
        self.is_welcome = True
        self.send(
            Welcome(
                session=self.id,
                user="ann",
                now_ms=1_000,
                expires_at_ms=self.server.expires_in_ms and 1_000 + self.server.expires_in_ms,
                keepalive_ms=self.server.keepalive_ms,
            )
        )

    def _auth(self, auth: Auth) -> None:
        self.tokens.append(auth.token)
        refusal = self.server.accepts(auth.token)
        if refusal is None:
            self.send(Reply(ref=auth.ref))
        else:
            self.send(Error(ref=auth.ref, code=refusal.code, message=refusal.message))

    def _call(self, call: Call) -> None:
        self.server.calls.append(call)
        verdict = self.server.on_call(call)
        if verdict is True:
            return
        if isinstance(verdict, Error):
            self.send(Error(ref=call.ref, **_fields(verdict)))
            return
        target = self.server.target(call.target)
        if call.op == "read":
            self.send(Reply(ref=call.ref, value=target.seq, seq=target.seq))
            return
        if call.key is None or call.key not in target.answers:
            seq = self.server.append(call.target, call.args.get("topic", "log"), call.args["data"])
            if call.key is not None:
                target.answers[call.key] = (seq, seq)
            self.send(Reply(ref=call.ref, value=seq, seq=seq))
        else:
            value, seq = target.answers[call.key]
            self.send(Reply(ref=call.ref, value=value, seq=seq))

    def _subscribe(self, message: Subscribe) -> None:
        refusal = self.server.on_subscribe(message)
        if message.target in self.following:
            refusal = Error(code="duplicate_subscription", message="")
        if refusal is not None:
            self.send(Error(ref=message.ref, **_fields(refusal)))
            return
        log, cursor = self.server.target(message.target), message.cursor
        reason = _reset_reason(log, cursor)
        following = Following(message.ref, message.topics, log.seq)
        self.following[message.target] = following
        place: Any = {"ref": message.ref, "target": message.target, "epoch": log.epoch}
        if cursor is None:
            topics = log.snapshot(message.topics)
            self.send(Snapshot(seq=log.seq, topics=topics, **place))
        elif reason is not None:
            topics = log.snapshot(message.topics)
            self.send(Reset(reason=reason, seq=log.seq, topics=topics, **place))
        else:
            self.send(Resumed(seq=cursor.seq, **place))
            self._catch_up(message.target, following, cursor.seq)
        if "presence" in message.topics:
            self._show_all_present(message.target)

    def _catch_up(self, target: str, following: Following, after: int) -> None:
        """Send what was missed, in pages of two."""
        log = self.server.target(target)
        for first in itertools.count(after, 2):
            page = log.log[first : first + 2]
            if not page:
                break
            events = tuple(event for event in page if event["topic"] in following.topics)
            self.send(Events(target=target, after=first, seq=first + len(page), events=events))

    def _unsubscribe(self, message: Unsubscribe) -> None:
        for target, following in list(self.following.items()):
            if following.ref == message.ref:
                self.end(target, "unsubscribed")
                return
        self.send(Error(ref=message.ref, code="not_found", message=""))

    def _show_presence(self, target: str, state: Any) -> None:
        for session in self.server.live:
            if "presence" in getattr(session.following.get(target), "topics", ()):
                member = None if state is None else {"user": "ann", "state": state}
                session.send(PresenceChanged(target=target, sessions={self.id: member}))

    def _show_all_present(self, target: str) -> None:
        sessions = {
            session.id: {"user": "ann", "state": session.presence[target]}
            for session in self.server.live
            if session.presence.get(target) is not None
        }
        self.send(PresenceChanged(target=target, sessions=sessions, full=True))


def _reset_reason(target: Target, cursor: Cursor | None) -> str | None:
    if cursor is None:
        return None
    if cursor.epoch != target.epoch:
        return "epoch_changed"
    if cursor.seq > target.seq:
        return "cursor_ahead"
    return "cursor_too_old" if cursor.seq < target.oldest else None


def _fields(error: Error) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "retryable": error.retryable,
        "retry_after_ms": error.retry_after_ms,
    }
