"""The disk, and a store in front of it that delays, fails, and dies with its server.

``Disk`` is what is durable: it outlives every server. ``DiskStore`` is one server's view of it, a
``MemoryStore`` to the app. A batch is durable at one moment, some time after ``append`` was called
and some time before it returns; a crash may fall between any two of the three.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from random import Random
from typing import Any, Final

import trio

from actors import Batch, Head, JournalBroken, Record, Snapshot
from actors.testing import SimulatedFault
from collab.kind import Item
from collab.storage import MemoryStore, StoredSignal
from tests.simulation.agenda import on_grid

_SLOW_READ_S: Final = 0.3  # Longer than any usual append: what was read is old when it comes.
_SLOW_READ_SHARE: Final = 0.1


class DiskFault(Enum):
    """What happens to one append."""

    SLOW = "slow"  # It takes a second longer.
    LOST = "lost"  # It fails, and nothing was stored.
    STORED = "stored"  # It fails, but everything was stored.
    BROKEN = "broken"  # The device is gone; nothing was stored. The server has to end.
    BROKEN_STORED = "broken_stored"  # The same, but everything was stored.


class Disk:
    """What is durable.

    *on_stored* is told of each batch in the moment in which it is, *on_known* of each target and
    seq when a server is.
    """

    def __init__(
        self, on_stored: Callable[[Batch], None], on_known: Callable[[str, int], None]
    ) -> None:
        self.contents = MemoryStore(epoch="e1")
        self.faults: deque[DiskFault] = deque()
        self.on_known = on_known
        self._on_stored = on_stored

    async def store(self, batch: Batch) -> None:
        """Make *batch* durable; raises as the journal's contract says."""
        await self.contents.append(batch)
        self._on_stored(batch)


class DiskStore(MemoryStore):
    """One server's view of the disk."""

    def __init__(self, disk: Disk, rng: Random, *, delay_s: float) -> None:
        super().__init__(epoch=disk.contents.data_epoch)
        self._disk = disk
        self._rng = rng
        self._delay_s = delay_s
        self._dead = trio.Event()
        self._forgotten: list[int] = []  # Handled signals; a crash forgets that they were.

    def die(self) -> None:
        """The server is gone: from this moment nothing reaches the disk."""
        self._dead.set()

    async def append(self, batch: Batch) -> None:
        """See ``actors.Journal``. Outcomes and times are as the disk's faults say."""
        fault = self._disk.faults.popleft() if self._disk.faults else None
        self._check()
        await self._wait(1.0 if fault is DiskFault.SLOW else 0.0)
        if fault in (DiskFault.BROKEN, DiskFault.BROKEN_STORED):
            if fault is DiskFault.BROKEN_STORED:
                await self._disk.store(batch)
            self.failed = JournalBroken("the simulated device is gone")
            self.broken.set()
            raise JournalBroken(self.failed.detail)
        if fault is DiskFault.LOST:
            raise SimulatedFault("before storing")
        await self._disk.store(batch)
        forgotten, self._forgotten = self._forgotten, []
        self._disk.contents.forget_signals_soon(forgotten)
        await self._wait(0.0)
        if fault is DiskFault.STORED:
            raise SimulatedFault("after storing")
        self._disk.on_known(batch.actor_id, batch.first_seq + len(batch.payloads) - 1)

    async def head(self, actor_id: str) -> Head:
        await self._read()
        return await self._disk.contents.head(actor_id)

    async def read(self, actor_id: str, *, after: int, limit: int) -> list[Record]:
        await self._read()
        return await self._disk.contents.read(actor_id, after=after, limit=limit)

    async def save_snapshot(self, actor_id: str, snapshot: Snapshot) -> None:
        self._check()
        await self._wait(0.0)
        await self._disk.contents.save_snapshot(actor_id, snapshot)

    async def page(self, owner: str, listing: str, **bounds: Any) -> list[Item]:
        await self._read()
        return await self._disk.contents.page(owner, listing, **bounds)

    async def get(self, owner: str, listing: str, positions: Sequence[int]) -> list[Item]:
        await self._read()
        return await self._disk.contents.get(owner, listing, positions)

    async def pending_signals(
        self, *, after: int, limit: int, target: str | None = None
    ) -> list[StoredSignal]:
        await self._read()
        pending = await self._disk.contents.pending_signals(after=after, limit=limit, target=target)
        return [signal for signal in pending if signal.id not in self._forgotten]

    def forget_signals_soon(self, ids: Sequence[int]) -> None:
        self._forgotten += ids

    async def forget_signals(self, ids: Sequence[int]) -> None:
        await trio.lowlevel.checkpoint()
        self.forget_signals_soon(ids)

    # ------------------------------------------------------------ inside

    def _check(self) -> None:
        if self._dead.is_set():
            raise JournalBroken("the server is gone")
        if self.failed is not None:
            raise JournalBroken(self.failed.detail)

    async def _read(self) -> None:
        """Reading goes on when writing has failed; it ends with the server."""
        lot = self._rng.random()
        if lot < 0.5:
            await self._wait(_SLOW_READ_S if lot < _SLOW_READ_SHARE else 0.0)
        elif self._dead.is_set():
            raise JournalBroken("the server is gone")

    async def _wait(self, more_s: float) -> None:
        wait_s = more_s + self._delay_s * self._rng.random()
        if wait_s:
            with trio.move_on_at(on_grid(trio.current_time() + wait_s)):
                await self._dead.wait()
        else:
            await trio.lowlevel.checkpoint()
        if self._dead.is_set():
            raise JournalBroken("the server is gone")
