"""One WebSocket, server side: fast writes, the fast lane inwards, a close that is bounded.

::

    the owner's task               the reader's task (trio-websocket)       the pump's task
    -----------------------------  ---------------------------------------  --------------------
    serve(): slow messages         receive_some: fast messages -> session   while a backlog is:
    write(): socket, else backlog  pings, fragments, close -> wsproto       backlog -> socket
    close(): handshake, bounded    pongs -> the same backlog

Who ends it: the peer's close frame, the end of its stream, a broken rule of RFC 6455 (1002, 1007)
or a bound of ours (1007, 1008, 1009), ``close``, ``abort``, or ``on_message`` raising. Each ends
``serve`` once; the first wins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import trio
from attrs import frozen
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from protocol._head import Request
from protocol._inlet import Inlet, OnMessage
from protocol._link import Link
from protocol._outlet import Outlet
from protocol.errors import CLOSE_BAD_DATA, CLOSE_NORMAL
from protocol.frames import (
    CLOSE_ABNORMAL,
    CLOSE_PROTOCOL_ERROR,
    close_frame,
    fit_reason,
    server_frame,
)
from protocol.lane import Lane
from protocol.limits import GOODBYE_TIMEOUT_S

__all__ = ["CloseReason", "OnMessage", "ServerSocket", "server_frame"]

# One message waits while the one before is handled. With 0 trio-websocket would block in a place
# where it cannot see that the connection is closing.
_MESSAGE_QUEUE_LEN: Final = 1
_FAULT_CODES: Final = frozenset({CLOSE_PROTOCOL_ERROR, CLOSE_BAD_DATA})


@frozen
class CloseReason:
    """How a connection ended: the close code, and who said so.

    1005: the peer gave none; 1006: there was no close frame, the stream just ended.
    """

    code: int
    reason: str = ""
    by_peer: bool = False


class ServerSocket:
    """One accepted WebSocket. It lives in a nursery of its own and owns the socket."""

    __slots__ = (
        "_ended",
        "_inlet",
        "_lane",
        "_link",
        "_nursery",
        "_outlet",
        "_reason",
        "_ws",
        "headers",
        "path",
        "peer",
        "query",
        "subprotocol",
        "write",
    )

    subprotocol: str | None
    path: str
    query: str
    headers: Sequence[tuple[bytes, bytes]]
    peer: str  # "host:port"
    # Send data, one or more whole server frames, or queue it; return ``backlog_bytes``. Never
    # waits, never raises. Once the connection is closing it does nothing. The backlog has no bound
    # of its own: whoever writes looks at ``backlog_bytes`` (spec T2.4). An attribute, for it is the
    # hottest call of all: the outlet's own.
    write: Callable[[bytes], int]

    def __init__(
        self, link: Link, nursery: trio.Nursery, request: Request, lane: Lane, head: bytes
    ) -> None:
        """Use ``accept_socket``."""
        self.subprotocol = None
        self.path = request.path
        self.query = request.query
        self.headers = request.headers
        self.peer = request.peer
        self._link = link
        self._nursery = nursery
        self._lane = lane
        self._outlet = Outlet(link, nursery)
        self.write = self._outlet.write
        self._inlet = Inlet(link, self._outlet, lane, head)
        self._ws: WebSocketConnection | None = None
        self._reason: CloseReason | None = None  # Set by whoever ends it first.
        self._ended: trio.Event | None = None  # Set when our close handshake is over.

    @property
    def backlog_bytes(self) -> int:
        """Bytes written but not yet taken by the kernel."""
        return self._outlet.backlog_bytes

    @property
    def backlog_frames(self) -> int:
        """Writes not yet taken by the kernel; a write of several frames counts once."""
        return self._outlet.backlog_writes

    @property
    def taken_bytes(self) -> int:
        """Bytes that the kernel has taken in all, the handshake included: progress."""
        return self._outlet.taken_bytes

    @property
    def received_bytes(self) -> int:
        """Bytes that came from the peer since the handshake: a sign of life."""
        return self._inlet.received_bytes

    async def serve(
        self, on_message: OnMessage, on_drained: Callable[[], None] | None = None
    ) -> CloseReason:
        """Hand every message to *on_message* until the connection ends; return how it ended.

        ``on_message(is_text, payload)`` is called in the order of arrival; text is valid UTF-8.
        Nothing more is read while the awaitable that it may return is running. It must not wait
        for ``close`` (which needs the reader): use ``close_soon``. *on_drained* is called when
        the backlog has become empty.

        Raises:
          Exception: whatever *on_message* raised. The connection is closed with 1011.

        Cancelled: no further message is handed over; the connection is closed by its owner.
        """
        assert self._ws is not None
        if on_drained is not None:
            self._outlet.on_drained = on_drained
        self._inlet.open(on_message)
        if self._reason is not None:
            self._inlet.start_closing()
        try:
            while True:
                message = await self._ws.get_message()
                if not self._inlet.is_closing:
                    waiting = _hand_over(on_message, message)
                    if waiting is not None:
                        await waiting
                self._inlet.slow_handled()
        except ConnectionClosed:
            pass
        finally:
            self._inlet.start_closing()
        if self._inlet.failure is not None:
            raise self._inlet.failure
        if self._ended is not None:
            await self._ended.wait()
        return self._settle()

    async def close(self, code: int = CLOSE_NORMAL, reason: str = "") -> None:
        """Shake hands within ``GOODBYE_TIMEOUT_S``, else abort. Idempotent.

        The socket itself is closed as soon as the handler has returned.

        Cancelled: the handshake goes on without its caller.
        """
        self.close_soon(code, reason)
        if self._ended is not None:
            await self._ended.wait()

    def close_soon(self, code: int = CLOSE_NORMAL, reason: str = "") -> None:
        """Begin ``close`` without waiting: from here on nothing is written or handed over."""
        if self._reason is None and not self._outlet.is_sealed:
            reasoned = self._end(CloseReason(code, fit_reason(reason)))
            self._ended = trio.Event()
            self._inlet.start_closing()
            self._nursery.start_soon(self._close, reasoned, self._ended)

    def abort(self) -> None:
        """Close the socket at once and forget the backlog; ``serve`` returns 1006. Idempotent."""
        if self._reason is None:
            self._end(CloseReason(CLOSE_ABNORMAL, "aborted"))
        self._inlet.start_closing()
        self._outlet.abort()

    async def _shake_hands(self, subprotocol: str | None, bytes_max: int) -> None:
        request = await wrap_server_stream(
            self._nursery,
            self._inlet,
            message_queue_size=_MESSAGE_QUEUE_LEN,
            max_message_size=bytes_max,
            receive_buffer_size=None,
        )
        self._ws = await request.accept(subprotocol=subprotocol)
        self.subprotocol = subprotocol

    async def _close(self, reason: CloseReason, ended: trio.Event) -> None:
        """Our half of the close handshake, then the peer's; a peer that is late is cut off."""
        ws = self._ws
        if ws is None:  # It was finished, by a cancellation, before this began.
            ended.set()
            return
        try:
            with trio.move_on_after(GOODBYE_TIMEOUT_S) as handshake:
                if ws.closed is None:
                    await ws.aclose(reason.code, reason.reason)
                else:  # trio-websocket has given up, but the peer has not been told.
                    self._fail(reason.code, reason.reason)
                await self._outlet.wait_empty()
            if handshake.cancelled_caught:
                self._outlet.abort()
        finally:
            ended.set()

    def _settle(self) -> CloseReason:
        """Say how the connection ended, and tell the peer if nobody has."""
        return self._end(self._find_reason()) if self._reason is None else self._reason

    def _end(self, reason: CloseReason) -> CloseReason:
        """Write nothing more of what others ask for, because of *reason*."""
        self._reason = reason
        self.write = self._outlet.refuse
        return reason

    def _find_reason(self) -> CloseReason:
        if self._lane.refusal is not None:
            return self._fail(*self._lane.refusal)
        closed = self._ws.closed if self._ws is not None else None
        if closed is None:
            return CloseReason(CLOSE_ABNORMAL)
        code, text = int(closed.code), closed.reason or ""
        if code in _FAULT_CODES and not self._outlet.is_sealed:
            # wsproto found the fault, and trio-websocket hangs up without a word.
            return self._fail(code, text)
        return CloseReason(code, text, by_peer=code != CLOSE_ABNORMAL)

    def _fail(self, code: int, reason: str) -> CloseReason:
        """Fail the connection (RFC 6455, 7.1.7): name the fault; no answer is awaited."""
        self._outlet.write(close_frame(code, reason))
        self._outlet.seal()
        return CloseReason(code, fit_reason(reason))

    async def finish(self, code: int) -> None:
        """Close with *code* if nobody has, let last words out, close the socket. By the port.

        Cancelled: closed at once.
        """
        try:
            if self._inlet.failure is not None and self._reason is None:
                self._end(self._fail(code, "internal error"))
            elif self._reason is None and self._ws is not None and self._ws.closed is None:
                self.close_soon(code)
            if self._ended is not None:
                await self._ended.wait()
            self._settle()
            with trio.move_on_after(GOODBYE_TIMEOUT_S):
                await self._outlet.wait_empty()
                await self._link.farewell()
        finally:
            self.abort()
            # It may hold megabytes of a message without an end, and is part of cycles: of whoever
            # opens and leaves again and again all would be kept until the next collection.
            self._ws = None
            self._lane.forget()


