"""Who really connects: behind proxies that are known, and despite headers that anybody can send."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from protocol.port import BoundPort, PortConfig, WebSocketRoute, serve_port
from protocol.proxies import Proxies
from protocol.transport import ServerSocket

OURS = Proxies.parse(["10.0.0.0/8", "::1", "127.0.0.1"])


def forwarded(*lines: str) -> list[tuple[bytes, bytes]]:
    return [(b"X-Forwarded-For", line.encode("latin-1")) for line in lines]


@pytest.mark.parametrize(
    ("peer", "lines", "real"),
    [
        ("192.0.2.9:5", ["203.0.113.7"], "192.0.2.9:5"),  # No proxy of ours: what it says is air.
        ("10.0.0.1:5", [], "10.0.0.1:5"),
        ("10.0.0.1:5", [""], "10.0.0.1:5"),
        ("10.0.0.1:5", ["203.0.113.7"], "203.0.113.7:0"),
        ("10.0.0.1:5", ["6.6.6.6, 203.0.113.7"], "203.0.113.7:0"),
        ("10.0.0.1:5", ["6.6.6.6", "203.0.113.7, 10.0.0.2"], "203.0.113.7:0"),
        ("10.0.0.1:5", ["203.0.113.7:4711"], "203.0.113.7:0"),
        ("10.0.0.1:5", ["[2001:db8::7]:4711"], "[2001:db8::7]:0"),
        ("10.0.0.1:5", ["2001:db8::7"], "[2001:db8::7]:0"),
        ("10.0.0.1:5", ["::ffff:203.0.113.7"], "203.0.113.7:0"),
        ("[::1]:5", ["203.0.113.7"], "203.0.113.7:0"),
        ("[::ffff:10.0.0.1]:5", ["203.0.113.7"], "203.0.113.7:0"),
        ("10.0.0.1:5", ["203.0.113.7, unknown"], "10.0.0.1:5"),
        ("10.0.0.1:5", ["203.0.113.7, unknown, 10.0.0.3"], "10.0.0.3:0"),
        ("10.0.0.1:5", ["10.0.0.9, 10.0.0.8"], "10.0.0.9:0"),
        ("10.0.0.1:5", [", ".join(["6.6.6.6"] + ["10.0.0.2"] * 99)], "10.0.0.2:0"),
    ],
)
def test_the_nearest_stranger_is_the_client(peer: str, lines: list[str], real: str) -> None:
    """[T1.9] From the right, the first address that is no proxy of ours; never what it claims."""
    assert OURS.real_peer(peer, forwarded(*lines)) == real


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=40), max_size=4))
def test_no_header_is_more_than_ignored(lines: list[str]) -> None:
    """[T1.9] Whatever a header holds, there is an address in the end."""
    for proxies in (OURS, Proxies()):
        assert proxies.real_peer("10.0.0.1:5", forwarded(*lines)).rpartition(":")[2].isdigit()


def test_a_proxy_is_an_address_or_a_network() -> None:
    """[T1.9] Anything else in the settings is refused."""
    with pytest.raises(ValueError, match="appear"):
        Proxies.parse(["proxy.example"])


@asynccontextmanager
async def serving(proxies: Proxies, seen: list[str], **more: Any) -> AsyncIterator[BoundPort]:
    async def note(socket: ServerSocket) -> None:
        seen.append(socket.peer)
        await socket.serve(lambda _is_text, _payload: None, lambda: None)

    async def tell(scope: Any, _receive: Any, send: Any) -> None:
        body = json.dumps(scope["client"]).encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = PortConfig(proxies=proxies, **more)
    serve = partial(serve_port, config, route=lambda _: WebSocketRoute(note), http_app=tell)
    async with trio.open_nursery() as nursery:
        yield await nursery.start(serve)
        nursery.cancel_scope.cancel()


async def ask(port: int, headers: str, *, stream: list[trio.SocketStream] | None = None) -> str:
    """Send one request; return the answer's first line and body. Keeps it open in *stream*."""
    opened = await trio.open_tcp_stream("127.0.0.1", port)
    if stream is not None:
        stream.append(opened)
    await opened.send_all(f"GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += await opened.receive_some()
    if stream is None:
        answer += b"".join([part async for part in opened])
        await opened.aclose()
    return answer.decode()


UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def test_both_faces_see_the_real_client() -> None:
    """[T1.10] WebSocket and HTTP see whoever is behind a known proxy, and count by that address."""
    seen: list[str] = []
    kept: list[trio.SocketStream] = []
    with trio.fail_after(10):
        async with serving(OURS, seen, connections_per_address_max=1) as bound:
            told = await ask(
                bound.port, "Connection: close\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n"
            )
            assert told.endswith('["203.0.113.7", 0]')
            for address in ("203.0.113.7", "203.0.113.8"):
                header = f"X-Forwarded-For: {address}\r\n{UPGRADE}"
                assert " 101 " in await ask(bound.port, header, stream=kept)
                assert " 429 " in await ask(bound.port, header)
            assert seen == ["203.0.113.7:0", "203.0.113.8:0"]
            for stream in kept:
                await stream.aclose()


async def test_without_known_proxies_the_header_is_air() -> None:
    """[T1.10] By default nobody's header counts."""
    seen: list[str] = []
    kept: list[trio.SocketStream] = []
    with trio.fail_after(10):
        async with serving(Proxies(), seen) as bound:
            header = "X-Forwarded-For: 203.0.113.7\r\n"
            told = await ask(bound.port, f"Connection: close\r\n{header}")
            assert '["127.0.0.1", ' in told
            assert " 101 " in await ask(bound.port, header + UPGRADE, stream=kept)
            assert seen[0].startswith("127.0.0.1:")
            await kept[0].aclose()
