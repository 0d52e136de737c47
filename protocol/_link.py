"""The bytes of one accepted connection, in clear or through TLS.

A ``Link`` has one reader and one writer at a time. ``PlainLink`` works on the non-blocking socket
itself, so a small write costs one system call and no task switch. ``TlsLink`` goes through
``trio.SSLStream``, which cannot write without waiting: there ``send_now`` takes nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final, Protocol

import trio

from protocol.limits import LINGER_BYTES_MAX, RECEIVE_BYTES

Buffer = bytes | memoryview
_CLOSED: Final = "the connection was closed from this side"


class Link(Protocol):
    """A connected byte stream whose end is decided by its owner, not by who reads or writes."""

    @property
    def socket(self) -> socket.socket | trio.socket.SocketType:
        """The socket, for its addresses only."""
        ...

    def send_now(self, data: bytes) -> int:
        """Give the kernel what it takes at once; return how many bytes (0: it is full, or TLS).

        Raises:
          OSError: the connection is broken.
        """
        ...

    async def send(self, buffers: Sequence[Buffer]) -> int:
        """Wait until something can be sent, send from the front, return how many bytes.

        Raises:
          trio.BrokenResourceError: the peer is gone.
          trio.ClosedResourceError: closed from this side.

        Cancelled: plain, nothing was sent; through TLS unknown, the link must not be used again.
        """
        ...

    async def receive(self) -> bytes:
        """Wait for bytes; empty at the end of the stream. Raises like ``send``.

        Cancelled: nothing was taken.
        """
        ...

    @property
    def is_stopped(self) -> bool:
        """True after ``stop`` or ``close``."""
        ...

    def stop(self) -> None:
        """Read and write no more; whoever waits gets ``ClosedResourceError``. Idempotent."""
        ...

    async def farewell(self) -> None:
        """Stop, end our half, and drop what still comes until the peer ends its own.

        A socket closed with unread bytes is reset, and the reset can overtake our last words.
        Bound it in time. Cancelled: close now.
        """
        ...

    def close(self) -> None:
        """Close the socket at once; whoever waits gets ``ClosedResourceError``. Idempotent."""
        ...


class PlainLink:
    """A link in clear. Takes over the socket, which must be non-blocking."""

    __slots__ = ("_socket", "is_stopped")

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.is_stopped = False

    @property
    def socket(self) -> socket.socket:
        """The socket, for its addresses only."""
        return self._socket

    def send_now(self, data: bytes) -> int:
        """See ``Link``."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    async def send(self, buffers: Sequence[Buffer]) -> int:
        """See ``Link``."""
        while True:
            self._require_open()
            await trio.lowlevel.wait_writable(self._socket)
            try:
                return self._socket.sendmsg(buffers)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError from error

    async def receive(self) -> bytes:
        """See ``Link``. Waits first: a read that finds nothing costs a system call."""
        while True:
            self._require_open()
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError from error

    def stop(self) -> None:
        """See ``Link``."""
        self.is_stopped = True
        if self._socket.fileno() != -1:
            trio.lowlevel.notify_closing(self._socket)

    async def farewell(self) -> None:
        """See ``Link``."""
        self.stop()
        dropped_bytes = 0
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while dropped_bytes < LINGER_BYTES_MAX:
                await trio.lowlevel.wait_readable(self._socket)
                data = self._socket.recv(RECEIVE_BYTES)
                if not data:
                    return
                dropped_bytes += len(data)
        except (OSError, trio.ClosedResourceError):
            return

    def close(self) -> None:
        """See ``Link``."""
        self.stop()
        self._socket.close()

    def _require_open(self) -> None:
        if self.is_stopped:
            raise trio.ClosedResourceError(_CLOSED)


class TlsLink:
    """A link through TLS; *stream* must have done its handshake."""

    __slots__ = ("_stream", "is_stopped")

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self._stream = stream
        self.is_stopped = False

    @property
    def socket(self) -> trio.socket.SocketType:
        """The socket, for its addresses only."""
        return self._stream.transport_stream.socket

    def send_now(self, data: bytes) -> int:  # noqa: ARG002 -- the signature is Link's
        """Take nothing: encrypting needs to wait."""
        if self.is_stopped:
            raise BrokenPipeError(_CLOSED)
        return 0

    async def send(self, buffers: Sequence[Buffer]) -> int:
        """See ``Link``."""
        self._require_open()
        data = b"".join(buffers)
        await self._stream.send_all(data)
        return len(data)

    async def receive(self) -> bytes:
        """See ``Link``."""
        self._require_open()
        return bytes(await self._stream.receive_some(RECEIVE_BYTES))

    def stop(self) -> None:
        """See ``Link``."""
        self.is_stopped = True
        sock = self._stream.transport_stream.socket
        if sock.fileno() != -1:
            trio.lowlevel.notify_closing(sock)

    async def farewell(self) -> None:
        """Send TLS's close_notify. What still comes is not read: it would need our keys."""
        self.is_stopped = True
        try:
            await self._stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            return

    def close(self) -> None:
        """See ``Link``."""
        self.is_stopped = True
        self._stream.transport_stream.socket.close()

    def _require_open(self) -> None:
        if self.is_stopped:
            raise trio.ClosedResourceError(_CLOSED)
