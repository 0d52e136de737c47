"""A store in memory: the same contract, for tests in virtual time and for embedding.

It ends with its process and grows with what is written to it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice

import trio

from actors import Batch, Head, JournalBroken, MemoryJournal, Record, Snapshot
from collab.audit.chain import Anchor, Chain
from collab.audit.entry import AuditEntry, AuditFilter, AuditRecord, fits_filter
from collab.kind import Item
from collab.storage.rows import StoredSignal
from collab.storage.validation import (
    check_audit,
    check_batch,
    check_integers,
    check_limit,
    check_size,
)


class MemoryStore:
    """An ``actors.Journal`` and a ``collab.kind.Reader``, like ``SqliteStore``, without a disk."""

    failed: JournalBroken | None = None  # Memory does not fail.

    def __init__(self, *, epoch: str = "memory") -> None:
        self.data_epoch = epoch
        self.broken = trio.Event()
        self._journal = MemoryJournal(epoch=epoch, on_batch=self._project)
        self._listings: dict[tuple[str, str], dict[int, bytes]] = {}  # (owner, listing)
        self._signals: dict[int, StoredSignal] = {}
        self._signal_id = 0
        self._slots: dict[tuple[str, str, str], int] = {}  # (target, source, slot) -> newest id
        self._slot_of: dict[int, tuple[str, str, str]] = {}
        self._chain = Chain()
        self._audit: list[AuditRecord] = []

    # The journal.

    async def head(self, actor_id: str) -> Head:
        """Return where *actor_id*'s history ends, and its newest snapshot.

        Cancelled: nothing happened.
        """
        return await self._journal.head(actor_id)

    async def append(self, batch: Batch) -> None:
        """Store *batch* with its rows.

        Raises:
          JournalConflict: ``first_seq`` is not the next seq. Nothing was stored.
          TypeError, ValueError: something in it cannot be stored. Nothing was.

        Cancelled: nothing was stored.
        """
        check_batch(batch)
        await self._journal.append(batch)

    async def read(self, actor_id: str, *, after: int, limit: int) -> list[Record]:
        """Return up to *limit* records with ``seq > after``, oldest first.

        Cancelled: nothing happened.
        """
        check_limit(limit)
        return await self._journal.read(actor_id, after=after, limit=limit)

    async def save_snapshot(self, actor_id: str, snapshot: Snapshot) -> None:
        """Store *snapshot* if it is newer than the stored one. Cancelled: nothing was stored."""
        check_size(snapshot.data)
        await self._journal.save_snapshot(actor_id, snapshot)

    # Listings: collab.kind.Reader.

    async def page(
        self,
        owner: str,
        listing: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int,
    ) -> list[Item]:
        """Return up to *limit* items: the newest below *before*, or the oldest above *after*.

        Always in ascending position. With neither bound: the newest. With both: the oldest of
        those between. Cancelled: nothing happened.
        """
        check_limit(limit)
        check_integers([bound for bound in (before, after) if bound is not None])
        await trio.lowlevel.checkpoint()
        items = self._listings.get((owner, listing), {})
        positions = sorted(items)
        start = 0 if after is None else bisect_right(positions, after)
        stop = len(positions) if before is None else bisect_left(positions, before)
        if after is None:
            start = max(start, stop - limit)
        return [Item(at, items[at]) for at in positions[start:stop][:limit]]

    async def get(self, owner: str, listing: str, positions: Sequence[int]) -> list[Item]:
        """Return those of *positions* that exist, ascending. Cancelled: nothing happened."""
        check_integers(positions)
        await trio.lowlevel.checkpoint()
        items = self._listings.get((owner, listing), {})
        return [Item(at, items[at]) for at in sorted(set(positions)) if at in items]

    # Signals.

    async def pending_signals(
        self, *, after: int, limit: int, target: str | None = None
    ) -> list[StoredSignal]:
        """Return up to *limit* signals with ``id > after``, oldest first; with *target*: its own.

        One that was forgotten, or replaced by a newer one of its slot, is not among them.
        Cancelled: nothing happened.
        """
        check_limit(limit)
        await trio.lowlevel.checkpoint()
        pending = (
            signal
            for signal in self._signals.values()
            if signal.id > after and target in (None, signal.target)
        )
        return list(islice(pending, limit))

    def forget_signals_soon(self, ids: Sequence[int]) -> None:
        """Delete handled signals. Unknown ids are ignored."""
        for signal_id in ids:
            self._drop(signal_id)

    async def forget_signals(self, ids: Sequence[int]) -> None:
        """Delete handled signals. Unknown ids are ignored. Cancelled: nothing happened."""
        await trio.lowlevel.checkpoint()
        self.forget_signals_soon(ids)

    # The audit log.

    @property
    def audit_end(self) -> Anchor:
        """Where the log ends."""
        return self._chain.end

    def audit_soon(self, entries: Sequence[AuditEntry]) -> None:
        """Store *entries*."""
        for entry in entries:
            self._audit.append(self._chain.link(check_audit(entry)))

    async def audit_page(self, wanted: AuditFilter) -> list[AuditRecord]:
        """Return the newest entries that fit *wanted*, newest first.

        Cancelled: nothing happened.
        """
        await trio.lowlevel.checkpoint()
        fitting = (record for record in reversed(self._audit) if fits_filter(record, wanted))
        return list(islice(fitting, wanted.limit))

    def _project(self, batch: Batch) -> None:
        projection = check_batch(batch)
        if projection is None:
            return
        for (listing, owner, position), value in projection.items.items():
            items = self._listings.setdefault((owner, listing), {})
            if value is None:
                items.pop(position, None)
            else:
                items[position] = value
        self.audit_soon(projection.audit)
        for seq, row in projection.signals:
            self._signal_id += 1
            if row.slot is not None:
                slot = (row.target, batch.actor_id, row.slot)
                self._drop(self._slots.get(slot, 0))
                self._slots[slot] = self._signal_id
                self._slot_of[self._signal_id] = slot
            self._signals[self._signal_id] = StoredSignal(
                self._signal_id, batch.actor_id, seq, row.index, row.target, row.payload
            )

    def _drop(self, signal_id: int) -> None:
        self._signals.pop(signal_id, None)
        slot = self._slot_of.pop(signal_id, None)
        if slot is not None:
            del self._slots[slot]
