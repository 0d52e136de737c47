"""A WebSocket in memory with a window that tests control, and a small gateway."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from attrs import define, field, frozen

from protocol.codec import decode_server, encode_client
from protocol.errors import WireError
from protocol.gateway import Connection, EventFrame, Identity, IncomingCall, Peer, Subscription
from protocol.limits import OUTBOX_HARD_BYTES
from protocol.messages import (
    SUBPROTOCOL_JSON,
    Call,
    ClientMessage,
    Hello,
    ServerMessage,
    Subscribe,
    Welcome,
)
from protocol.server import WireServer

WORDS = "secret words"  # Never to be seen in a log.
NOW_MS = 1_700_000_000_000


def split_frames(stream: bytes) -> list[bytes]:
    """Return the payloads of whole, unmasked frames."""
    payloads = []
    at = 0
    while at < len(stream):
        length = stream[at + 1]
        at += 2
        if length == 126:
            length, at = int.from_bytes(stream[at : at + 2], "big"), at + 2
        elif length == 127:
            length, at = int.from_bytes(stream[at : at + 8], "big"), at + 8
        payloads.append(stream[at : at + length])
        at += length
    return payloads


class FakeSocket:
    """One WebSocket. ``window`` is how many bytes the peer's kernel takes; None: all of them."""

    def __init__(self, subprotocol: str = SUBPROTOCOL_JSON) -> None:
        self.subprotocol: str | None = subprotocol
        self.peer = "192.0.2.1:5555"
        self.window: int | None = None
        self.taken_bytes = 0
        self.received_bytes = 0
        self.closed_with: tuple[int, str] | None = None
        self.is_aborted = False
        self.writes: list[bytes] = []
        self._backlog: list[bytes] = []
        self._on_drained: Callable[[], None] | None = None
        self._to_server, self._inbox = trio.open_memory_channel[tuple[bool, bytes]](100_000)
        self._to_client, self._frames = trio.open_memory_channel[bytes](1_000_000)

    # The server's side.

    @property
    def backlog_bytes(self) -> int:
        return sum(map(len, self._backlog))

    @property
    def backlog_frames(self) -> int:
        return len(self._backlog)

    def write(self, data: bytes) -> int:
        if self.closed_with is None and not self.is_aborted:
            self.writes.append(data)
            self._backlog.append(data)
            self._move()
        return self.backlog_bytes

    async def serve(
        self,
        on_message: Callable[[bool, bytes], Awaitable[Any] | None],
        on_drained: Callable[[], None] | None = None,
    ) -> object:
        self._on_drained = on_drained
        async for is_text, payload in self._inbox:
            self.received_bytes += len(payload)
            waiting = on_message(is_text, payload)
            if waiting is not None:
                await waiting
        return None

    def close_soon(self, code: int, reason: str = "") -> None:
        if self.closed_with is None:
            self.closed_with = (code, reason)
            self._to_server.close()

    def abort(self) -> None:
        self.is_aborted = True
        self._to_client.close()
        self._to_server.close()

    def _move(self) -> None:
        had_backlog = len(self._backlog) > 1
        while self._backlog and (self.window is None or self.window >= len(self._backlog[0])):
            data = self._backlog.pop(0)
            if self.window is not None:
                self.window -= len(data)
            self.taken_bytes += len(data)
            for payload in split_frames(data):
                self._to_client.send_nowait(payload)
        if had_backlog and not self._backlog and self._on_drained is not None:
            self._on_drained()

    # The client's side.

    def open_window(self, bytes_more: int | None) -> None:
        """Let the peer take so many bytes more; None: everything from now on."""
        waited = bool(self._backlog)
        self.window = None if bytes_more is None else (self.window or 0) + bytes_more
        self._move()
        if waited and not self._backlog and self._on_drained is not None:
            self._on_drained()

    def push(self, payload: bytes, *, is_text: bool) -> None:
        self._to_server.send_nowait((is_text, payload))

    def hang_up(self) -> None:
        """The peer is gone."""
        self._to_server.close()

    async def next_payload(self) -> bytes:
        return await self._frames.receive()


