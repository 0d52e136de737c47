"""The stream under trio-websocket: its read half hides what the fast lane takes.

Whole fast messages go straight to the session; only what the lane leaves comes out of
``receive_some``, which trio-websocket's reader task calls. What trio-websocket sends (pongs, its
half of a close) joins the session's frames in the ``Outlet``.

::

    parked   the reader task sleeps; bytes are read, and messages handed over, by ``_on_readable``
             in the task that looks after all sockets. It wakes the reader for everything else.
    awake    the reader task reads and hands over: what must be waited for, control frames, large
             messages, a client with more than its turn's worth, the end. TLS is always here.
    gate     nothing is read before ``open``, and after a slow message not before ``slow_handled``
    closing  nothing is handed over or answered any more; only the peer's close frame is passed on
    failure  what ``on_message`` raised; reading ends and ``ServerSocket.serve`` raises it
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import trio

from protocol._link import Link
from protocol._outlet import Outlet
from protocol.lane import Lane, Step, Taken
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
        "_reader",
        "_taken",
        "_waiting",
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
        self._reader: trio.lowlevel.Task | None = None  # While it is parked.
        # What the reader was woken for, at most one of them: to be waited for, or a step.
        self._waiting: Awaitable[object] | None = None
        self._taken: Taken | None = None
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
            taken = self._taken or lane.take()
            self._taken = None
            if taken is None:
                run_len = 0
                if not await self._receive():
                    return b""
                continue
            step, payload = taken
            if step is _TEXT or step is _BINARY:
                if not self._is_closing:
                    self._hand_over(step is _TEXT, payload)
                    if self._waiting is not None:
                        await self._wait()
                run_len += 1
                if run_len == FAST_RUN_MAX:
                    run_len = 0
                    await trio.lowlevel.checkpoint()
            elif step is Step.REFUSED:
                raise trio.BrokenResourceError
            elif step is not Step.CONTROL or not self._is_closing:
                # A ping answered while closing would make wsproto raise.
                self._is_gated = step is Step.LAST_PIECE and not self._is_closing
                await trio.lowlevel.checkpoint()  # It comes back at once, for thousands of pieces.
                return payload

    async def _receive(self) -> bool:
        """Wait until there may be something for the lane or to do; False: the stream has ended."""
        data = self._link.receive_now()
        if data is not None:
            await trio.lowlevel.checkpoint()  # There may always be more.
        elif self._link.watch(self._on_readable):
            await self._park()
            if self.failure is not None:
                raise trio.BrokenResourceError from self.failure
            if self._waiting is not None:
                await self._wait()
            return True  # Read on: whatever woke us will be found again.
        else:
            data = await self._link.receive()
        self.received_bytes += len(data)
        self._lane.receive(data)
        return bool(data)

    async def _park(self) -> None:
        """Sleep until ``_on_readable`` has something for this task. Cancelled: stop watching."""
        self._reader = trio.lowlevel.current_task()

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            self._reader = None
            self._link.unwatch()
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _on_readable(self) -> None:
        """Read while the reader is parked. A fault is this connection's, as everywhere else."""
        try:
            self._read_now()
        except Exception as error:  # noqa: BLE001 -- raised again by _receive, and by serve()
            self.failure = error
            self._is_closing = True
            self._wake()

    def _read_now(self) -> None:
        """Hand over what is fast, wake the reader for the rest."""
        try:
            data = self._link.receive_now()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._wake()  # It will find the same.
            return
        if data is None:
            return
        if not data:
            self._wake()
            return
        self.received_bytes += len(data)
        lane = self._lane
        lane.receive(data)
        for _ in range(FAST_RUN_MAX):
            taken = lane.take()
            if taken is None:
                return
            step, payload = taken
            if step is not _TEXT and step is not _BINARY:
                self._taken = taken
                break
            if not self._is_closing:
                try:
                    self._hand_over(step is _TEXT, payload)
                except trio.BrokenResourceError:
                    break
                if self._waiting is not None or self._reader is None:
                    break
        self._wake()

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            self._link.unwatch()
            trio.lowlevel.reschedule(reader)

    def _hand_over(self, is_text: bool, payload: bytes) -> None:  # noqa: FBT001 -- hot
        """Give a message to the session; what it returns is to be waited for, by the reader."""
        assert self._on_message is not None
        try:
            self._waiting = self._on_message(is_text, payload)
        except Exception as error:  # noqa: BLE001 -- raised again by _fail, and by serve()
            self._fail(error)

    async def _wait(self) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        try:
            await waiting
        except Exception as error:  # noqa: BLE001 -- as above
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
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
