from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
import trustme
import websockets.sync.client
from attrs import evolve

from protocol.limits import HEAD_BYTES_MAX
from protocol.port import BoundPort, PortConfig, address_key
from protocol.transport import ServerSocket
from tests.echo.__main__ import echo
from tests.protocol.transport.raw import (
    TEXT,
    RawClient,
    frame,
    open_stream,
    start_port,
    upgrade_request,
)

SMALL = PortConfig(handshake_timeout_s=3.0, connections_max=4, connections_per_address_max=3)


@asynccontextmanager
async def connect(port: BoundPort, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawClient]:
    async with await open_stream(port, tls=tls) as stream:
        yield RawClient(stream)


async def status_of(port: BoundPort, request: bytes) -> tuple[int, bytes]:
    async with connect(port) as client:
        await client.send(request)
        status, head = await client.read_response()
        assert b"\r\nConnection: close\r\n" in head
        await client.read_to_end()
        return status, head


BAD_UPGRADES = {
    "no key": (upgrade_request(without="Sec-WebSocket-Key"), 400),
    "short key": (
        upgrade_request(without="Sec-WebSocket-Key", extra=["Sec-WebSocket-Key: YQ=="]),
        400,
    ),
    "key that is not base64": (
        upgrade_request(without="Sec-WebSocket-Key", extra=["Sec-WebSocket-Key: \xff"]),
        400,
    ),
    "no version": (upgrade_request(without="Sec-WebSocket-Version"), 426),
    "old version": (
        upgrade_request(without="Sec-WebSocket-Version", extra=["Sec-WebSocket-Version: 8"]),
        426,
    ),
    "no host": (upgrade_request(without="Host"), 400),
    "post": (upgrade_request().replace(b"GET", b"POST", 1), 400),
    "with a body": (upgrade_request(extra=["Content-Length: 3"]) + b"abc", 400),
    "unknown path": (upgrade_request("/nowhere"), 404),
    "not an upgrade": (b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "head too long": (b"GET / HTTP/1.1\r\nX: " + b"x" * (HEAD_BYTES_MAX + 1), 431),
}


@pytest.mark.parametrize(
    ("request_bytes", "status"), BAD_UPGRADES.values(), ids=BAD_UPGRADES.keys()
)
async def test_bad_requests_are_answered_and_closed(
    echo_port: BoundPort, request_bytes: bytes, status: int
) -> None:
    """[T1.4] A status that says what is wrong, then the end."""
    answered, head = await status_of(echo_port, request_bytes)
    assert answered == status
    assert (b"Sec-WebSocket-Version: 13" in head) == (status == 426)


@pytest.mark.parametrize(
    "hostile",
    [
        "Host: " + "a" * 100 + ".example",
        "Cookie: \xff\xfe",
        "Sec-WebSocket-Protocol: \xe9, two",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\xe9",
    ],
)
async def test_hostile_headers_do_not_reach_trio_websocket(
    nursery: trio.Nursery, hostile: str
) -> None:
    """[T1.5] What makes wsproto raise makes no difference here; compression is never agreed."""
    without = "Host" if hostile.startswith("Host") else ""
    port = await start_port(nursery, PortConfig(allowed_hosts=None), echo)
    async with connect(port) as client:
        request = upgrade_request(extra=[hostile], without=without).decode().encode("latin-1")
        await client.send(request)
        status, head = await client.read_response()
        assert status == 101
        assert b"xtensions" not in head
        await client.send(frame(TEXT, b"hi"))
        assert await client.read_frame() == (TEXT, b"hi")


@pytest.mark.parametrize(
    ("origin", "allowed", "status"),
    [
        (None, None, 101),
        ("http://localhost", None, 101),
        ("https://LOCALHOST", None, 101),
        ("http://evil.example", None, 403),
        ("http://localhost:81", None, 403),
        ("null", None, 403),
        (None, frozenset({"https://app.example"}), 101),
        ("https://app.example", frozenset({"https://app.example"}), 101),
        ("http://localhost", frozenset({"https://app.example"}), 403),
    ],
)
async def test_pages_of_other_sites_are_kept_out(
    nursery: trio.Nursery, origin: str | None, allowed: frozenset[str] | None, status: int
) -> None:
    """[T1.6] By Origin: the request's own host, or the configured ones."""
    port = await start_port(nursery, PortConfig(allowed_origins=allowed), echo)
    async with connect(port) as client:
        await client.send(upgrade_request(extra=[f"Origin: {origin}"] if origin else []))
        assert (await client.read_response())[0] == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 101),
        ("LOCALHOST:8787", 101),
        ("127.0.0.1:8787", 101),
        ("[::1]:8787", 101),
        ("[::1]", 101),
        ("app.example", 101),
        ("evil.example", 403),
        ("evil.example:8787", 403),
        ("localhost.evil.example", 403),
        ("evil.example:localhost", 403),
        ("", 403),
    ],
)
async def test_a_name_rebound_to_loopback_is_not_served(
    nursery: trio.Nursery, host: str, status: int
) -> None:
    """[T1.8] The page that such a name belongs to is of our origin: only its name tells."""
    config = PortConfig(allowed_origins=frozenset({"https://app.example:444"}))
    port = await start_port(nursery, config, echo)
    async with connect(port) as client:
        await client.send(upgrade_request(without="Host", extra=[f"Host: {host}"]))
        assert (await client.read_response())[0] == status


