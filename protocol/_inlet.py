"""The stream under trio-websocket: its read half hides what the fast lane takes.

trio-websocket's reader task calls ``receive_some``. Inside, whole fast messages go straight to the
session, in that same task; only what the lane leaves comes out as bytes. What trio-websocket sends
(pongs, its half of a close) joins the session's frames in the ``Outlet``.

::

    gate     nothing is read before ``open``, and after a slow message not before ``slow_handled``
    closing  nothing is handed over or answered any more; only the peer's close frame is passed on
    failure  what ``on_message`` raised; reading ends and ``ServerSocket.serve`` raises it
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from protocol._link import Link
from protocol._outlet import Outlet
from protocol.lane import Lane, Step
from protocol.limits import FAST_RUN_MAX

OnMessage = Callable[[bool, bytes], Awaitable[object] | None]

_TEXT: Final = Step.TEXT
_BINARY: Final = Step.BINARY


class Inlet(trio.abc.Stream):
    """One connection's stream, as trio-websocket sees it."""

    __slots__ = (
        "_head",
        "_is_closed",
        "_is_closing",
        "_is_gated",
        "_lane",
        "_link",
        "_on_message",
        "_opened",
        "_outlet",
        "failure",
        "received_bytes",
    )

    def __init__(self, link: Link, outlet: Outlet, lane: Lane, head: bytes) -> None:
        """*head* is the handshake's request, which trio-websocket reads first."""
        self._link = link
        self._outlet = outlet
        self._lane = lane
        self._head = head
        self._on_message: OnMessage | None = None
        self._is_gated = True
        self._is_closing = False
        self._is_closed = False
        self._opened: trio.Event | None = None
        self.failure: Exception | None = None
        self.received_bytes = 0

    def open(self, on_message: OnMessage) -> None:
        """Start reading and hand messages to *on_message*."""
        self._on_message = on_message
        self._ungate()

    def slow_handled(self) -> None:
        """The message whose last piece was passed on has been handled: go on."""
        self._ungate()

    def start_closing(self) -> None:
        """Hand nothing over any more; go on reading for the peer's close frame only."""
        self._is_closing = True
        self._ungate()

    @property
    def is_closing(self) -> bool:
        """True once messages are dropped."""
        return self._is_closing

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002
        """Return the next bytes that trio-websocket must see; empty at the end of the stream.

        Raises:
          trio.BrokenResourceError: the peer is gone or was refused, or the session failed.
          trio.ClosedResourceError: closed from this side.

        Cancelled: the connection is ending.
        """
        if self._head:
            head, self._head = self._head, b""
            return head
        while self._is_gated:
            self._opened = trio.Event()
            await self._opened.wait()
        if self._is_closed:
            raise trio.ClosedResourceError
        return await self._read()

    async def _read(self) -> bytes:
        lane = self._lane
        run_len = 0
        while True:
            taken = lane.take()
            if taken is None:
                data = await self._link.receive()
                if not data:
                    return b""
                self.received_bytes += len(data)
                lane.receive(data)
                run_len = 0
                continue
            step, payload = taken
            if step is _TEXT or step is _BINARY:
                if self._is_closing:
                    continue
                await self._hand_over(step is _TEXT, payload)
                run_len += 1
                if run_len == FAST_RUN_MAX:
                    run_len = 0
                    await trio.lowlevel.checkpoint()
            elif step is Step.REFUSED:
                raise trio.BrokenResourceError
            elif step is not Step.CONTROL or not self._is_closing:
                # A ping answered while closing would make wsproto raise.
                self._is_gated = step is Step.LAST_PIECE and not self._is_closing
                return payload

    async def _hand_over(self, is_text: bool, payload: bytes) -> None:  # noqa: FBT001 -- hot
        assert self._on_message is not None
        try:
            waiting = self._on_message(is_text, payload)
            if waiting is not None:
                await waiting
        except Exception as error:
            # Whatever it is belongs to serve()'s caller; here it would end up in trio-websocket.
            self.failure = error
            self._is_closing = True
            raise trio.BrokenResourceError from error

    def _ungate(self) -> None:
        self._is_gated = False
        if self._opened is not None:
            self._opened.set()
            self._opened = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Queue what trio-websocket sends; whole frames or the handshake. Never waits.

        Raises:
          trio.BrokenResourceError: nothing may be written any more.
        """
        if self._outlet.is_sealed:
            raise trio.BrokenResourceError
        self._outlet.write(bytes(data))
        if data[0] == _CLOSE_BYTE:
            self._outlet.seal()

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: ``send_all`` never waits."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """End the stream for trio-websocket. The socket stays: last words may be in the backlog."""
        self._is_closed = True
        self.start_closing()
        await trio.lowlevel.checkpoint()


_CLOSE_BYTE: Final = 0x88
