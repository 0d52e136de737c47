"""The write half of a WebSocket: whole frames to the kernel, or to the backlog behind it.

Everything that leaves a connection goes through one ``Outlet``, trio-websocket's control frames
too, so frames never interleave and nothing overtakes. A task runs only while there is a backlog.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from protocol._link import Buffer, Link
from protocol.limits import PUMP_BYTES_MAX, PUMP_WRITES_MAX


def _ignore() -> None:
    return


class Outlet:
    """Frames on their way out. ``write`` may be called by any task and never waits."""

    __slots__ = (
        "_backlog",
        "_emptied",
        "_is_sealed",
        "_link",
        "_nursery",
        "backlog_bytes",
        "on_drained",
        "taken_bytes",
    )

    def __init__(self, link: Link, nursery: trio.Nursery) -> None:
        self._link = link
        self._nursery = nursery  # Runs the pump; must outlive the seal.
        self._backlog: deque[Buffer] | None = None  # None: empty, and no memory spent on it.
        self._emptied: trio.Event | None = None
        self._is_sealed = False
        self.backlog_bytes = 0
        self.taken_bytes = 0
        self.on_drained: Callable[[], None] = _ignore

    @property
    def is_sealed(self) -> bool:
        """True once nothing more may be written."""
        return self._is_sealed

    @property
    def backlog_writes(self) -> int:
        """Writes in the backlog, the partly taken one included."""
        return len(self._backlog) if self._backlog is not None else 0

    def write(self, data: bytes) -> int:
        """Send *data*, one or more whole frames, or queue it; return ``backlog_bytes``.

        Never waits, never raises. A broken connection is closed, which ends its reader; *data* is
        then dropped.
        """
        if self._is_sealed or not data:
            return self.backlog_bytes
        backlog = self._backlog
        if backlog is not None:
            backlog.append(data)
            self.backlog_bytes += len(data)
            return self.backlog_bytes
        try:
            # A whole document would be a millisecond of copying, for each of those who open it.
            small = len(data) <= PUMP_BYTES_MAX
            sent = self._link.send_now(data if small else memoryview(data)[:PUMP_BYTES_MAX])
        except OSError:
            self.abort()
            return 0
        self.taken_bytes += sent
        if sent < len(data):
            self._backlog = deque((memoryview(data)[sent:] if sent else data,))
            self.backlog_bytes = len(data) - sent
            self._nursery.start_soon(self._pump)
        return self.backlog_bytes

    def refuse(self, _data: bytes) -> int:
        """Return ``backlog_bytes``: in the place of ``write`` for whom the end has come."""
        return self.backlog_bytes

    def seal(self) -> None:
        """Refuse further writes; the backlog still goes out."""
        self._is_sealed = True

    def abort(self) -> None:
        """Drop the backlog and close the link, which ends reader and pump."""
        self._is_sealed = True
        self._link.close()
        self._clear()

    async def wait_empty(self) -> None:
        """Wait until the kernel has everything, or the connection is gone.

        Cancelled: nothing happened.
        """
        if self._backlog is None:
            return
        if self._emptied is None:
            self._emptied = trio.Event()
        await self._emptied.wait()

    async def _pump(self) -> None:
        """Empty the backlog as fast as the peer takes it, then end."""
        while (backlog := self._backlog) is not None:
            try:
                taken = await self._link.send(_front(backlog))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.abort()
                return
            if self._backlog is backlog:
                self._take(backlog, taken)
        if not self._is_sealed:
            self.on_drained()

    def _take(self, backlog: deque[Buffer], taken: int) -> None:
        """Account for *taken* bytes of the front."""
        self.taken_bytes += taken
        self.backlog_bytes -= taken
        while taken:
            first = backlog[0]
            if taken < len(first):
                backlog[0] = memoryview(first)[taken:]
                return
            taken -= len(first)
            backlog.popleft()
        if not backlog:
            self._clear()

    def _clear(self) -> None:
        self._backlog = None
        self.backlog_bytes = 0
        if self._emptied is not None:
            self._emptied.set()
            self._emptied = None


def _front(backlog: deque[Buffer]) -> list[Buffer]:
    """Return what one system call should carry: not more than keeps the others waiting for long."""
    buffers: list[Buffer] = []
    room = PUMP_BYTES_MAX
    for buffer in backlog:
        if len(buffer) > room:
            buffers.append(memoryview(buffer)[:room])
            break
        buffers.append(buffer)
        room -= len(buffer)
        if len(buffers) == PUMP_WRITES_MAX:
            break
    return buffers