def test_names_are_asked_for_on_loopback_only() -> None:
    """[T1.8] Elsewhere any name is served, and the operator may say otherwise."""
    own = frozenset({"localhost", "127.0.0.1", "[::1]"})
    assert PortConfig(host="127.0.0.2").allowed_hosts == own | {"127.0.0.2"}
    assert PortConfig(host="::1").allowed_hosts == own
    assert PortConfig(host="0.0.0.0").allowed_hosts is None
    assert PortConfig(host="app.example").allowed_hosts is None
    assert PortConfig(allowed_hosts=None).allowed_hosts is None


@pytest.mark.parametrize("start", [b"", b"GET / HT", upgrade_request()[:-1]])
async def test_a_slow_handshake_is_cut_off(
    nursery: trio.Nursery, clock: trio.testing.MockClock, start: bytes
) -> None:
    """[T4.5] Silence, or a head that never ends."""
    port = await start_port(nursery, SMALL, echo)
    began_s = clock.current_time()
    async with connect(port) as client:
        await client.send(start)
        assert (await client.read_response())[0] == 408
        assert clock.current_time() - began_s == pytest.approx(SMALL.handshake_timeout_s)


async def test_connections_are_bounded_per_address(nursery: trio.Nursery) -> None:
    """[T4.6] 429 beyond, and a place is free again when one has left."""
    port = await start_port(nursery, SMALL, echo)
    async with connect(port) as one, connect(port) as two:
        await one.open()
        await two.open()
        async with connect(port) as three:
            await three.open()
            status, head = await status_of(port, upgrade_request())
            assert status == 429
            assert b"Retry-After" in head
        status = 429
        while status == 429:
            async with connect(port) as four:
                await four.send(upgrade_request())
                status, _ = await four.read_response()
        assert status == 101


async def test_connections_are_bounded_in_all(nursery: trio.Nursery) -> None:
    """[T4.6] 503 beyond; a silent connection counts too."""
    port = await start_port(nursery, evolve(SMALL, connections_max=1), echo)
    async with connect(port) as one:
        await one.open()
        assert (await status_of(port, b""))[0] == 503
        await one.send(frame(TEXT, b"still here"))
        assert await one.read_frame() == (TEXT, b"still here")


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_an_ipv6_site_counts_as_one_address(host: str, key: str) -> None:
    """[T4.6] Whoever has one IPv6 address has 2**64 of them."""
    assert address_key(host) == key


async def test_a_handler_that_fails_takes_nobody_with_it(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    """[T6.1] Its peer gets 1011; the port goes on."""

    async def fail(_socket: ServerSocket) -> None:
        raise LookupError("a bug")

    port = await start_port(nursery, PortConfig(), fail)
    for _ in range(2):
        async with connect(port) as client:
            await client.open()
            assert await client.read_close() == 1011
    await trio.testing.wait_all_tasks_blocked()
    assert "a bug" in caplog.text


async def test_close_stops_listening_and_waits_for_the_last() -> None:
    """[T6.2] WebSockets are their handlers' to end."""
    async with trio.open_nursery() as inner:
        port = await start_port(inner, PortConfig(), echo)
        async with connect(port) as client:
            await client.open()
            port.close()
            await trio.testing.wait_all_tasks_blocked(0.01)
            with pytest.raises(OSError, match="connect"):
                await open_stream(port)
            await client.send(frame(TEXT, b"still served"))
            assert await client.read_frame() == (TEXT, b"still served")


async def test_cancelling_aborts_everything() -> None:
    """[T6.3] Also a connection whose peer has stopped reading, and one in its handshake."""

    async def flood(socket: ServerSocket) -> None:
        while socket.backlog_bytes == 0:
            socket.write(b"\x82\x7e\xff\xff" + b"x" * 65_535)
        flooded.set()
        await socket.serve(lambda _text, _payload: None)

    flooded = trio.Event()
    async with trio.open_nursery() as inner:
        port = await start_port(inner, PortConfig(), flood)
        stuck = await open_stream(port)
        silent = await open_stream(port)
        await stuck.send_all(upgrade_request())
        await flooded.wait()
        inner.cancel_scope.cancel()
    await RawClient(stuck).read_to_end()
    await RawClient(silent).read_to_end()
    await stuck.aclose()
    await silent.aclose()


async def test_the_socket_does_not_wait_to_fill_packets(nursery: trio.Nursery) -> None:
    """[T2.5] TCP_NODELAY is on."""
    seen = []

    async def look(opened: ServerSocket) -> None:
        sock = opened._link.socket
        seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    port = await start_port(nursery, PortConfig(), look)
    async with connect(port) as client:
        await client.open()
        await client.read_close()
    assert seen[0]


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's TLS."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_tls_carries_the_same(
    nursery: trio.Nursery, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """[T1.7] Fast, slow and large messages, a backlog, the close handshake, a second client."""
    port = await start_port(nursery, PortConfig(tls_context=contexts[0]), echo)

    def talk() -> None:
        address = f"wss://localhost:{port.port}/ws"
        with websockets.sync.client.connect(address, ssl=contexts[1]) as client:
            for _ in range(3):
                client.send(b"x" * 400_000)
                client.send(["frag", "ments"])
                client.send("fast")
                assert client.recv() == b"x" * 400_000
                assert [client.recv(), client.recv()] == ["fragments", "fast"]
        assert client.close_code == 1000

    await trio.to_thread.run_sync(talk)
    async with connect(port, tls=contexts[1]) as raw:
        await raw.open()
        await raw.send(frame(TEXT, b"\xff"))
        assert await raw.read_close() == 1007


async def test_a_client_without_tls_is_let_go(
    nursery: trio.Nursery, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """[T1.7] Plain HTTP on a TLS port gets nothing."""
    port = await start_port(nursery, PortConfig(tls_context=contexts[0]), echo)
    async with connect(port) as client:
        await client.send(upgrade_request())
        assert b"HTTP" not in await client.read_to_end()
