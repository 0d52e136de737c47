from __future__ import annotations

import ssl
from typing import Self

import pytest
import trio
import trio.testing
import trustme
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from protocol.limits import HEAD_BYTES_MAX, HTTP_KEEP_ALIVE_S
from protocol.port import BoundPort, PortConfig
from tests.echo.__main__ import echo
from tests.protocol.transport.raw import TEXT, RawClient, frame, open_stream, start_port
from tests.protocol.transport.raw import upgrade_request as upgrade


async def _hello(request: Request) -> Response:
    return PlainTextResponse(f"hello {request.url.scheme}")


async def _size(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


class _Chunks:
    """An endless body; not a generator, which nobody would close."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return b"x" * 65_536


async def _endless(_request: Request) -> Response:
    return StreamingResponse(_Chunks())


async def _never(_request: Request) -> Response:
    await trio.sleep_forever()
    raise AssertionError


def app() -> Starlette:
    return Starlette(
        routes=[
            Route("/hello", _hello),
            Route("/size", _size, methods=["POST"]),
            Route("/endless", _endless),
            Route("/never", _never),
        ]
    )


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def body_of(client: RawClient) -> tuple[int, bytes]:
    status, head = await client.read_response()
    length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
    return status, await client.read_exactly(int(length))


@pytest.fixture
async def port(nursery: trio.Nursery) -> BoundPort:
    return await start_port(nursery, PortConfig(), echo, http_app=app())


async def test_http_and_websocket_share_the_port(port: BoundPort) -> None:
    """[T8.1] And an HTTP connection is kept alive."""
    async with await open_stream(port) as stream, await open_stream(port) as other:
        client, websocket = RawClient(stream), RawClient(other)
        await websocket.open()
        for _ in range(3):
            await client.send(get("/hello"))
            assert await body_of(client) == (200, b"hello http")
        await client.send(get("/hello") + get("/nowhere"))
        assert await body_of(client) == (200, b"hello http")
        assert (await body_of(client))[0] == 404
        await websocket.send(frame(TEXT, b"hi"))
        assert await websocket.read_frame() == (TEXT, b"hi")


async def test_a_body_may_be_longer_than_the_head_may(port: BoundPort) -> None:
    """[T8.2] The bound is the head's; what came with it is not lost."""
    body = b"x" * (HEAD_BYTES_MAX * 20)
    head = f"POST /size HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    async with await open_stream(port) as stream:
        client = RawClient(stream)
        for _ in range(2):
            await client.send(head.encode() + body)
            assert await body_of(client) == (200, str(len(body)).encode())


async def test_http_is_not_served_under_a_name_rebound_to_loopback(port: BoundPort) -> None:
    """[T1.8] Each request of a connection is asked for its host; the connection goes on."""
    evil = get("/hello").replace(b"localhost", b"evil.example:8787")
    async with await open_stream(port) as stream:
        client = RawClient(stream)
        for request, status in [(evil, 403), (get("/hello"), 200), (evil, 403)]:
            await client.send(request)
            assert (await body_of(client))[0] == status


async def test_an_upgrade_on_a_reused_connection_is_sent_away(port: BoundPort) -> None:
    """[T8.3] 421 and the end: the client comes again on a connection of its own."""
    async with await open_stream(port) as stream:
        client = RawClient(stream)
        await client.send(get("/hello"))
        await body_of(client)
        await client.send(upgrade())
        status, head = await client.read_response()
        assert status == 421
        assert b"connection: close" in head.lower()
        assert await client.read_to_end() == b""


async def test_an_idle_connection_ends(port: BoundPort, clock: trio.testing.MockClock) -> None:
    """[T8.4] After HTTP_KEEP_ALIVE_S."""
    async with await open_stream(port) as stream:
        client = RawClient(stream)
        await client.send(get("/hello"))
        await body_of(client)
        began_s = clock.current_time()
        assert await client.read_to_end() == b""
        assert clock.current_time() - began_s == pytest.approx(HTTP_KEEP_ALIVE_S)


async def test_closing_the_port_ends_idle_connections() -> None:
    """[T6.2] At once; the port's task returns."""
    async with trio.open_nursery() as nursery:
        port = await start_port(nursery, PortConfig(), echo, http_app=app())
        async with await open_stream(port) as stream:
            client = RawClient(stream)
            await client.send(get("/hello"))
            await body_of(client)
            port.close()
            assert await client.read_to_end() == b""


@pytest.mark.parametrize("path", ["/never", "/endless"])
async def test_cancelling_ends_open_requests(path: str) -> None:
    """[T6.3] Also a response whose reader has stopped, which hypercorn shields."""
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            port = await start_port(nursery, PortConfig(), echo, http_app=app())
            stream = await open_stream(port)
            await stream.send_all(get(path))
            await trio.testing.wait_all_tasks_blocked(0.05)
            nursery.cancel_scope.cancel()
        await RawClient(stream).read_to_end()
        await stream.aclose()


async def test_http_through_tls_knows_its_scheme(nursery: trio.Nursery) -> None:
    """[T8.5] The app sees https."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    port = await start_port(nursery, PortConfig(tls_context=server), echo, http_app=app())
    async with await open_stream(port, tls=client_context) as stream:
        client = RawClient(stream)
        for _ in range(2):
            await client.send(get("/hello"))
            assert await body_of(client) == (200, b"hello https")
