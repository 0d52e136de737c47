"""The client against this project's own port and wire server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from random import Random
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field

from protocol import errors
from protocol.client import Client, ConnectionState, Encoding, Event, SnapshotItem, open_client
from protocol.codec import SUBPROTOCOLS
from protocol.gateway import Connection, EventFrame, Identity, IncomingCall, Peer, Subscription
from protocol.port import PortConfig, WebSocketRoute, serve_port
from protocol.server import WireServer
from protocol.transport import ServerSocket

IN_REAL_TIME = True


@define
class Line:
    """Arguments of append."""

    text: str


class LogGateway:
    """One log for everybody, in memory."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.subscriptions: list[Subscription] = []
        self.answers: dict[str, int] = {}
        self.calls: list[IncomingCall] = []

    async def authenticate(self, token: str, _peer: Peer) -> Identity:
        await trio.lowlevel.checkpoint()
        if token == "wrong":
            raise errors.WireError("unauthenticated", "no such token")
        return Identity(token)

    def call(self, call: IncomingCall) -> None:
        self.calls.append(call)
        if call.op in ("hold", "page"):
            return
        try:
            line = call.args_as(Line)
        except errors.WireError as error:
            call.fail(error)
            return
        if call.key not in self.answers:
            self.append(line.text)
            self.answers[call.key or ""] = len(self.events)
        call.reply(self.answers[call.key or ""], seq=self.answers[call.key or ""])

    def append(self, text: str) -> None:
        after = len(self.events)
        event = {"seq": after + 1, "topic": "log", "type": "added", "at_ms": 0, "by": "ann"}
        self.events.append({**event, "data": {"text": text}})
        frame = EventFrame("log:1", after, after + 1, self.events[after:])
        for subscription in self.subscriptions:
            subscription.deliver(frame)

    def subscribe(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)
        cursor, seq = subscription.cursor, len(self.events)
        if cursor is None:
            texts = [event["data"]["text"] for event in self.events]
            subscription.snapshot(epoch="e", seq=seq, topics={"log": texts})
        else:
            subscription.resumed(epoch="e", behind=cursor.seq < seq)

    def identity_changed(self, connection: Connection) -> None:
        """Everybody may read everything."""

    def unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)

    async def catch_up(self, subscription: Subscription) -> None:
        while subscription.seq < len(self.events):
            page = self.events[subscription.seq : subscription.seq + 2]
            frame = EventFrame("log:1", subscription.seq, subscription.seq + len(page), page)
            await subscription.deliver_page(iter([frame]))
        subscription.caught_up()

    def presence(self, subscription: Subscription, state: Mapping[str, Any] | None) -> None:
        """Nobody is shown."""


@define
class Serving:
    """A server on a real port."""

    gateway: LogGateway
    wire: WireServer
    port: int
    sockets: list[ServerSocket] = field(factory=list)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def serving() -> AsyncIterator[Serving]:
    gateway, ids = LogGateway(), count()
    wire = WireServer(
        gateway, clock_ms=lambda: 0, session_ids=lambda: f"s{next(ids)}", rng=Random(1)
    )
    running = Serving(gateway, wire, 0)

    async def handle(socket: ServerSocket) -> None:
        running.sockets.append(socket)
        await wire.handle(socket)

    route = WebSocketRoute(handle, SUBPROTOCOLS)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            await nursery.start(wire.run)
            bound = await nursery.start(
                partial(serve_port, PortConfig(), route=lambda _request: route)
            )
            running.port = bound.port
            yield running
            nursery.cancel_scope.cancel()


async def texts_of(client: Client, upto: int) -> list[str]:
    """Follow from the start until *upto* texts were seen."""
    seen: list[str] = []
    async with client.follow("log:1", ["log"]) as follower:
        while len(seen) < upto:
            item = await follower.__anext__()
            if isinstance(item, SnapshotItem):
                seen = list(item.topics["log"])
            elif isinstance(item, Event):
                seen.append(item.data["text"])
    return seen


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_it_works_with_the_real_server(encoding: Encoding) -> None:
    """[L5.1] Many calls and two followers across aborted sockets: every event once, in order."""
    async with serving() as server:
        async with open_client(server.url, token="ann", encoding=encoding) as client:
            seen: list[list[str]] = []

            async def follow() -> None:
                seen.append(await texts_of(client, 60))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(follow)
                for number in range(60):
                    if number % 20 == 10:
                        server.sockets[-1].abort()
                        server.gateway.append(f"{number} from elsewhere")
                    if number == 30:
                        nursery.start_soon(follow)
                    await client.call("log:1", "append", Line(str(number)))
            assert client.user_id == "ann"
        assert len(server.sockets) == 4
    texts = [event["data"]["text"] for event in server.gateway.events]
    assert [text for text in texts if "else" not in text] == [str(n) for n in range(60)]
    assert [len(texts) >= 60, *(found == texts[: len(found)] for found in seen)] == [True] * 3


async def test_a_client_that_asks_for_much_at_once_gets_it_all() -> None:
    """[W5.11] 12 MB of answers in one batch: told to ask again for some, never closed."""
    async with serving() as server, open_client(server.url, token="ann") as client:
        found: list[str] = []

        async def ask() -> None:
            found.append(await client.call("log:1", "page"))

        async with trio.open_nursery() as nursery:
            for _ in range(400):
                nursery.start_soon(ask)
            while len(found) < 400:
                await trio.testing.wait_all_tasks_blocked(0.001)
                waiting, server.gateway.calls = server.gateway.calls, []
                with server.wire.cork():
                    for call in waiting:
                        call.reply("x" * 30_000)
        assert found == ["x" * 30_000] * 400
        assert server.wire.metrics.calls_failed > 0
        assert len(server.sockets) == 1


async def test_refusals_cancellation_and_goodbye_of_the_real_server() -> None:
    """[L5.1] Bad arguments, a timeout, a fresh token and a drain mean the same on both sides."""
    async with serving() as server, open_client(server.url, token="ann") as client:
        with pytest.raises(errors.CallFailed, match="bad_request"):
            await client.call("log:1", "append", {"text": 1})
        with pytest.raises(errors.CallAbandoned):
            await client.call("log:1", "hold", timeout_s=0.1)
        await client.refresh("ann")
        with pytest.raises(errors.CallFailed, match="unauthenticated"):
            await client.refresh("wrong")
        assert server.gateway.calls[-1].abandoned
        async with client.follow("log:1", ["log"]) as follower:
            await follower.__anext__()
            await server.wire.drain("restart", timeout_s=1.0)
            await client.wait_state(ConnectionState.OFFLINE)
    async with serving() as server, open_client(server.url, token="wrong") as client:
        with pytest.raises(errors.ConnectFailed):
            await client.call("log:1", "append", Line("a"))
