"""The default connector, over real sockets on loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any

import pytest
import trio
import trio_websocket
import trustme

from protocol.client import Client, ConnectionState, Event, SubscriptionEnded, open_client
from protocol.errors import ConnectFailed
from protocol.limits import TOO_BIG_CLOSES_MAX
from tests.protocol.client.server import Server

IN_REAL_TIME = True

Handler = Callable[[Any], Awaitable[None]]


@asynccontextmanager
async def listening(
    handle: Handler, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, trio.Nursery]]:
    """Serve WebSocket requests on a free port."""
    async with trio.open_nursery() as nursery:
        port = (
            await nursery.start(
                partial(trio_websocket.serve_websocket, handle, "localhost", 0, ssl_context=tls)
            )
        ).port
        yield port, nursery
        nursery.cancel_scope.cancel()


def speaking(server: Server) -> Handler:
    """Return a handler that pumps between a WebSocket and the server in memory."""

    async def handle(request: Any) -> None:
        subprotocol = request.proposed_subprotocols[0]
        websocket = await request.accept(subprotocol=subprotocol)
        async with server.connect("", subprotocol) as transport, trio.open_nursery() as nursery:
            nursery.start_soon(_pump, websocket.get_message, transport.send, nursery)
            nursery.start_soon(_pump, transport.receive, websocket.send_message, nursery)
        await websocket.aclose()

    return handle


async def _pump(
    read: Callable[[], Awaitable[Any]], write: Callable[[Any], Awaitable[None]], ends: trio.Nursery
) -> None:
    try:
        while True:
            await write(await read())
    except Exception:  # noqa: BLE001 - either side is closed, in either library's words.
        ends.cancel_scope.cancel()


def client_of(port: int, **options: Any) -> Any:
    return open_client(f"ws://localhost:{port}/v1", token="t1", rng=Random(1), **options)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_it_works_over_websocket_and_survives_a_cut(encoding: str) -> None:
    """[L5.1] Calls, events and a reconnect over a real socket, in both encodings."""
    server = Server()
    with trio.fail_after(10):
        async with (
            listening(speaking(server)) as (port, _),
            client_of(port, encoding=encoding) as c,
        ):
            client: Client = c
            async with client.follow("log:1", ["log"]) as follower:
                await follower.__anext__()
                assert await client.call("log:1", "append", {"data": "ä"}) == 1
                server.session.wire.cut()
                assert await client.call("log:1", "append", {"data": "b"}) == 2
                items = [await follower.__anext__() for _ in range(2)]
                assert [i.data for i in items if isinstance(i, Event)] == ["ä", "b"]


async def test_large_messages_pass_both_ways() -> None:
    """[L5.1] A snapshot beyond one MiB is taken."""
    server = Server()
    with trio.fail_after(10):
        async with listening(speaking(server)) as (port, _), client_of(port) as client:
            for _ in range(3):
                await client.call("log:1", "append", {"data": "x" * 1_000_000})
            async with client.follow("log:1", ["log"]) as follower:
                snapshot = await follower.__anext__()
                assert sum(len(text) for text in snapshot.topics["log"]) == 3_000_000


async def test_a_snapshot_that_is_too_large_is_told_to_its_follower() -> None:
    """[L2.12] The library's own 1009 is known for ours."""
    server = Server()
    for _ in range(9):
        server.append("log:1", "log", "x" * 1_000_000)
    with trio.fail_after(10):
        async with (
            listening(speaking(server)) as (port, _),
            client_of(port) as client,
            client.follow("log:1", ["log"]) as follower,
        ):
            with pytest.raises(SubscriptionEnded, match="limit_exceeded"):
                await follower.__anext__()
            assert len(server.sessions) == TOO_BIG_CLOSES_MAX
            assert await client.call("log:2", "read") == 0


async def test_it_works_over_tls() -> None:
    """[L5.1] wss with the caller's SSL context."""
    authority = trustme.CA()
    tls, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(tls)
    authority.configure_trust(trusting)
    server = Server()
    with trio.fail_after(10):
        async with listening(speaking(server), tls=tls) as (port, _):
            url = f"wss://localhost:{port}/v1"
            async with open_client(url, token="t1", ssl_context=trusting) as client:
                assert await client.call("log:1", "append", {"data": "a"}) == 1


