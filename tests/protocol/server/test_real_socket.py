"""The server on a real port: what the fake socket promises holds for the real one."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from attrs import define
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from protocol.codec import SUBPROTOCOLS, decode_server, encode_client
from protocol.limits import OUTBOX_FULL_BYTES
from protocol.messages import (
    SUBPROTOCOL_JSON,
    Call,
    ClientMessage,
    Events,
    Goodbye,
    Hello,
    Leave,
    Reply,
    ServerMessage,
    Snapshot,
    Subscribe,
    Welcome,
)
from protocol.port import PortConfig, WebSocketRoute, serve_port
from protocol.server import WireServer
from tests.protocol.fakes import NOW_MS, FakeGateway

BOTH = pytest.mark.parametrize("subprotocol", SUBPROTOCOLS)


@define
class Served:
    gateway: FakeGateway
    wire: WireServer
    port: int


@define
class RealClient:
    socket: WebSocketConnection
    subprotocol: str

    async def send(self, *messages: ClientMessage) -> None:
        for message in messages:
            payload = encode_client(message, self.subprotocol)
            is_text = self.subprotocol == SUBPROTOCOL_JSON
            await self.socket.send_message(payload.decode() if is_text else payload)

    async def receive(self) -> ServerMessage:
        return decode_server(await self.socket.get_message(), self.subprotocol)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    gateway = FakeGateway()
    wire = WireServer(
        gateway,
        clock_ms=lambda: NOW_MS,
        session_ids=iter(f"s{n}" for n in range(1_000)).__next__,
        rng=random.Random(1),
    )
    route = WebSocketRoute(wire.handle, SUBPROTOCOLS)
    async with trio.open_nursery() as nursery:
        await nursery.start(wire.run)
        bound = await nursery.start(partial(serve_port, PortConfig(), route=lambda _: route))
        yield Served(gateway, wire, bound.port)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def opened(served: Served, *subprotocols: str) -> AsyncIterator[WebSocketConnection]:
    """A WebSocket over a stream of our own: trio-websocket leaves one open that its peer closes."""
    stream = await trio.open_tcp_stream("127.0.0.1", served.port)
    async with stream, trio.open_nursery() as nursery:
        yield await wrap_client_stream(
            nursery,
            stream,
            f"127.0.0.1:{served.port}",
            "/v1",
            subprotocols=subprotocols,
            max_message_size=2**24,
        )
        await stream.aclose()
        nursery.cancel_scope.cancel()  # Its reader waits for us if we have not read everything.


@asynccontextmanager
async def connected(served: Served, subprotocol: str) -> AsyncIterator[RealClient]:
    async with opened(served, subprotocol) as socket:
        client = RealClient(socket, subprotocol)
        await client.send(Hello(token="user:ann"))
        assert isinstance(await client.receive(), Welcome)
        yield client


async def close_code(client: WebSocketConnection) -> int:
    """Return the code of the close frame that comes next."""
    with pytest.raises(ConnectionClosed) as closed:
        await client.get_message()
    assert closed.value.reason is not None
    code: int = closed.value.reason.code
    return code


@BOTH
async def test_a_session_from_hello_to_goodbye(served: Served, subprotocol: str) -> None:
    """[W3.1] [W3.3] [W3.6] Call, subscription, events, goodbye, 1000."""
    async with connected(served, subprotocol) as client:
        await client.send(
            Call(ref=1, target="thing:t1", op="echo", args={"text": "é", "count": 2}),
            Subscribe(ref=2, target="thing:t1", topics=("state",)),
        )
        assert await client.receive() == Reply(ref=1, value={"said": "éé"}, seq=7)
        assert isinstance(await client.receive(), Snapshot)
        served.gateway.publish(3)
        events = await client.receive()
        assert isinstance(events, Events)
        assert [event["seq"] for event in events.events] == [1, 2, 3]
        await client.send(Leave())
        assert await close_code(client.socket) == 1000
        assert len(served.gateway.unsubscribed) == 1


async def test_a_client_without_a_subprotocol_is_closed(served: Served) -> None:
    """[W1.1] 4400, over a real handshake."""
    async with opened(served) as socket:
        assert await close_code(socket) == 4400


async def test_a_slow_reader_over_tcp_misses_nothing(served: Served) -> None:
    """[W5.3] The kernel's buffers full, the rest re-read later."""
    async with connected(served, SUBPROTOCOL_JSON) as client:
        await client.send(Subscribe(ref=2, target="thing:t1", topics=("state",)))
        assert isinstance(await client.receive(), Snapshot)
        count = 0
        while not served.wire.metrics.lags:
            served.gateway.publish(text="x" * 50_000)
            count += 1
            await trio.lowlevel.checkpoint()
            assert count < 2_000
        served.gateway.publish(5)
        seqs: list[int] = []
        with trio.fail_after(10):
            while len(seqs) < count + 5:
                message = await client.receive()
                assert isinstance(message, Events)
                seqs += [event["seq"] for event in message.events]
        assert seqs == list(range(1, count + 6))


async def test_a_client_that_never_reads_over_tcp_is_closed(served: Served) -> None:
    """[W5.5] Replies nobody takes: the connection ends and everything is handed back."""
    async with connected(served, SUBPROTOCOL_JSON) as client:
        await client.send(Subscribe(ref=1, target="thing:t1", topics=("state",)))
        assert isinstance(await client.receive(), Snapshot)
        refs = iter(range(2, 1_500))
        metrics = served.wire.metrics

        async def call(args: Mapping[str, object]) -> None:
            read = metrics.messages_in
            await client.send(Call(ref=next(refs), target="thing:t1", op="echo", args=args))
            while metrics.messages_in == read and not metrics.slow_consumers:  # noqa: ASYNC110
                await trio.sleep(0.001)  # It reads in turns.

        large = {"text": "x" * 400, "count": 500}
        while served.wire.connections[0].backlog_bytes < OUTBOX_FULL_BYTES:
            await call(large)
        small = {"text": "x" * 900}
        while not metrics.slow_consumers:
            await call(small)
        assert served.gateway.unsubscribed == served.gateway.subscriptions


@BOTH
async def test_drain_over_tcp(served: Served, subprotocol: str) -> None:
    """[W4.6] goodbye, then 1001."""
    async with connected(served, subprotocol) as client:
        await served.wire.drain("restart", timeout_s=1)
        assert isinstance(await client.receive(), Goodbye)
        assert await close_code(client.socket) == 1001
    assert served.wire.connection_count == 0
