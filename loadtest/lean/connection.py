"""One WebSocket from the client's side (RFC 6455), without a task and without a copy too many."""

from __future__ import annotations

import base64
import errno
import os
import socket
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from loadtest.lean.loop import READABLE, WRITABLE, Loop

RECEIVE_BYTES: Final = 65_536
BACKLOG_BYTES_MAX: Final = 1_048_576  # Not taken by the kernel: the server does not read.
HEAD_BYTES_MAX: Final = 16_384
SUBPROTOCOL: Final = "collab.v1.msgpack"

_BINARY: Final = 0x82
_CLOSE: Final = 0x88
_PING: Final = 0x89
_PONG: Final = 0x8A
_MASKED: Final = 0x80


class BadFrame(Exception):
    """The server sent what a generator does not expect: fragments, text, a masked frame."""


@frozen
class Endpoint:
    """Where to connect, and who one says to be: *token* holds ``{user}``."""

    host: str
    port: int
    path: str = "/v1"
    token: str = "dev:{user}"

    @classmethod
    def of(cls, url: str, token: str = "dev:{user}") -> Endpoint:
        """Read ``ws://host:port/path``. Raises: ValueError."""
        parts = urlsplit(url)
        if parts.scheme != "ws" or not parts.hostname:
            raise ValueError(f"no address of the form ws://HOST:PORT/PATH: {url}")
        return cls(parts.hostname, parts.port or 80, parts.path or "/v1", token)


class Connection:
    """A socket in the loop. Callbacks: opened, each whole message, the end (once)."""

    __slots__ = (
        "_backlog",
        "_head",
        "_is_upgraded",
        "_loop",
        "_mask",
        "_missing",
        "_on_closed",
        "_on_message",
        "_on_opened",
        "_parts",
        "_socket",
        "close_code",
        "received_bytes",
    )

    def __init__(
        self,
        loop: Loop,
        endpoint: Endpoint,
        *,
        on_opened: Callable[[], None],
        on_message: Callable[[bytes], None],
        on_closed: Callable[[str], None],
    ) -> None:
        """Begin to connect; the rest happens in the loop."""
        self._loop = loop
        self._on_opened = on_opened
        self._on_message = on_message
        self._on_closed = on_closed
        self._mask = os.urandom(4)  # One for all frames: nobody between us reads along.
        self._parts: list[bytes] = []  # Of a message that is not whole yet,
        self._missing = 0  # and how many bytes to wait for at least.
        self._is_upgraded = False
        self.close_code: int | None = None
        self.received_bytes = 0
        self._socket: socket.socket | None = _connecting(endpoint)
        self._backlog = bytearray(_upgrade_request(endpoint))
        loop.watch(self, READABLE | WRITABLE)

    def fileno(self) -> int:
        """Return the socket's number."""
        assert self._socket is not None
        return self._socket.fileno()

    @property
    def is_open(self) -> bool:
        """False once it ended."""
        return self._socket is not None

    @property
    def backlog_bytes(self) -> int:
        """What the kernel did not take."""
        return len(self._backlog)

    def send(self, payload: bytes) -> bool:
        """Send a binary message, now or when there is room; False if it never will be sent."""
        return self._write(_client_frame(_BINARY, payload, self._mask))

    def close(self) -> None:
        """Close the socket, without a goodbye. Nothing is called back. Repeatable."""
        if self._socket is not None:
            self._loop.forget(self)
            self._socket.close()
            self._socket = None

    def on_ready(self, events: int) -> None:
        """Called by the loop."""
        if events & WRITABLE:
            self._drain()
        if self._socket is not None and events & ~WRITABLE:
            self._receive()

    # ------------------------------------------------------------ out

    def _write(self, data: bytes) -> bool:
        if self._socket is None or len(self._backlog) > BACKLOG_BYTES_MAX:
            return False
        if self._backlog:
            self._backlog += data
            return True
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._end(f"sending: {error.strerror}")
            return False
        if sent < len(data):
            self._backlog += data[sent:]
            self._loop.change(self, READABLE | WRITABLE)
        return True

    def _drain(self) -> None:
        assert self._socket is not None
        try:
            sent = self._socket.send(self._backlog)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(f"sending: {error.strerror}")
            return
        del self._backlog[:sent]
        if not self._backlog:
            self._loop.change(self, READABLE)

    # ------------------------------------------------------------ in

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            got = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(f"receiving: {error.strerror}")
            return
        if not got:
            self._end("the server closed")
            return
        self.received_bytes += len(got)
        if self._parts:
            self._parts.append(got)
            self._missing -= len(got)
            if self._missing > 0:
                return
            got = b"".join(self._parts)
            self._parts = []
        if not self._is_upgraded:
            got = self._upgrade(got)
        self._read_frames(got)

    def _upgrade(self, got: bytes) -> bytes:
        head, end, rest = got.partition(b"\r\n\r\n")
        if not end and len(got) < HEAD_BYTES_MAX:
            self._parts, self._missing = [got], 1
            return b""
        if not head.startswith(b"HTTP/1.1 101 "):
            self._end(f"refused: {head[:60].decode('latin-1')}")
            return b""
        self._is_upgraded = True
        self._on_opened()
        return rest

    def _read_frames(self, got: bytes) -> None:
        """Hand over the messages in *got*; keep the beginning of the last one, if it is cut."""
        at, end = 0, len(got)
        while at < end and self._socket is not None:
            start, missing = at + 2, 2 - (end - at)
            if missing <= 0:
                length = got[at + 1]
                if length == 126 and end - at >= 4:
                    start, length = at + 4, int.from_bytes(got[at + 2 : at + 4], "big")
                elif length == 127 and end - at >= 10:
                    start, length = at + 10, int.from_bytes(got[at + 2 : at + 10], "big")
                missing = start + length - end  # At least so much, if the length itself is cut.
            if missing > 0:
                self._parts, self._missing = [got[at:]], missing
                return
            stop = start + length
            if got[at] == _BINARY:
                self._on_message(got[start:stop])
            else:
                self._control(got[at], got[start:stop])
            at = stop

    def _control(self, first: int, payload: bytes) -> None:
        if first == _PING:
            self._write(_client_frame(_PONG, payload, self._mask))
        elif first == _CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big") if payload else None
            self._end(f"closed with {self.close_code}")
        elif first != _PONG:
            raise BadFrame(f"first byte {first:#x}, {len(payload)} bytes")

    def _end(self, why: str) -> None:
        self.close()
        self._on_closed(why)


def _connecting(endpoint: Endpoint) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)  # noqa: FBT003 -- the standard library's
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    code = made.connect_ex((endpoint.host, endpoint.port))
    if code not in (0, errno.EINPROGRESS):
        made.close()
        raise OSError(code, os.strerror(code))
    return made


def _upgrade_request(endpoint: Endpoint) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {endpoint.path} HTTP/1.1\r\nhost: {endpoint.host}:{endpoint.port}\r\n"
        f"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-key: {key}\r\n"
        f"sec-websocket-version: 13\r\nsec-websocket-protocol: {SUBPROTOCOL}\r\n\r\n"
    ).encode()


def _client_frame(first: int, payload: bytes, mask: bytes) -> bytes:
    """Return a whole masked frame. XOR of two long integers is the fastest there is in Python."""
    length = len(payload)
    if length < 126:
        head = bytes((first, _MASKED | length))
    elif length < 0x1_0000:
        head = bytes((first, _MASKED | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, _MASKED | 127)) + length.to_bytes(8, "big")
    pad = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    masked = int.from_bytes(payload, "big") ^ pad
    return head + mask + masked.to_bytes(length, "big")
