"""An in-memory transport: two connected, bounded trio streams, which can be cut at any byte.

Built on trio's own memory streams, which hold any amount; here ``send_all`` waits while
*bound_bytes* are under way, as a socket does whose peer does not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, memory_stream_one_way_pair


class _Lane:
    """One direction: how much is under way, and where it ends."""

    def __init__(self, bound_bytes: int) -> None:
        self.send_end: MemorySendStream
        self.receive_end: MemoryReceiveStream
        self.send_end, self.receive_end = memory_stream_one_way_pair()
        self.bound_bytes = bound_bytes
        self.sent_bytes = 0
        self.received_bytes = 0
        self.cut_at: int | None = None
        self.is_cut = False
        self.is_unread = False  # The receiver has closed its end.
        self.room = trio.lowlevel.ParkingLot()

    @property
    def room_bytes(self) -> int:
        return self.bound_bytes - (self.sent_bytes - self.received_bytes)

    def cut(self) -> None:
        """Break this direction: what is under way still arrives."""
        self.is_cut = True
        self.send_end.close()
        self.room.unpark_all()


class PipeStream(trio.abc.HalfCloseableStream):
    """One end of a :func:`stream_pair`."""

    def __init__(self, out: _Lane, into: _Lane) -> None:
        self._out = out
        self._into = into
        self._is_sending = False
        self._is_closed = False

    def cut_after(self, count_bytes: int) -> None:
        """Let the connection break when this end has sent *count_bytes* in all.

        What was sent up to there arrives; then the peer sees a broken stream, and so does this
        end, in both directions.
        """
        self._out.cut_at = count_bytes
        if self._out.sent_bytes >= count_bytes:
            self._cut()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data*, waiting while the peer does not read.

        Raises:
          trio.BrokenResourceError: the connection is cut, or the peer closed its end.
          trio.ClosedResourceError: this end is closed.
          trio.BusyResourceError: another task is sending.

        Cancelled: a part may have been sent.
        """
        with self._only_one_sender():
            await trio.lowlevel.checkpoint()
            self._check_open()
            rest = memoryview(data)
            while rest:
                await self._wait_for_room()
                rest = rest[await self._send_some(rest) :]

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room. Raises as :meth:`send_all`. Cancelled: nothing happened."""
        with self._only_one_sender():
            await trio.lowlevel.checkpoint()
            await self._wait_for_room()

    @contextmanager
    def _only_one_sender(self) -> Iterator[None]:
        if self._is_sending:
            raise trio.BusyResourceError("another task is sending")
        self._is_sending = True
        try:
            yield
        finally:
            self._is_sending = False

    async def _wait_for_room(self) -> None:
        self._check_open()
        while self._out.room_bytes <= 0:
            await self._out.room.park()
            self._check_open()

    async def _send_some(self, rest: memoryview) -> int:
        out = self._out
        size = min(len(rest), out.room_bytes)
        if out.cut_at is not None:
            size = min(size, out.cut_at - out.sent_bytes)
        out.sent_bytes += size
        await out.send_end.send_all(bytes(rest[:size]))
        if out.cut_at is not None and out.sent_bytes >= out.cut_at:
            self._cut()
        return size

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return what has arrived, at most *max_bytes*; empty at the peer's end of file.

        Raises:
          trio.BrokenResourceError: the connection is cut.
          trio.ClosedResourceError: this end is closed.

        Cancelled: nothing was received.
        """
        if self._is_closed:
            await trio.lowlevel.checkpoint()
            raise trio.ClosedResourceError
        received = await self._into.receive_end.receive_some(max_bytes)
        if not received and self._into.is_cut:
            raise trio.BrokenResourceError
        self._into.received_bytes += len(received)
        self._into.room.unpark_all()
        return received

    async def send_eof(self) -> None:
        """Send nothing more: the peer gets end of file. Cancelled: it is sent all the same."""
        with self._only_one_sender():
            if self._is_closed:
                raise trio.ClosedResourceError
            self._out.send_end.close()
            await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Close this end: the peer reads what is under way, then end of file. Never blocks."""
        self._is_closed = True
        self._out.send_end.close()
        self._into.receive_end.close()
        self._into.is_unread = True
        self._out.room.unpark_all()
        self._into.room.unpark_all()
        await trio.lowlevel.checkpoint()

    def _cut(self) -> None:
        self._out.cut()
        self._into.cut()

    def _check_open(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError
        if self._out.is_cut or self._out.is_unread:
            raise trio.BrokenResourceError


def stream_pair(*, bound_bytes: int = 65_536) -> tuple[PipeStream, PipeStream]:
    """Return two connected streams; at most *bound_bytes* are under way in each direction."""
    there, back = _Lane(bound_bytes), _Lane(bound_bytes)
    return PipeStream(there, back), PipeStream(back, there)
