"""A WebSocket client without manners: it sends the very bytes that a test wants."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager

import trio
from attrs import define, field

from protocol.lane import unmask
from protocol.port import BoundPort, PortConfig, Request, WebSocketRoute, serve_port
from protocol.transport import ServerSocket

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0
FRAME_BYTES_MAX = 262_144

Handler = Callable[[ServerSocket], Awaitable[None]]
ServeHandler = Callable[[Handler], Awaitable[BoundPort]]
Connect = Callable[[BoundPort], AbstractAsyncContextManager["RawClient"]]


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length: int | None = None,
    key: bytes | None = None,
) -> bytes:
    """Encode a client frame; *length* lies about the length of the payload."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask_bit = 0x80 if masked else 0
    size = len(payload) if length is None else length
    if size < 126:
        head = bytes((first, mask_bit | size))
    elif size < 65_536:
        head = bytes((first, mask_bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask_bit | 127)) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = os.urandom(4) if key is None else key
    return head + key + unmask(payload, key)


def fragments(opcode: int, *payloads: bytes) -> bytes:
    """Encode one message in as many frames as payloads."""
    last = len(payloads) - 1
    return b"".join(
        frame(opcode if at == 0 else CONTINUATION, payload, fin=at == last)
        for at, payload in enumerate(payloads)
    )


def close_payload(code: int, reason: bytes = b"") -> bytes:
    return code.to_bytes(2, "big") + reason


def upgrade_request(path: str = "/ws", *, extra: Iterable[str] = (), without: str = "") -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    kept = [line for line in lines if not without or not line.startswith(without)]
    return "\r\n".join([f"GET {path} HTTP/1.1", *kept, *extra, "", ""]).encode()


@define
class RawClient:
    """One connection to the port."""

    stream: trio.abc.Stream
    received: bytes = field(default=b"")

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def read_until(self, end: bytes) -> bytes:
        while end not in self.received:
            await self._more()
        head, _, self.received = self.received.partition(end)
        return head + end

    async def read_exactly(self, size: int) -> bytes:
        while len(self.received) < size:
            await self._more()
        data, self.received = self.received[:size], self.received[size:]
        return data

    async def read_to_end(self) -> bytes:
        try:
            while chunk := await self.stream.receive_some():
                self.received += chunk
        except trio.BrokenResourceError:
            pass
        data, self.received = self.received, b""
        return data

    async def _more(self) -> None:
        chunk = await self.stream.receive_some()
        if not chunk:
            raise EOFError(self.received)
        self.received += chunk

    async def read_response(self) -> tuple[int, bytes]:
        """Read one HTTP response; return its status and its head."""
        head = await self.read_until(b"\r\n\r\n")
        return int(head.split()[1]), head

    async def open(self, path: str = "/ws", *, extra: Iterable[str] = ()) -> bytes:
        """Shake hands; return the head of the 101."""
        await self.send(upgrade_request(path, extra=extra))
        status, head = await self.read_response()
        assert status == 101, head
        return head

    async def read_frame(self) -> tuple[int, bytes]:
        """Read one server frame; return its opcode and payload."""
        first, size = await self.read_exactly(2)
        assert first & 0x80, "the server never fragments"
        assert size < 128, "the server never masks"
        if size == 126:
            size = int.from_bytes(await self.read_exactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.read_exactly(8), "big")
        return first & 0x7F, await self.read_exactly(size)

    async def read_close(self) -> int:
        """Skip to the close frame; return its code, 1005 if it is empty."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big") if payload else 1005


async def open_stream(port: BoundPort, *, tls: ssl.SSLContext | None = None) -> trio.abc.Stream:
    stream = await trio.open_tcp_stream("127.0.0.1", port.port)
    if tls is None:
        return stream
    return trio.SSLStream(stream, tls, server_hostname="localhost")


async def start_port(
    nursery: trio.Nursery, config: PortConfig, handler: Handler, **options: object
) -> BoundPort:
    """Start a port that serves *handler* on /ws, with the subprotocols one and two."""

    def route(request: Request) -> WebSocketRoute | None:
        return WebSocketRoute(handler, ("one", "two")) if request.path == "/ws" else None

    async def run(task_status: trio.TaskStatus[BoundPort]) -> None:
        await serve_port(config, route=route, task_status=task_status, **options)  # type: ignore[arg-type]

    bound: BoundPort = await nursery.start(run)
    return bound
