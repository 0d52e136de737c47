"""Doors over sockets in memory, onto a gateway whose document is a list of opaque updates."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from attrs import define, field, frozen

from protocol.errors import WireError
from protocol.gateway import (
    Connection,
    EventFrame,
    Identity,
    IncomingCall,
    Peer,
    PresenceFrame,
    Subscription,
)
from protocol.server import WireServer
from protocol.yjs import (
    AwarenessUpdate,
    Presence,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    YjsMessage,
    decode_awareness,
    decode_message,
    encode_awareness,
    encode_message,
    encode_state_vector,
)
from protocol.yjs.door_visit import NO_STATE
from protocol.yjs.doors import YjsDoors
from protocol.yjs.hocuspocus import (
    Envelope,
    HocuspocusBody,
    Ping,
    Pong,
    Token,
    decode_hocuspocus,
    encode_hocuspocus,
)
from tests.protocol.fakes import NOW_MS, FakeSocket

DENIED = WireError("permission_denied", "your role does not allow notes.edit")


@frozen
class Edit:
    update: bytes


@frozen
class Sync:
    state_vector: bytes


@define(eq=False)
class NotesGateway:
    """Everybody reads ``meeting:m1``; whoever is in ``readers`` only that."""

    readers: set[str] = field(factory=set)
    strangers: set[str] = field(factory=set)
    refusal: WireError | None = None  # Of the next edits.
    holds: bool = False  # Edits stay open, in ``held``;
    holds_syncs: bool = False  # and what asks for the document.
    answers_nonsense: bool = False
    held: list[IncomingCall] = field(factory=list)
    updates: list[bytes] = field(factory=list)
    syncs: list[bytes] = field(factory=list)
    clocks: dict[int, int] = field(factory=dict)
    subscriptions: list[Subscription] = field(factory=list)
    members: dict[str, dict[str, Any]] = field(factory=dict)
    changed: trio.Event = field(factory=trio.Event)
    catch_ups: int = 0
    renewed: list[Identity] = field(factory=list)  # By a fresh token.

    async def authenticate(self, token: str, peer: Peer) -> Identity:  # noqa: ARG002
        word, _, rest = token.partition(":")
        if word == "later":
            raise WireError("unavailable", "not now")
        if word != "user":
            raise WireError("unauthenticated", "not a token")
        user, _, expires_ms = rest.partition(":")
        return Identity(user, int(expires_ms) if expires_ms else None)

    def call(self, call: IncomingCall) -> None:
        user = call.connection.identity.user_id
        if call.op == "notes.sync":
            self.syncs.append(call.args_as(Sync).state_vector)
            if self.holds_syncs:
                self.held.append(call)
            else:
                call.reply(self.document, seq=self.seq)
            return
        assert call.op == "notes.edit"
        update = call.args_as(Edit).update
        if user in self.readers or user in self.strangers:
            call.fail(DENIED)
        elif update == b"\x00\x00":
            call.reply({}, seq=self.seq)
        elif self.refusal is not None:
            call.fail(self.refusal)
        elif self.holds:
            self.held.append(call)
        else:
            self.accept(call)

    def accept(self, call: IncomingCall) -> None:
        """Store the edit, answer, tell everybody: in this order, as actors do."""
        self.updates.append(call.args_as(Edit).update)
        call.reply({}, seq=self.seq)
        self.publish(self.seq - 1, self.updates[-1:])

    async def written(self, count: int) -> None:
        """Wait for the update that makes *count*."""
        while self.seq < count:
            await self.changed.wait()

    def write(self, *updates: bytes) -> None:
        """Have somebody else change the document."""
        after = self.seq
        self.updates += updates
        self.publish(after, updates)

    def publish(self, after: int, updates: Any) -> None:
        self.changed.set()
        self.changed = trio.Event()
        frame = self.frame(after, list(updates))
        for subscription in self.subscriptions:
            subscription.deliver(frame)

    def frame(self, after: int, updates: list[bytes]) -> EventFrame:
        events = [
            {
                "seq": after + n,
                "topic": "notes",
                "type": "notes.updated",
                "data": {"update": update},
            }
            for n, update in enumerate(updates, 1)
        ]
        return EventFrame("meeting:m1", after, after + len(updates), events)

    @property
    def seq(self) -> int:
        return len(self.updates)

    @property
    def document(self) -> dict[str, bytes]:
        if self.answers_nonsense:
            return {}
        return {"update": self.whole, "state_vector": self.vector}

    @property
    def whole(self) -> bytes:
        return b"whole:" + b",".join(self.updates)

    @property
    def vector(self) -> bytes:
        return encode_state_vector(self.clocks)

    def subscribe(self, subscription: Subscription) -> None:
        user = subscription.connection.identity.user_id
        if subscription.target != "meeting:m1":
            subscription.fail(WireError("not_found", "no such meeting"))
        elif user in self.strangers:
            subscription.fail(WireError("permission_denied", "not for you"))
        else:
            self.subscriptions.append(subscription)
            subscription.snapshot(epoch="e", seq=self.seq, topics={"notes": self.document})
            present = PresenceFrame(subscription.target, dict(self.members), full=True)
            subscription.presence(present)

    def identity_changed(self, connection: Connection) -> None:
        self.renewed.append(connection.identity)

    def unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
            self.show(subscription.connection.session_id, None)

    def presence(self, subscription: Subscription, state: Mapping[str, Any] | None) -> None:
        connection = subscription.connection
        self.show(connection.session_id, {"user": connection.identity.user_id, "state": state})

    def show(self, session: str, member: dict[str, Any] | None) -> None:
        if member is None:
            self.members.pop(session, None)
        else:
            self.members[session] = member
        changes = PresenceFrame("meeting:m1", {session: member})
        for subscription in list(self.subscriptions):
            subscription.presence(changes)

    async def catch_up(self, subscription: Subscription) -> None:
        self.catch_ups += 1
        while not subscription.over and subscription.seq < self.seq:
            seq = subscription.seq
            await subscription.deliver_page(iter([self.frame(seq, self.updates[seq : seq + 2])]))
        subscription.caught_up()

    def shut_out(self, user: str) -> None:
        """Revoke everything that *user* may do."""
        self.strangers.add(user)
        for subscription in list(self.subscriptions):
            if subscription.connection.identity.user_id == user:
                self.subscriptions.remove(subscription)
                subscription.end(WireError("permission_denied", "you were shut out"))


class YjsClient:
    """Speaks y-protocols over a socket in memory."""

    def __init__(self, socket: FakeSocket) -> None:
        self.socket = socket

    def send(self, *messages: YjsMessage) -> None:
        for message in messages:
            self.socket.push(encode_message(message), is_text=False)

    async def heard(self) -> list[YjsMessage]:
        """Return what has come since last time, once nothing moves any more."""
        return [decode_message(payload) for payload in await payloads_of(self.socket)]

    async def sync(self) -> list[YjsMessage]:
        """Do what y-websocket does at first; return what came."""
        self.send(SyncStep1(NO_STATE))
        return await self.heard()

    def show(self, client: int, clock: int, state: dict[str, Any] | None) -> None:
        self.send(AwarenessUpdate(encode_awareness([Presence(client, clock, state)])))


class HocuspocusClient:
    """Speaks Hocuspocus over a socket in memory."""

    def __init__(self, socket: FakeSocket) -> None:
        self.socket = socket

    def send(self, name: str, *bodies: HocuspocusBody) -> None:
        for body in bodies:
            self.socket.push(encode_hocuspocus(Envelope(name, body)), is_text=False)

    async def heard(self) -> list[Envelope | Ping | Pong]:
        """Return what has come since last time, once nothing moves any more."""
        return [decode_hocuspocus(payload) for payload in await payloads_of(self.socket)]

    async def enter(self, name: str = "m1", token: str = "user:ann") -> list[HocuspocusBody]:
        """Do what the provider does at first; return what came for this document."""
        self.send(name, Token(token, "4.8.0"), SyncStep1(NO_STATE))
        return [m.body for m in await self.heard() if isinstance(m, Envelope) and m.name == name]


async def payloads_of(socket: FakeSocket) -> list[bytes]:
    await trio.testing.wait_all_tasks_blocked()
    found: list[bytes] = []
    while True:
        try:
            payload = socket._frames.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            return found
        if payload:  # Not a ping.
            found.append(payload)


@define(eq=False)
class Doors:
    """A server with both doors, and clients on demand."""

    server: WireServer
    gateway: NotesGateway
    doors: YjsDoors
    nursery: trio.Nursery

    def yjs(self, user: str = "ann", name: str = "m1", *, token: str | None = None) -> YjsClient:
        socket: Any = FakeSocket()
        socket.query = f"token={token or 'user:' + user}"
        self.nursery.start_soon(self.doors.handle_yjs, name, socket)
        return YjsClient(socket)

    async def synced(self, user: str = "ann", **more: Any) -> YjsClient:
        """Return a client that has got the document and was asked for its own."""
        client = self.yjs(user, **more)
        await client.sync()
        return client

    def hocuspocus(self) -> HocuspocusClient:
        socket: Any = FakeSocket()
        self.nursery.start_soon(self.doors.handle_hocuspocus, socket)
        return HocuspocusClient(socket)


@asynccontextmanager
async def open_doors() -> AsyncIterator[Doors]:
    gateway = NotesGateway()
    start_s = trio.current_time()
    server = WireServer(
        gateway,
        clock_ms=lambda: NOW_MS + round((trio.current_time() - start_s) * 1000),
        session_ids=iter(f"s{n}" for n in range(1, 100_000)).__next__,
        rng=random.Random(7),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        doors = YjsDoors(server, target_of=lambda name: f"meeting:{name}")
        yield Doors(server, gateway, doors, nursery)
        nursery.cancel_scope.cancel()


def updates_in(messages: list[YjsMessage]) -> list[bytes]:
    return [message.update for message in messages if isinstance(message, SyncUpdate)]


def step2_in(messages: list[YjsMessage]) -> list[bytes]:
    return [message.update for message in messages if isinstance(message, SyncStep2)]


def shown_in(messages: list[YjsMessage]) -> dict[int, Presence]:
    """Return the newest state of each client in *messages*."""
    return {
        entry.client: entry
        for message in messages
        if isinstance(message, AwarenessUpdate)
        for entry in decode_awareness(message.update)
    }
