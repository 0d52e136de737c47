"""A wire between client and server that does to the server's event frames what a test asks for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import trio

# Gets the number of an event frame (of its connection) and its bytes; returns what to send.
Tamper = Callable[[int, bytes], list[bytes]]
STALL_AFTER = 5


def honest(_number: int, frame: bytes) -> list[bytes]:
    return [frame]


def losing(number: int, frame: bytes) -> list[bytes]:
    return [] if number == 3 else [frame]


def doubling(number: int, frame: bytes) -> list[bytes]:
    return [frame, frame] if number == 3 else [frame]


def inventing(number: int, frame: bytes) -> list[bytes]:
    """Make the marks of one frame those of a stream that nobody has."""
    return [re.sub(rb"~\d\.", rb"~7.", frame) if number == 3 else frame]


def swapping() -> Tamper:
    """Send frame 4 before frame 3."""
    held: list[bytes] = []

    def swap(number: int, frame: bytes) -> list[bytes]:
        if number == 3:
            held.append(frame)
            return []
        return [frame, *held] if number == 4 else [frame]

    return swap


@asynccontextmanager
async def tampered(
    url: str, make: Callable[[], Tamper], *, stall_s: float = 0.0
) -> AsyncIterator[str]:
    """Listen on a port of one's own for a block; each connection has a ``Tamper`` of its own.

    With *stall_s*, a connection with events stands still for so long after ``STALL_AFTER`` frames.
    """
    server = urlsplit(url)
    async with trio.open_nursery() as nursery:
        opening = partial(_serve, server.hostname or "", server.port or 0, make, stall_s)
        serving = partial(trio.serve_tcp, host="127.0.0.1")
        (listener, *_) = await nursery.start(serving, opening, 0)
        port = listener.socket.getsockname()[1]
        yield f"ws://127.0.0.1:{port}{server.path}"
        nursery.cancel_scope.cancel()


async def _serve(
    host: str, port: int, make: Callable[[], Tamper], stall_s: float, client: trio.SocketStream
) -> None:
    async with (
        client,
        await trio.open_tcp_stream(host, port) as server,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_forward, client, server, nursery.cancel_scope)
        await _forward_tampered(server, client, make(), stall_s)
        nursery.cancel_scope.cancel()


async def _forward(
    source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope
) -> None:
    try:
        async for part in source:
            await sink.send_all(part)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # The generator closes without a goodbye.
    scope.cancel()


async def _forward_tampered(
    source: trio.SocketStream, sink: trio.SocketStream, tamper: Tamper, stall_s: float
) -> None:
    got, events, is_open = b"", 0, False
    try:
        async for part in source:
            got += part
            if not is_open:
                head, end, got = got.partition(b"\r\n\r\n")
                await sink.send_all(head + end)
                is_open = True
            while (size := _frame_bytes(got)) is not None:
                frame, got = got[:size], got[size:]
                sent = [frame]
                if b"\xa6events\xa6target" in frame:
                    events += 1
                    sent = tamper(events, frame)
                for one in sent:
                    await sink.send_all(one)
                if events == STALL_AFTER:
                    await trio.sleep(stall_s)
                    stall_s = 0.0
    except trio.BrokenResourceError:
        return


def _frame_bytes(got: bytes) -> int | None:
    """Return the size of the whole frame at the beginning of *got*, if there is one."""
    if len(got) < 4:
        return None
    length, start = got[1], 2
    if length == 126:
        length, start = int.from_bytes(got[2:4], "big"), 4
    assert length != 127, "no frame of these tests is that large"
    return start + length if len(got) >= start + length else None
