"""A journal that fails on purpose: the Nth append, some heads, or at random from a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping

import trio
from attrs import frozen

from actors._errors import JournalBroken, JournalConflict
from actors._journal import Batch, Head, Journal, Record, Snapshot


class SimulatedFault(Exception):
    """What a journal raises that has a bug, or a connection that broke."""


@frozen(kw_only=True)
class Fault:
    """What happens to one append: wait *delay_s*, store it or not, then raise *error* if any.

    After a ``JournalBroken`` the journal takes no more appends, as the contract wants.
    """

    error: Exception | None = None
    is_stored: bool = False  # Matters only with an error.
    delay_s: float = 0.0


class FaultJournal:
    """A :class:`actors.Journal` in front of *inner*.

    Args:
      faults: What happens to the Nth append, counted from 1 over all actors.
      seed: Of the random faults.
      fault_rate: Which part of all other appends fails at random: with a conflict, or with
        :class:`SimulatedFault` before or after storing. The same seed and the same order of
        appends give the same faults.
      delay_max_s: Random delays of appends, up to so many seconds of trio time.
    """

    def __init__(
        self,
        inner: Journal,
        *,
        faults: Mapping[int, Fault] | None = None,
        seed: int = 0,
        fault_rate: float = 0.0,
        delay_max_s: float = 0.0,
    ) -> None:
        self._inner = inner
        self._faults = dict(faults or {})
        self._random = random.Random(seed)
        self._fault_rate = fault_rate
        self._delay_max_s = delay_max_s
        self._broken: JournalBroken | None = None
        self._open = trio.Event()
        self._open.set()
        self._head_errors: dict[str, list[Exception]] = {}
        self.batches: list[Batch] = []  # Every append that was tried, in order.
        self.loads: list[str] = []  # The actor of every head that was asked for, in order.

    # -------------------------------------------------------------- for the test

    def hold(self) -> None:
        """Let appends and snapshots wait, as for a slow device, until :meth:`release`."""
        if self._open.is_set():
            self._open = trio.Event()

    def release(self) -> None:
        """Let everything that waits go on."""
        self._open.set()

    def fault_next(self, fault: Fault) -> None:
        """Let *fault* happen to the next append."""
        self._faults[len(self.batches) + 1] = fault

    def fail_heads(self, actor_id: str, *errors: Exception) -> None:
        """Let the next activations of *actor_id* fail with *errors*, one each."""
        self._head_errors.setdefault(actor_id, []).extend(errors)

    # -------------------------------------------------------------- the journal

    async def head(self, actor_id: str) -> Head:
        """As the contract. Cancelled: nothing happened."""
        self.loads.append(actor_id)
        if errors := self._head_errors.get(actor_id):
            await trio.lowlevel.checkpoint()
            raise errors.pop(0)
        return await self._inner.head(actor_id)

    async def append(self, batch: Batch) -> None:
        """As the contract, or as the faults say.

        Raises:
          SimulatedFault: a random fault.

        Cancelled: nothing was stored, unless *inner* says otherwise.
        """
        self.batches.append(batch)
        fault = self._faults.pop(len(self.batches), None) or self._random_fault(batch)
        await self._open.wait()
        if fault.delay_s:
            await trio.sleep(fault.delay_s)
        if self._broken is not None:
            raise JournalBroken(self._broken.detail)
        if fault.error is None or fault.is_stored:
            await self._inner.append(batch)
        if isinstance(fault.error, JournalBroken):
            self._broken = fault.error
        if fault.error is not None:
            await trio.lowlevel.checkpoint()
            raise fault.error

    async def read(self, actor_id: str, *, after: int, limit: int) -> list[Record]:
        """As the contract. Cancelled: nothing happened."""
        return await self._inner.read(actor_id, after=after, limit=limit)

    async def save_snapshot(self, actor_id: str, snapshot: Snapshot) -> None:
        """As the contract. Cancelled: as *inner*."""
        await self._open.wait()
        if self._broken is not None:
            raise JournalBroken(self._broken.detail)
        await self._inner.save_snapshot(actor_id, snapshot)

    def _random_fault(self, batch: Batch) -> Fault:
        delay_s = self._random.uniform(0.0, self._delay_max_s)
        if self._random.random() >= self._fault_rate:
            return Fault(delay_s=delay_s)
        match self._random.randrange(3):
            case 0:
                conflict = JournalConflict(batch.actor_id, batch.first_seq, batch.first_seq + 1)
                return Fault(error=conflict, delay_s=delay_s)
            case 1:
                return Fault(error=SimulatedFault("before storing"), delay_s=delay_s)
            case _:
                return Fault(error=SimulatedFault("after storing"), is_stored=True, delay_s=delay_s)
