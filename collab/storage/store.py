"""The store: journal, listings and signals in one SQLite file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import apsw
import trio

from actors import Batch, Head, JournalBroken, JournalConflict, JournalCorrupt, Record, Snapshot
from collab.audit.chain import Anchor
from collab.audit.entry import AuditEntry, AuditFilter, AuditRecord
from collab.kind import Item
from collab.storage.audit import read_audit_page
from collab.storage.checkpoint import Checkpointer
from collab.storage.compactor import Compactor
from collab.storage.connection import ReaderPool
from collab.storage.errors import remedy_for, what_failed
from collab.storage.figures import Figures
from collab.storage.group import Group
from collab.storage.history import read_last_seq, read_records, read_snapshot
from collab.storage.listings import read_items, read_page, read_signals
from collab.storage.loading import Loaded
from collab.storage.rows import StoredSignal
from collab.storage.sealing import SealBroken, record_crc, seal, snapshot_label
from collab.storage.tail import Run
from collab.storage.validation import (
    Projection,
    check_audit,
    check_batch,
    check_integers,
    check_limit,
    check_size,
)
from collab.storage.writer import Writer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_log = logging.getLogger("collab.storage")


class SqliteStore:
    """An ``actors.Journal`` and a ``collab.kind.Reader`` over one SQLite file.

    Made by :func:`open_store`. ``directory`` is where it lives; ``data_epoch`` names this history:
    another one (a restored backup, an import) has another epoch. ``broken`` is set as soon as
    the device has failed; reads may go on, appends do not.
    """

    def __init__(
        self,
        directory: Path,
        loaded: Loaded,
        readers: ReaderPool,
        writer: Writer,
        compactor: Compactor,
        checkpointer: Checkpointer,
    ) -> None:
        self.directory = directory
        self.data_epoch = loaded.epoch
        self._readers = readers
        self._writer = writer
        self._compactor = compactor
        self._checkpointer = checkpointer
        self._tail = compactor.tail
        self._heads = compactor.heads
        self._damaged = compactor.damaged
        self._row_id = loaded.last_id
        self._signal_id = loaded.signal_id
        self._audit = loaded.audit
        self._lookups: dict[str, trio.Event] = {}  # actor -> set when its head is known
        self._is_closed = False
        writer.on_commit = self._poke_keepers
        for actor_id in self._tail.actors():
            last_seq = self._tail.last_seq(actor_id)
            assert last_seq is not None
            self._heads.advance(actor_id, last_seq)

    @property
    def failed(self) -> JournalBroken | None:
        """The failure of the device, if there was one. The application has to stop."""
        return self._writer.failed

    @property
    def broken(self) -> trio.Event:
        """Set when ``failed`` is."""
        return self._writer.broken

    @property
    def figures(self) -> Figures:
        """What the store counts about itself."""
        return self._writer.figures

    def close(self) -> None:
        """Refuse further reads and appends. Called when the body of :func:`open_store` ends."""
        self._is_closed = True

    # The journal.

    async def head(self, actor_id: str) -> Head:
        """Return where *actor_id*'s history ends, and its newest snapshot.

        A damaged snapshot is left out, with a line in the log: the records can be replayed.

        Raises:
          JournalCorrupt: the records are damaged, or end before the snapshot.
          JournalBroken: the device failed.

        Cancelled: nothing happened.
        """
        self._refuse_damaged(actor_id)
        last_seq = await self._last_seq(actor_id)
        if not self._heads.is_resting(actor_id) and self._tail.last_seq(actor_id) != last_seq:
            await self._writer.durable()  # A batch is on its way; what comes after it counts.
            last_seq = await self._last_seq(actor_id)
        try:
            snapshot = await self._read(actor_id, read_snapshot, actor_id)
        except SealBroken as error:
            _log.warning("%s is replayed in full: %s", actor_id, error)
            self.figures.snapshots_unreadable += 1
            snapshot = None
        if snapshot is not None and snapshot.seq > last_seq:
            detail = f"its records end at {last_seq}, before its snapshot at {snapshot.seq}"
            raise JournalCorrupt(actor_id, detail)
        return Head(self.data_epoch, last_seq, snapshot)

    async def append(self, batch: Batch) -> None:
        """Store *batch* with its rows; return when it is durable.

        Raises:
          JournalConflict: ``first_seq`` is not the next seq. Nothing was stored.
          JournalCorrupt: the actor is quarantined. Nothing was stored.
          JournalBroken: the device failed. Outcome unknown; no later append succeeds.
          TypeError, ValueError: something in it cannot be stored. Nothing was.
          trio.ClosedResourceError: the store was closed. Nothing was stored.

        Cancelled while waiting for room: nothing was stored. Later it cannot be cancelled: it
        returns when the outcome is known.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        actor_id = batch.actor_id
        projection = check_batch(batch)
        self._refuse_damaged(actor_id)
        group, last_seq = self._writer.open_group, self._heads.get(actor_id)
        if group is None or last_seq is None or self._compactor.is_behind:
            group, last_seq = await self._wait_group(actor_id)
        # From here on nothing else runs until the batch is in the group.
        if self._is_closed:
            raise trio.ClosedResourceError("the store is closed")
        if batch.first_seq != last_seq + 1:
            raise JournalConflict(actor_id, batch.first_seq, last_seq + 1)
        if batch.payloads:
            self._add_records(group, batch)
        if projection is not None:
            self._add_rows(group, batch, projection)
        await self._writer.durable()

    async def read(self, actor_id: str, *, after: int, limit: int) -> list[Record]:
        """Return up to *limit* records with ``seq > after``, oldest first.

        Raises:
          JournalCorrupt: a record is damaged or missing.
          JournalBroken: the device failed.

        Cancelled: nothing happened.
        """
        check_limit(limit)
        self._refuse_damaged(actor_id)
        ids = self._tail.ids(actor_id, after=after, limit=limit)
        last_seq = self._tail.last_seq(actor_id)
        if last_seq is None and self._heads.is_resting(actor_id):
            last_seq = self._heads.get(actor_id)
        return await self._read(
            actor_id, read_records, actor_id, max(after, 0), limit, ids, last_seq or 0
        )

    async def save_snapshot(self, actor_id: str, snapshot: Snapshot) -> None:
        """Store *snapshot* if it is newer than the stored one; return when it is durable.

        Raises:
          JournalBroken: the device failed.
          TypeError, ValueError: it cannot be stored.

        Cancelled: it is stored or not; either is correct.
        """
        check_size(snapshot.data)
        label = snapshot_label(actor_id, snapshot.seq)
        digest, data = await trio.to_thread.run_sync(seal, label, snapshot.data)
        group = await self._writer.room()
        waiting = group.snapshots.get(actor_id)
        if waiting is None or waiting[1] < snapshot.seq:
            group.snapshots[actor_id] = (actor_id, snapshot.seq, digest, data)
            group.nbytes += len(data)
        await self._writer.durable()

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

        Raises:
          JournalCorrupt: the listing cannot be read.
          JournalBroken: the device failed.
        """
        check_limit(limit)
        check_integers([bound for bound in (before, after) if bound is not None])
        return await self._read(owner, read_page, owner, listing, before, after, limit)

    async def get(self, owner: str, listing: str, positions: Sequence[int]) -> list[Item]:
        """Return those of *positions* that exist, ascending.

        Raises:
          JournalCorrupt: the listing cannot be read.
          JournalBroken: the device failed.

        Cancelled: nothing happened.
        """
        check_integers(positions)
        return await self._read(owner, read_items, owner, listing, positions)

    # Signals.

    async def pending_signals(
        self, *, after: int, limit: int, target: str | None = None
    ) -> list[StoredSignal]:
        """Return up to *limit* signals with ``id > after``, oldest first; with *target*: its own.

        One that was forgotten, or replaced by a newer one of its slot, is not among them.
        Cancelled: nothing happened.
        """
        check_limit(limit)
        return await self._read("signals", read_signals, after, limit, target)

    def forget_signals_soon(self, ids: Sequence[int]) -> None:
        """Have handled signals deleted by the next group commit. Unknown ids are ignored.

        Returns at once. A crash before that commit brings them back, which their receivers bear.
        """
        if ids and self._writer.failed is None and not self._is_closed:
            self._writer.group.forgotten.extend(ids)
            self._writer.poke()

    async def forget_signals(self, ids: Sequence[int]) -> None:
        """Delete handled signals; return when that is durable. Unknown ids are ignored.

        Raises:
          JournalBroken: the device failed.

        Cancelled: they are deleted or not.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self.forget_signals_soon(ids)
        await self._writer.durable()

    # The audit log.

    @property
    def audit_end(self) -> Anchor:
        """Where the log ends; what is not durable yet included."""
        return self._audit.end

    def audit_soon(self, entries: Sequence[AuditEntry]) -> None:
        """Have *entries* stored by the next group commit. Returns at once.

        After the device has failed, or the store was closed, they are dropped.
        """
        if self._writer.failed is None and not self._is_closed:
            for entry in entries:
                self._writer.group.add_audit(self._audit.link(check_audit(entry)))
            self._writer.poke()

    async def audit_page(self, wanted: AuditFilter) -> list[AuditRecord]:
        """Return the newest entries that fit *wanted*, newest first; all that was noted is there.

        Raises:
          JournalCorrupt: the log cannot be read.
          JournalBroken: the device failed.

        Cancelled: nothing happened.
        """
        await self._writer.durable()
        return await self._read("audit", read_audit_page, wanted)

    # Compaction.

    async def seal_tail(self) -> None:
        """Move all records that are durable now into buckets. Happens by itself at bounds.

        Raises:
          JournalBroken: the device failed.

        Cancelled: some actors' records were moved and others' not; nothing is lost.
        """
        try:
            await self._compactor.seal_all()
        except apsw.Error as error:
            raise await self._device_failed(error) from error

    # Inside.

    def _refuse_damaged(self, actor_id: str) -> None:
        detail = self._damaged.get(actor_id)
        if detail is not None:
            raise JournalCorrupt(actor_id, detail)

    async def _last_seq(self, actor_id: str) -> int:
        """Return the newest seq, from memory or from disk.

        An actor is looked up by one caller at a time; until then nobody can append to it, so
        that what was found on disk is true when it arrives here.
        """
        while (last_seq := self._heads.get(actor_id)) is None:
            looking = self._lookups.get(actor_id)
            if looking is not None:
                await looking.wait()
                continue
            found = self._lookups[actor_id] = trio.Event()
            try:
                self._heads.rest(actor_id, await self._read(actor_id, read_last_seq, actor_id))
            finally:
                del self._lookups[actor_id]
                found.set()
        return last_seq

    async def _read(self, owner: str, work: Callable[[apsw.Connection, *Ts], T], *args: *Ts) -> T:
        """Return ``work(connection, *args)`` of a reader; a failing device ends the store."""
        if self._is_closed:
            raise trio.ClosedResourceError("the store is closed")
        try:
            return await self._readers.run(work, *args)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise JournalCorrupt(owner, what_failed(error)) from error
        except apsw.Error as error:
            raise await self._device_failed(error) from error

    async def _device_failed(self, error: apsw.Error) -> JournalBroken:
        await self._writer.fail(error)
        return JournalBroken(f"{what_failed(error)}; {remedy_for(error)}")

    async def _wait_group(self, actor_id: str) -> tuple[Group, int]:
        """Return the group to put a batch into, and the actor's newest seq; see ``append``."""
        while True:
            await self._last_seq(actor_id)
            await self._compactor.room()
            group = await self._writer.room()
            last_seq = self._heads.get(actor_id)
            if last_seq is not None:
                return group, last_seq

    def _add_rows(self, group: Group, batch: Batch, projection: Projection) -> None:
        group.items.update(projection.items)
        for entry in projection.audit:
            group.add_audit(self._audit.link(entry))
        for seq, row in projection.signals:
            self._signal_id += 1
            group.add_signal(self._signal_id, batch.actor_id, seq, row)
        group.rows += len(projection.items) + len(projection.signals)

    def _add_records(self, group: Group, batch: Batch) -> None:
        """Put the records of *batch* into *group*: on their way to disk, and counted."""
        actor_id, owner = batch.actor_id, batch.actor_id.encode()
        row_id = first_id = self._row_id + 1
        seq, nbytes = batch.first_seq, 0
        for payload in batch.payloads:
            crc = record_crc(owner, seq, payload)
            group.tail.extend((row_id, actor_id, seq, payload, crc))
            nbytes += len(payload)
            row_id += 1
            seq += 1
        count = len(batch.payloads)
        group.runs.append((actor_id, Run(batch.first_seq, count, first_id, nbytes)))
        group.rows += count
        group.nbytes += nbytes
        self._row_id = row_id - 1
        self._heads.advance(actor_id, seq - 1)

    def _poke_keepers(self) -> None:
        if self._compactor.is_due:
            self._compactor.poke()
        if self._checkpointer.is_due:
            self._checkpointer.poke()
