"""The two ends of a link: the server's ``protocol.socket.Socket``, the client's ``Transport``.

Both speak whole WebSocket frames, unmasked in both directions (masking is the transport's own
business and tested there), so that a cut falls on any byte of any frame, its head included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import trio

from protocol.client import Payload, TransportClosed
from protocol.frames import CLOSE_ABNORMAL, close_frame, server_frame
from protocol.limits import GOODBYE_TIMEOUT_S
from tests.simulation.agenda import Agenda
from tests.simulation.links import Link

_TEXT: Final = 0x81
_CLOSE: Final = 0x88


class Unframer:
    """Bytes in, whole frames out."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        """Take *piece*; yield (first byte, payload) of each frame that is complete."""
        held = self._held
        held += piece
        at = 0
        while len(held) - at >= 2:
            length, start = held[at + 1], at + 2
            if length >= 126:
                size = 2 if length == 126 else 8
                length, start = int.from_bytes(held[start : start + size], "big"), start + size
            if len(held) < start + length or len(held) < start:
                break
            yield held[at], bytes(held[start : start + length])
            at = start + length
        del held[:at]


class ServerEnd:
    """One accepted WebSocket, as the wire server holds it. *watch* sees all that is sent."""

    def __init__(
        self,
        link: Link,
        agenda: Agenda,
        subprotocol: str,
        peer: str,
        *,
        sent: Callable[[bytes, int], None],
        received: Callable[[bytes], None],
    ) -> None:
        self.subprotocol: str | None = subprotocol
        self.peer = peer
        self.taken_bytes = 0
        self.received_bytes = 0
        self.backlog_bytes = 0
        self._link = link
        self._agenda = agenda
        self._sent = sent
        self._received = received
        self._backlog: deque[bytes] = deque()
        self._frames = Unframer()
        self._inbox: deque[tuple[bool, bytes]] = deque()
        self._arrived = trio.lowlevel.ParkingLot()
        self._on_drained: Callable[[], None] | None = None
        self._is_closing = False
        self._is_over = False
        link.up.on_bytes = self._take
        link.up.on_end = self._end
        link.down.on_room = self._pump
        link.on_reset.append(self._end)

    @property
    def backlog_frames(self) -> int:
        return len(self._backlog)

    def write(self, data: bytes) -> int:
        if not (self._is_closing or self._is_over):
            self._sent(data, self.backlog_bytes)
            self._write(data)
        return self.backlog_bytes

    async def serve(
        self,
        on_message: Callable[[bool, bytes], Awaitable[Any] | None],
        on_drained: Callable[[], None] | None = None,
    ) -> object:
        self._on_drained = on_drained
        await trio.lowlevel.checkpoint()
        while True:
            while self._inbox and not self._is_closing:
                is_text, payload = self._inbox.popleft()
                self._received(payload)
                waiting = on_message(is_text, payload)
                if waiting is not None:
                    await waiting
            if self._is_over:
                return None
            await self._arrived.park()

    def close_soon(self, code: int, reason: str = "") -> None:
        if not (self._is_closing or self._is_over):
            self._write(close_frame(code, reason))
            self._is_closing = True
            self._agenda.after(GOODBYE_TIMEOUT_S, self._end)

    def abort(self) -> None:
        self._link.reset()

    def hang_up(self) -> None:
        """The handler has returned: let what waits go out, then end the stream."""
        self._is_closing = True
        if not self._backlog:
            self._link.down.finish()
        self._agenda.after(GOODBYE_TIMEOUT_S, self._link.reset)

    def die(self) -> None:
        """The whole server is gone, at this very moment: nothing leaves and nothing comes."""
        self._is_closing = self._is_over = True
        self._link.on_reset.remove(self._end)
        self._link.reset()

    def _write(self, data: bytes) -> None:
        self._backlog.append(data)
        self.backlog_bytes += len(data)
        if len(self._backlog) == 1:
            self._pump()

    def _pump(self) -> None:
        if not self._backlog:
            return
        while self._backlog:
            data = self._backlog[0]
            size = self._link.down.send(data)
            self.taken_bytes += size
            self.backlog_bytes -= size
            if size < len(data):
                self._backlog[0] = data[size:]
                return
            self._backlog.popleft()
        if self._on_drained is not None:
            self._on_drained()

    def _take(self, piece: bytes) -> None:
        self.received_bytes += len(piece)
        for first, payload in self._frames.feed(piece):
            if first == _CLOSE:
                self._end()
                return
            self._inbox.append((first == _TEXT, payload))
        self._arrived.unpark_all()

    def _end(self) -> None:
        self._is_over = True
        self._arrived.unpark_all()


class ClientEnd:
    """What the simulated network's connector hands to the client."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._frames = Unframer()
        self._inbox: deque[Payload] = deque()
        self._arrived = trio.lowlevel.ParkingLot()
        self._room = trio.lowlevel.ParkingLot()
        self._closed: TransportClosed | None = None
        link.down.on_bytes = self._take
        link.down.on_end = self._end
        link.up.on_room = self._wake_sender
        link.on_reset.append(self._reset)

    async def send(self, payload: Payload) -> None:
        await trio.lowlevel.checkpoint()
        if isinstance(payload, str):
            rest = server_frame(payload.encode(), is_text=True)
        else:
            rest = server_frame(payload, is_text=False)
        while rest:
            if self._closed is not None:
                raise self._closed
            rest = rest[self._link.up.send(rest) :]
            if rest:
                await self._room.park()

    async def receive(self) -> Payload:
        await trio.lowlevel.checkpoint()
        while not self._inbox:
            if self._closed is not None:
                raise self._closed
            await self._arrived.park()
        return self._inbox.popleft()

    async def close(self) -> None:
        self._link.up.send(close_frame(1000))
        self._link.up.finish()
        with trio.move_on_after(GOODBYE_TIMEOUT_S):
            while self._closed is None:
                await self._arrived.park()

    def _wake_sender(self) -> None:
        self._room.unpark_all()

    def _take(self, piece: bytes) -> None:
        for first, payload in self._frames.feed(piece):
            if first == _CLOSE:
                code = int.from_bytes(payload[:2], "big") or CLOSE_ABNORMAL
                self._close(TransportClosed(payload[2:].decode(), code=code))
                self._link.up.finish()
                return
            self._inbox.append(payload.decode() if first == _TEXT else payload)
        self._arrived.unpark_all()

    def _end(self) -> None:
        self._close(TransportClosed("the server hung up"))

    def _reset(self) -> None:
        self._close(TransportClosed("connection reset"))

    def _close(self, closed: TransportClosed) -> None:
        self._closed = self._closed or closed
        self._arrived.unpark_all()
        self._room.unpark_all()
