"""A TCP proxy on loopback that cuts each connection after some number of bytes.

Each connection draws, from the seed: which direction is counted, after how many bytes of it
everything ends, and whether the ends see a close or a reset. So a cut falls anywhere: into the
request, the handshake's answer, between two frames or into the middle of one.
"""

from __future__ import annotations

import random
import socket
import struct
from typing import Final

import trio
from attrs import define, field, frozen

BYTES_MAX: Final = 4_000  # Of the counted direction: a few calls, some ten events.
SHORT_SHARE: Final = 0.3  # Of the connections, cut at a size of any order, handshakes above all.
_RECEIVE_BYTES: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)


@frozen
class Cut:
    """When and how one connection ends."""

    is_upwards: bool  # Counted is what the client sends.
    after_bytes: int
    is_reset: bool


def draw_cut(rng: random.Random) -> Cut:
    """Return the next connection's end."""
    is_upwards, is_reset = rng.random() < 0.5, rng.random() < 0.5
    if rng.random() < SHORT_SHARE:
        return Cut(is_upwards, int(BYTES_MAX ** rng.random()), is_reset)
    return Cut(is_upwards, rng.randint(1, BYTES_MAX), is_reset)


@define(eq=False)
class CuttingProxy:
    """Carries bytes between clients and the server on *port*."""

    server_port: int
    rng: random.Random
    is_cutting: bool = True
    cuts: int = 0
    cuts_upwards: int = 0
    connections: int = 0
    _carried: set[trio.CancelScope] = field(factory=set)
    _was_cut: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    async def serve(self, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled; start with the port."""
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port: int = listener.socket.getsockname()[1]
        task_status.started(port)
        await trio.serve_listeners(self._carry, [listener])

    async def wait_for_cuts(self, count: int) -> None:
        """Return when there were so many. Cancelled: nothing happened."""
        await trio.lowlevel.checkpoint()
        while self.cuts < count:
            await self._was_cut.park()

    def heal(self) -> None:
        """Cut nothing more, and end the connections that were going to be."""
        self.is_cutting = False
        for scope in list(self._carried):
            scope.cancel()

    async def _carry(self, client: trio.SocketStream) -> None:
        self.connections += 1
        cut = draw_cut(self.rng) if self.is_cutting else None
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self.server_port)
        except OSError:
            await client.aclose()
            return
        async with client, server, trio.open_nursery() as nursery:
            if cut is not None:
                self._carried.add(nursery.cancel_scope)
            nursery.start_soon(self._pump, client, server, cut, True, nursery.cancel_scope)
            nursery.start_soon(self._pump, server, client, cut, False, nursery.cancel_scope)
        self._carried.discard(nursery.cancel_scope)

    async def _pump(
        self,
        source: trio.SocketStream,
        sink: trio.SocketStream,
        cut: Cut | None,
        is_upwards: bool,
        scope: trio.CancelScope,
    ) -> None:
        counts = cut is not None and cut.is_upwards == is_upwards
        left = cut.after_bytes if cut is not None else 0
        try:
            while data := await source.receive_some(_RECEIVE_BYTES):
                if counts and len(data) >= left:
                    await sink.send_all(bytes(data[:left]))
                    self._cut(cut, source, sink)
                    break
                left -= len(data)
                await sink.send_all(data)
        except trio.BrokenResourceError:
            pass  # The other end is gone: so is this one.
        scope.cancel()

    def _cut(self, cut: Cut | None, *ends: trio.SocketStream) -> None:
        assert cut is not None
        self.cuts += 1
        self.cuts_upwards += cut.is_upwards
        self._was_cut.unpark_all()
        if cut.is_reset:
            for end in ends:
                end.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
