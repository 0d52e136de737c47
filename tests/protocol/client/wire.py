"""A connection in memory: whole messages in order, which can be cut between any two of them."""

from __future__ import annotations

import math
from collections import deque

import trio

from protocol.client import Payload, TransportClosed


class Pipe:
    """One direction. What was sent before a close is still delivered; a cut loses it."""

    def __init__(self) -> None:
        self.messages: deque[Payload] = deque()
        self.closed: TransportClosed | None = None
        self.is_stuck = False  # Sending waits for ever, as to a peer that does not read.
        self.left = math.inf  # Messages until the wire is cut.
        self._arrived = trio.lowlevel.ParkingLot()

    def put(self, payload: Payload) -> None:
        self.messages.append(payload)
        self._arrived.unpark_all()

    def close(self, closed: TransportClosed) -> None:
        self.closed = self.closed or closed
        self._arrived.unpark_all()

    async def get(self) -> Payload:
        await trio.lowlevel.checkpoint()
        while not self.messages:
            if self.closed is not None:
                raise self.closed
            await self._arrived.park()
        return self.messages.popleft()


class Wire:
    """Both directions. The server's end is synchronous but for ``receive``."""

    def __init__(self) -> None:
        self.up = Pipe()
        self.down = Pipe()
        self.sent: list[Payload] = []  # By the client.
        self.was_left = False  # The client said goodbye, in the way of the transport.

    # ------------------------------------------------------------ the world's side

    def cut(self) -> None:
        """Break the connection; what is under way in either direction is lost."""
        self.up.messages.clear()
        self.down.messages.clear()
        self.close("connection lost", None)

    def cut_after(self, *, up: float = math.inf, down: float = math.inf) -> None:
        """Break it after so many more messages in one direction."""
        self.up.left, self.down.left = up, down

    # ------------------------------------------------------------ the server's end

    def write(self, payload: Payload) -> None:
        if self.down.closed is None:
            self._pass(self.down, payload)

    def close(self, reason: str, code: int | None, *, is_ours: bool = False) -> None:
        """Close it; *is_ours*: for what the client makes of it, the client did."""
        self.up.close(TransportClosed(reason, code))
        self.down.close(TransportClosed(reason, code, is_ours=is_ours))

    # ------------------------------------------------------------ the client's end

    async def send(self, payload: Payload) -> None:
        await trio.lowlevel.checkpoint()
        if self.up.is_stuck:
            await trio.sleep_forever()
        if self.up.closed is not None:
            raise self.up.closed
        self.sent.append(payload)
        self._pass(self.up, payload)

    async def receive(self) -> Payload:
        return await self.down.get()

    def _pass(self, pipe: Pipe, payload: Payload) -> None:
        if pipe.left <= 0:
            self.cut()
            return
        pipe.left -= 1
        pipe.put(payload)


class ClientEnd:
    """What a connector hands to the client."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.send = wire.send
        self.receive = wire.receive

    async def close(self) -> None:
        await trio.lowlevel.checkpoint()
        self._wire.was_left = self._wire.up.closed is None
        self._wire.close("client left", 1000)
