"""A journal in memory: for tests, and for embedders that need no durability.

It obeys the whole contract except that it ends with its process. Nothing is ever dropped, so its
memory grows with the history that is written to it.
"""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import define, field

from actors._errors import JournalConflict
from actors._journal import Batch, Head, Record, Snapshot


@define(eq=False)
class _History:
    """What is stored of one actor; record ``n`` is ``payloads[n - 1]``."""

    payloads: list[bytes] = field(factory=list)
    rows: list[object] = field(factory=list)
    snapshot: Snapshot | None = None


class MemoryJournal:
    """A :class:`actors.Journal` that keeps everything in this process.

    Args:
      epoch: What :meth:`head` returns as every actor's epoch.
      on_batch: Called with each batch right after it was stored and before its ``append``
        returns, so that a projection store can follow. It must be quick and must not raise.
    """

    def __init__(
        self, *, epoch: str = "memory", on_batch: Callable[[Batch], None] | None = None
    ) -> None:
        self.epoch = epoch
        self._on_batch = on_batch
        self._histories: dict[str, _History] = {}

    async def head(self, actor_id: str) -> Head:
        """Return where *actor_id*'s history ends, and its newest snapshot.

        Cancelled: nothing happened.
        """
        await trio.lowlevel.checkpoint()
        history = self._histories.get(actor_id)
        if history is None:
            return Head(self.epoch)
        return Head(self.epoch, len(history.payloads), history.snapshot)

    async def append(self, batch: Batch) -> None:
        """Store *batch*.

        Raises:
          JournalConflict: ``first_seq`` is not the next seq. Nothing was stored.

        Cancelled: nothing was stored.
        """
        await trio.lowlevel.checkpoint()
        history = self._histories.setdefault(batch.actor_id, _History())
        expected_seq = len(history.payloads) + 1
        if batch.first_seq != expected_seq:
            raise JournalConflict(batch.actor_id, batch.first_seq, expected_seq)
        history.payloads.extend(batch.payloads)
        history.rows.extend(batch.rows)
        if self._on_batch is not None:
            self._on_batch(batch)

    async def read(self, actor_id: str, *, after: int, limit: int) -> list[Record]:
        """Return up to *limit* records with ``seq > after``, oldest first.

        Cancelled: nothing happened.
        """
        await trio.lowlevel.checkpoint()
        history = self._histories.get(actor_id)
        if history is None:
            return []
        page = history.payloads[after : after + limit]
        return [Record(seq, payload) for seq, payload in enumerate(page, start=after + 1)]

    async def save_snapshot(self, actor_id: str, snapshot: Snapshot) -> None:
        """Store *snapshot* if it is newer than the stored one.

        Cancelled: nothing was stored.
        """
        await trio.lowlevel.checkpoint()
        history = self._histories.setdefault(actor_id, _History())
        if history.snapshot is None or history.snapshot.seq < snapshot.seq:
            history.snapshot = snapshot

    def rows_of(self, actor_id: str) -> list[object]:
        """Return the projection rows stored for *actor_id*, oldest first."""
        history = self._histories.get(actor_id)
        return [] if history is None else list(history.rows)

    @property
    def actor_ids(self) -> list[str]:
        """The actors of which anything is stored, in the order of their first batch."""
        return list(self._histories)