async def test_a_refused_handshake_is_final() -> None:
    """[L5.2] HTTP 403 and a server without our subprotocol end the client at once."""

    async def forbid(request: Any) -> None:
        await request.reject(403)

    async def ignore_subprotocol(request: Any) -> None:
        websocket = await request.accept()
        with pytest.raises(trio_websocket.ConnectionClosed):
            await websocket.get_message()

    for handle, code in ((forbid, "http_403"), (ignore_subprotocol, "no_subprotocol")):
        with trio.fail_after(10):
            async with listening(handle) as (port, _), client_of(port) as client:
                with pytest.raises(ConnectFailed) as caught:
                    await client.call("log:1", "append", {"data": "a"})
                assert caught.value.code == code


async def test_a_server_that_hangs_up_during_the_handshake_is_tried_again() -> None:
    """[L5.2] An end of stream instead of an answer fails the attempt at once."""

    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        await stream.aclose()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, hang_up, 0, host="localhost"))
            port = listeners[0].socket.getsockname()[1]
            async with client_of(port) as client:
                for _ in range(2):
                    await client.wait_state(ConnectionState.CONNECTING)
                    await client.wait_state(ConnectionState.OFFLINE)
            nursery.cancel_scope.cancel()


async def test_an_untrusted_certificate_is_final() -> None:
    """[L5.2] A server that cannot prove who it is is not tried again."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(tls)

    async def refuse(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            await trio.SSLStream(stream, tls, server_side=True).do_handshake()
        await stream.aclose()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, refuse, 0, host="localhost"))
            port = listeners[0].socket.getsockname()[1]
            async with open_client(f"wss://localhost:{port}", token="t1") as client:
                with pytest.raises(ConnectFailed) as caught:
                    await client.wait_state(ConnectionState.LIVE)
            assert caught.value.code == "bad_certificate"
            nursery.cancel_scope.cancel()


async def test_a_busy_or_missing_server_is_tried_again() -> None:
    """[L5.2] HTTP 503 and a refused connection are waited out."""
    server, refusals = Server(), [503, 503]

    async def handle(request: Any) -> None:
        if refusals:
            await request.reject(refusals.pop())
        else:
            await speaking(server)(request)

    with trio.fail_after(10):
        async with listening(handle) as (port, _), client_of(port) as client:
            await client.wait_state(ConnectionState.LIVE)
        assert refusals == []
        async with client_of(port) as client:
            await client.wait_state(ConnectionState.OFFLINE)


async def test_closing_says_goodbye_in_bounded_time() -> None:
    """[L5.3] The socket is closed with 1000; a peer that does not answer is not waited for long."""
    codes: list[int] = []
    server = Server()

    async def handle(request: Any) -> None:
        websocket = await request.accept(subprotocol=request.proposed_subprotocols[0])
        async with server.connect("", websocket.subprotocol) as transport:
            try:
                while True:
                    await transport.send(await websocket.get_message())
                    await websocket.send_message(await transport.receive())
            except trio_websocket.ConnectionClosed as closed:
                codes.append(closed.reason.code if closed.reason else 0)

    with trio.fail_after(10):
        async with listening(handle) as (port, _):
            async with client_of(port) as client:
                await client.wait_state(ConnectionState.LIVE)
            with trio.fail_after(5):
                while not codes:
                    await trio.lowlevel.checkpoint()
    assert codes == [1000]


async def test_a_client_knows_why_it_has_no_connection() -> None:
    """[L5.4] Refused, TLS where there is none, none where there is TLS: each has its words."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)

    async def answer_plainly(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def greet(stream: trio.SSLStream[trio.SocketStream]) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.do_handshake()

    with socket.create_server(("localhost", 0)) as bound:
        closed = bound.getsockname()[1]
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            serve_tls = partial(trio.serve_ssl_over_tcp, greet, 0, tls, host="localhost")
            secret = (await nursery.start(serve_tls))[0].transport_listener.socket.getsockname()[1]
            serve = partial(trio.serve_tcp, answer_plainly, 0, host="localhost")
            plain = (await nursery.start(serve))[0].socket.getsockname()[1]
            for url, words in (
                (f"ws://localhost:{closed}/v1", "Connection refused"),
                (f"wss://localhost:{plain}/v1", "no TLS session: WRONG_VERSION_NUMBER"),
                (f"ws://localhost:{secret}/v1", "hung up"),
            ):
                async with open_client(url, token="t1") as client:
                    await client.wait_state(ConnectionState.OFFLINE)
                    assert client.trouble is not None
                    assert words in client.trouble
            nursery.cancel_scope.cancel()
    async with listening(speaking(Server())) as (port, _), client_of(port) as client:
        await client.wait_state(ConnectionState.LIVE)
        assert client.trouble is None