class FakeClient:
    """Speaks the wire over a :class:`FakeSocket`."""

    def __init__(self, socket: FakeSocket) -> None:
        assert socket.subprotocol is not None
        self.socket = socket
        self.subprotocol = socket.subprotocol

    def send(self, *messages: ClientMessage) -> None:
        for message in messages:
            self.send_raw(encode_client(message, self.subprotocol))

    def send_raw(self, payload: bytes) -> None:
        self.socket.push(payload, is_text=self.subprotocol == SUBPROTOCOL_JSON)

    async def receive(self) -> ServerMessage:
        return decode_server(await self.socket.next_payload(), self.subprotocol)

    async def receive_all(self) -> list[ServerMessage]:
        """Return everything that has arrived once nothing moves any more."""
        await trio.testing.wait_all_tasks_blocked()
        found: list[ServerMessage] = []
        while True:
            try:
                payload = self.socket._frames.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                return found
            found.append(decode_server(payload, self.subprotocol))

    async def hello(self, token: str = "user:ann") -> Welcome:
        self.send(Hello(token=token))
        welcome = await self.receive()
        assert isinstance(welcome, Welcome)
        return welcome

    async def call(self, ref: int, op: str, **args: Any) -> ServerMessage:
        self.send(Call(ref=ref, target="thing:t1", op=op, args=args))
        return await self.receive()


@frozen
class Echo:
    text: str
    count: int = 1


class Boom(Exception):
    """What the gateway raises when told to."""


@define
class FakeGateway:
    """Owns everything. Tokens are ``user:NAME`` or ``user:NAME:EXPIRES_MS``."""

    held: list[IncomingCall] = field(factory=list)
    subscriptions: list[Subscription] = field(factory=list)
    unsubscribed: list[Subscription] = field(factory=list)
    following: list[Subscription] = field(factory=list)  # Taken, not ended and not handed back.
    changed_identities: list[Identity] = field(factory=list)
    presences: list[tuple[str, Mapping[str, Any] | None]] = field(factory=list)
    peers: list[Peer] = field(factory=list)
    catch_ups: list[Subscription] = field(factory=list)
    events: list[dict[str, Any]] = field(factory=list)  # Of every target, for catch_up.
    gate: trio.Event | None = None  # If set, authenticate waits for it.
    answers_subscriptions: bool = True
    is_reset_refused: bool = False  # Catching up ends with a refusal instead of a reset.
    catch_up_fault: Exception | None = None
    fails_to_unsubscribe: bool = False
    fails_to_judge: bool = False

    async def authenticate(self, token: str, peer: Peer) -> Identity:
        self.peers.append(peer)
        if self.gate is not None:
            await self.gate.wait()
        parts = token.split(":")
        if token == "boom":
            raise Boom(WORDS)
        if token == "nobody":
            return Identity(object())  # type: ignore[arg-type]
        if token == "later":
            raise WireError("unavailable", "not now")
        if token == "shut-out":
            raise WireError("permission_denied", "not you")
        if parts[0] != "user" or not 2 <= len(parts) <= 3:
            raise WireError("unauthenticated", "not a token")
        return Identity(parts[1], int(parts[2]) if len(parts) == 3 else None)

    def call(self, call: IncomingCall) -> None:
        if call.op == "hold":
            self.held.append(call)
        elif call.op == "boom":
            raise Boom(WORDS)
        elif call.op == "unsendable":
            call.reply(object())
        elif call.op == "echo":
            try:
                echo = call.args_as(Echo)
            except WireError as error:
                call.fail(error)
            else:
                call.reply({"said": echo.text * echo.count}, seq=7)
        else:
            call.fail(WireError("unknown_op", "no such operation"))

    def subscribe(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)
        if subscription.target == "thing:refused":
            subscription.fail(WireError("permission_denied", "not this"))
            return
        self.following.append(subscription)
        if subscription.target == "thing:boom":
            raise Boom(WORDS)
        if subscription.target == "thing:unsendable":
            subscription.snapshot(epoch="e", seq=0, topics={"state": object()})
            return
        if not self.answers_subscriptions:
            return
        if subscription.cursor is None:
            seq = self.events[-1]["seq"] if self.events else 0
            subscription.snapshot(epoch="e", seq=seq, topics={"state": {"seq": seq}})
        else:
            subscription.resumed(epoch="e", behind=subscription.cursor.seq < len(self.events))

    def identity_changed(self, connection: Connection) -> None:
        self.changed_identities.append(connection.identity)
        if self.fails_to_judge:
            raise Boom(WORDS)

    def unsubscribe(self, subscription: Subscription) -> None:
        self.unsubscribed.append(subscription)
        if subscription in self.following:
            self.following.remove(subscription)
        if self.fails_to_unsubscribe:
            raise Boom(WORDS)

    def end(self, subscription: Subscription, error: WireError | None) -> None:
        """End one as a gateway does: it lets go first."""
        self.following.remove(subscription)
        subscription.end(error)

    async def catch_up(self, subscription: Subscription) -> None:
        self.catch_ups.append(subscription)
        if self.catch_up_fault is not None:
            raise self.catch_up_fault
        if self.is_reset_refused:
            subscription.fail(WireError("overloaded", "no fresh snapshot now"))
            return
        while not subscription.over:
            missed = [event for event in self.events if event["seq"] > subscription.seq]
            if not missed:
                subscription.caught_up()
                return
            page = missed[:10]
            frame = EventFrame(subscription.target, subscription.seq, page[-1]["seq"], page)
            await subscription.deliver_page(iter([frame]))

    def presence(self, subscription: Subscription, state: Mapping[str, Any] | None) -> None:
        self.presences.append((subscription.target, state))

    def publish(self, count: int = 1, *, text: str = "x", target: str = "thing:t1") -> None:
        """Append *count* events as one frame and deliver it to all subscriptions."""
        after = self.events[-1]["seq"] if self.events else 0
        fresh = [event_at(after + 1 + n, text) for n in range(count)]
        self.events += fresh
        frame = EventFrame(target, after, after + count, fresh)
        for subscription in self.subscriptions:
            if not subscription.over and subscription.target == target:
                subscription.deliver(frame)