def _hand_over(on_message: OnMessage, message: str | bytes) -> Awaitable[Any] | None:
    if isinstance(message, str):
        return on_message(True, message.encode())  # noqa: FBT003 -- the hot contract
    return on_message(False, message)  # noqa: FBT003


async def accept_socket(
    link: Link,
    nursery: trio.Nursery,
    request: Request,
    *,
    early: bytes,
    subprotocol: str | None,
    bytes_max: int,
) -> ServerSocket:
    """Answer a checked upgrade *request* with 101 and return the open WebSocket.

    trio-websocket gets a request of ours with the client's key in it, not the client's own: no
    hostile header reaches it, none is held in memory, and it cannot fail.

    Cancelled: the caller closes the link.
    """
    key = request.header(b"sec-websocket-key")
    assert key is not None
    head = b"GET / HTTP/1.1\r\nHost: us\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n"
    if subprotocol is not None:
        head += b"Sec-WebSocket-Protocol: " + subprotocol.encode("ascii") + b"\r\n"
    lane = Lane(frame_bytes_max=bytes_max, clock=trio.current_time)
    lane.receive(early)  # A hasty client did not wait for our 101.
    opened = ServerSocket(link, nursery, request, lane, head + b"\r\n")
    await opened._shake_hands(subprotocol, bytes_max)
    return opened
