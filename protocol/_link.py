"""The bytes of one accepted connection, in clear or through TLS.

A ``Link`` has one reader and one writer at a time. ``PlainLink`` works on the non-blocking socket
itself, so a small write costs one system call and no task switch; and so does a small read, for
who reads is called when there is something (``watch``). ``TlsLink`` goes through
``trio.SSLStream``, which cannot work without waiting: there ``send_now`` takes nothing, and
``watch`` refuses.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import trio

from protocol._readiness import Readiness
from protocol.limits import LINGER_BYTES_MAX, RECEIVE_BYTES

Buffer = bytes | memoryview
_CLOSED: Final = "the connection was closed from this side"


class Link(Protocol):
    """A connected byte stream whose end is decided by its owner, not by who reads or writes."""

    @property
    def socket(self) -> socket.socket | trio.socket.SocketType:
        """The socket, for its addresses only."""
        ...

    def send_now(self, data: Buffer) -> int:
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

    def watch(self, on_readable: Callable[[], None]) -> bool:
        """Call *on_readable* whenever ``receive_now`` has something to tell, and once stopped.

        Return False if this link cannot: then use ``receive``. Not both at a time.
        """
        ...

    def unwatch(self) -> None:
        """Call no more. Harmless if nobody watches."""
        ...

    def receive_now(self) -> bytes | None:
        """Return bytes; empty at the end of the stream; None if there is nothing yet.

        Raises:
          trio.BrokenResourceError: the peer is gone.
          trio.ClosedResourceError: closed from this side.
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

    __slots__ = ("_on_readable", "_readiness", "_socket", "is_stopped")

    def __init__(self, sock: socket.socket, readiness: Readiness | None = None) -> None:
        self._socket = sock
        self._readiness = readiness
        self._on_readable: Callable[[], None] | None = None
        self.is_stopped = False

    @property
    def socket(self) -> socket.socket:
        """The socket, for its addresses only."""
        return self._socket

    def send_now(self, data: Buffer) -> int:
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

    def watch(self, on_readable: Callable[[], None]) -> bool:
        """See ``Link``."""
        if self._readiness is None or self.is_stopped:
            return False
        self._on_readable = on_readable
        self._readiness.watch(self._socket.fileno(), on_readable)
        return True

    def unwatch(self) -> None:
        """See ``Link``."""
        if self._on_readable is not None and self._readiness is not None:
            self._on_readable = None
            self._readiness.unwatch(self._socket.fileno())

    def receive_now(self) -> bytes | None:
        """See ``Link``."""
        self._require_open()
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise trio.BrokenResourceError from error

    def stop(self) -> None:
        """See ``Link``."""
        self.is_stopped = True
        if self._socket.fileno() != -1:
            trio.lowlevel.notify_closing(self._socket)
        on_readable = self._on_readable
        if on_readable is not None:
            self.unwatch()
            on_readable()

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

    def send_now(self, data: Buffer) -> int:  # noqa: ARG002 -- the signature is Link's
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

    def watch(self, on_readable: Callable[[], None]) -> bool:  # noqa: ARG002 -- as above
        """Refuse: what the socket has may be half a record."""
        return False

    def unwatch(self) -> None:
        """Nothing to do."""

    def receive_now(self) -> bytes | None:
        """Return nothing: decrypting needs to wait."""
        self._require_open()
        return None

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