def event_at(seq: int, text: str = "x") -> dict[str, Any]:
    return {"seq": seq, "topic": "state", "type": "changed", "at_ms": 0, "by": "u", "data": text}


def ask_for_more_than_the_outbox_holds(client: FakeClient) -> None:
    """Call for answers so small that they are always sent, until a client is closed."""
    for ref in range(1_000, 1_000 + OUTBOX_HARD_BYTES // 900 + 100):
        client.send(Call(ref=ref, target="thing:t1", op="echo", args={"text": "x" * 900}))


@define
class Wire:
    """A server with its gateway, and clients on demand."""

    server: WireServer
    gateway: FakeGateway
    nursery: trio.Nursery
    clock_ms: int = NOW_MS

    def connect(self, subprotocol: str = SUBPROTOCOL_JSON) -> FakeClient:
        socket = FakeSocket(subprotocol)
        self.nursery.start_soon(self.server.handle, socket)
        return FakeClient(socket)

    async def client(self, subprotocol: str = SUBPROTOCOL_JSON) -> FakeClient:
        client = self.connect(subprotocol)
        await client.hello()
        return client

    async def follower(self, target: str = "thing:t1") -> FakeClient:
        client = await self.client()
        client.send(Subscribe(ref=1, target=target, topics=("state",)))
        await client.receive()
        return client


@asynccontextmanager
async def open_wire() -> AsyncIterator[Wire]:
    gateway = FakeGateway()
    start_s = trio.current_time()
    server = WireServer(
        gateway,
        clock_ms=lambda: NOW_MS + round((trio.current_time() - start_s) * 1000),
        session_ids=iter(f"s{n}" for n in range(1, 100_000)).__next__,
        rng=random.Random(7),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield Wire(server, gateway, nursery)
        nursery.cancel_scope.cancel()
