"""One group commit: everything that all actors want stored, as few statements.

A group collects while the one before it syncs. It is flat lists of bindings, filled by the
event loop, so that the connection's thread has nothing to do but to call SQLite. A group
of records only is a single INSERT, which is its own transaction: the interpreter lock
changes hands once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import apsw
import trio
from attrs import frozen

from collab.audit.chain import Anchor, columns_of
from collab.audit.entry import AuditRecord
from collab.storage.limits import GROUP_BYTES_MAX, GROUP_ROWS_MAX, STATEMENT_ROWS_MAX
from collab.storage.rows import SignalRow
from collab.storage.sealing import item_crc, signal_crc
from collab.storage.tail import Run

AUDIT_COLUMNS: Final = 13
Statement = tuple[str, Sequence[object]]
# id, source, seq, idx, target, payload, slot, crc
SignalValues = tuple[int, str, int, int, str, bytes, str | None, int]


@frozen
class Committed:
    """What the connection's thread says about a commit."""

    pages_written: int
    wal: tuple[int, int] | None  # (frames in the log, frames copied) if a checkpoint was asked.


@frozen
class Bucket:
    """A sealed bucket on its way to disk."""

    actor_id: str
    first_seq: int
    last_seq: int
    size: int
    sealed_ms: int
    hash: bytes
    data: bytes


class Group:
    """What one commit stores, and who waits for it."""

    def __init__(self) -> None:
        self.tail: list[object] = []  # id, actor, seq, payload, crc
        self.runs: list[tuple[str, Run]] = []
        self.nbytes = 0
        self.rows = 0
        self.items: dict[tuple[str, str, int], bytes | None] = {}  # None: remove
        self.signals: dict[object, SignalValues] = {}  # By slot, or by id if there is none.
        self.forgotten: list[int] = []
        self.audit: list[object] = []  # id, the entry's columns, hash
        self.audit_end: Anchor | None = None  # After it.
        self.snapshots: dict[str, tuple[str, int, bytes, bytes]] = {}
        self.buckets: list[Bucket] = []
        self.replaced_buckets: list[int] = []
        self.moves: list[Statement] = []  # Of the compactor, run last.
        self.checkpoint_mode: int | None = None
        self.on_durable: list[Callable[[], None]] = []
        self.waiting: list[trio.lowlevel.Task] = []

    @property
    def is_empty(self) -> bool:
        """Say whether nobody waits and nothing is to be stored."""
        return not (self.waiting or self.tail or self.forgotten or self.audit)

    @property
    def is_full(self) -> bool:
        """Say whether further appends have to wait for the next group."""
        return self.rows >= GROUP_ROWS_MAX or self.nbytes >= GROUP_BYTES_MAX

    def add_signal(self, signal_id: int, source: str, seq: int, row: SignalRow) -> None:
        """Have *row* stored, instead of an older one of the same slot."""
        slot = signal_id if row.slot is None else (row.target, source, row.slot)
        self.signals[slot] = (
            signal_id,
            source,
            seq,
            row.index,
            row.target,
            row.payload,
            row.slot,
            signal_crc(source, seq, row.index, row.target, row.payload),
        )

    def add_audit(self, record: AuditRecord) -> None:
        """Have *record*, the newest, stored."""
        self.audit += (record.id, *columns_of(record.entry), record.hash)
        self.audit_end = Anchor(record.id, record.hash)
        self.rows += 1

    def statements(self, tail_no: int) -> list[Statement]:
        """Return the group as SQL, its records for tail table *tail_no*."""
        return [
            *_inserts(f"INSERT INTO tail_{tail_no} VALUES ", 5, self.tail),
            *self._item_statements(),
            # OR REPLACE takes out the older signal of the same slot.
            *_inserts(
                "INSERT OR REPLACE INTO signal VALUES ",
                8,
                [value for row in self.signals.values() for value in row],
            ),
            *_deletes("DELETE FROM signal WHERE id IN ", self.forgotten),
            *self._audit_statements(),
            *_inserts(
                "INSERT INTO snapshot VALUES ",
                4,
                [value for row in self.snapshots.values() for value in row],
                " ON CONFLICT DO UPDATE SET seq = excluded.seq, hash = excluded.hash,"
                " data = excluded.data WHERE excluded.seq > snapshot.seq",
            ),
            *_deletes("DELETE FROM bucket WHERE id IN ", self.replaced_buckets),
            *_inserts(
                "INSERT INTO bucket (actor, first_seq, last_seq, size, sealed_ms, hash, data)"
                " VALUES ",
                7,
                [
                    value
                    for bucket in self.buckets
                    for value in (
                        bucket.actor_id,
                        bucket.first_seq,
                        bucket.last_seq,
                        bucket.size,
                        bucket.sealed_ms,
                        bucket.hash,
                        bucket.data,
                    )
                ],
            ),
            *self.moves,
        ]

    def _item_statements(self) -> Iterator[Statement]:
        put: list[object] = []
        removed: list[object] = []
        for key, value in self.items.items():
            if value is None:
                removed.extend(key)
            else:
                put.extend((*key, value, item_crc(*key, value)))
        yield from _inserts("INSERT OR REPLACE INTO item VALUES ", 5, put)
        yield from _inserts(
            "DELETE FROM item WHERE (listing, owner, position) IN (VALUES ", 3, removed, ")"
        )

    def _audit_statements(self) -> Iterator[Statement]:
        if self.audit_end is not None:
            yield from _inserts("INSERT INTO audit VALUES ", AUDIT_COLUMNS, self.audit)
            end = str(self.audit_end)
            yield "INSERT OR REPLACE INTO meta VALUES ('audit_end', ?)", (end,)

    def work(self, tail_no: int) -> Callable[[apsw.Connection], Committed]:
        """Return what the connection's thread has to do."""
        return partial(_commit, statements=self.statements(tail_no), mode=self.checkpoint_mode)


def _commit(db: apsw.Connection, *, statements: list[Statement], mode: int | None) -> Committed:
    """Store *statements* in one transaction. If it raises, the outcome is unknown."""
    if len(statements) == 1:
        _execute(db, statements[0])
    elif statements:
        db.execute("BEGIN IMMEDIATE")
        for statement in statements:
            _execute(db, statement)
        db.execute("COMMIT")
    wal = None
    if mode is not None:
        with contextlib.suppress(apsw.BusyError):  # A reader was too slow; the next one gets it.
            wal = db.wal_checkpoint(mode=mode)
    pages, _ = db.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)  # noqa: FBT003
    return Committed(pages, wal)


def _execute(db: apsw.Connection, statement: Statement) -> None:
    db.execute(statement[0], statement[1])


def _inserts(
    head: str, width: int, bindings: Sequence[object], rest: str = ""
) -> Iterator[Statement]:
    """Yield one multi-row statement, or several if there are very many rows."""
    row = "(" + ",".join("?" * width) + ")"
    step = STATEMENT_ROWS_MAX * width
    for at in range(0, len(bindings), step):
        chunk = bindings[at : at + step]
        yield f"{head}{','.join([row] * (len(chunk) // width))}{rest}", chunk


def _deletes(head: str, ids: Sequence[int]) -> Iterator[Statement]:
    for at in range(0, len(ids), STATEMENT_ROWS_MAX):
        chunk = ids[at : at + STATEMENT_ROWS_MAX]
        yield f"{head}({','.join('?' * len(chunk))})", chunk
