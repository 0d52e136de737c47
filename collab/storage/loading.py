"""What is read when a store opens: the epoch, and the whole tail without its payloads."""

from __future__ import annotations

from collections.abc import Callable

import apsw
from attrs import define, field

from collab.audit.chain import Chain
from collab.audit.entry import AuditEntry
from collab.storage.audit import find_audit_end
from collab.storage.connection import fetch
from collab.storage.sealing import fits, record_crc
from collab.storage.tail import Run, TailIndex


@define(eq=False)
class Loaded:
    """The state that a store starts with."""

    epoch: str
    tail: TailIndex = field(factory=TailIndex)
    damaged: dict[str, str] = field(factory=dict)  # actor -> what is wrong with its records
    signal_id: int = 0  # Of the newest signal.
    tail_no: int = 0  # Which tail table takes new records.
    old_upto: int = 0  # The newest row of the other one, 0 if it is empty.
    last_id: int = 0  # The newest row of both.
    audit: Chain = field(factory=Chain)
    audit_alarm: AuditEntry | None = None  # What the log's next entry says, if its end was wrong.


def load(db: apsw.Connection, clock_ms: Callable[[], int]) -> Loaded:
    """Read the index of the tail. Time grows with the tail, which is bounded, and nothing else.

    An actor whose records do not follow each other is listed as damaged; others are not affected.

    Raises:
      apsw.Error: the device failed, or the file is damaged.
    """
    loaded = Loaded(epoch=fetch(db, "SELECT value FROM meta WHERE name = 'epoch'")[0][0])
    found = find_audit_end(db, clock_ms)
    loaded.audit, loaded.audit_alarm = Chain(found.end), found.alarm
    loaded.signal_id = fetch(db, "SELECT ifnull(max(id), 0) FROM signal")[0][0]
    last_ids = [fetch(db, f"SELECT ifnull(max(id), 0) FROM tail_{no}")[0][0] for no in (0, 1)]
    loaded.tail_no = 1 if last_ids[1] > last_ids[0] else 0
    loaded.old_upto, loaded.last_id = min(last_ids), max(last_ids)
    for (owner,) in fetch(db, "SELECT DISTINCT CAST(actor AS BLOB) FROM quarantine"):
        loaded.damaged[_text(owner)] = "its records are in quarantine"
    sealed: dict[str, int] = {}  # actor -> the newest seq in its buckets
    loaded.tail.fence = loaded.old_upto
    for no in (1 - loaded.tail_no, loaded.tail_no):  # The older rows first.
        _index_table(db, no, loaded, sealed)
    loaded.tail.last_id = loaded.last_id
    return loaded


def _index_table(db: apsw.Connection, tail_no: int, loaded: Loaded, sealed: dict[str, int]) -> None:
    tail, damaged = loaded.tail, loaded.damaged
    # Casts: a flipped bit may turn a text into bytes that are no UTF-8, or a number into a text.
    row: tuple[int, bytes, int, int]
    for row in db.execute(
        "SELECT id, ifnull(CAST(actor AS BLOB), x''), ifnull(CAST(seq AS INTEGER), 0),"
        f" ifnull(length(CAST(payload AS BLOB)), 0) FROM tail_{tail_no} ORDER BY id"
    ):
        row_id, owner, seq, nbytes = row
        actor_id = _text(owner)
        newest = tail.last_seq(actor_id)
        if newest is None:
            if actor_id not in sealed:
                sealed[actor_id] = _sealed_seq(db, owner)
            newest = sealed[actor_id]
        if seq == newest + 1:
            tail.add(actor_id, Run(seq, 1, row_id, nbytes))
        elif seq > sealed[actor_id] or not _is_sound(db, tail_no, row_id, owner):
            damaged.setdefault(actor_id, f"record {newest + 1} is missing or misnumbered")
        # Else it is in a bucket: the compactor was stopped before it emptied the table.


def _text(owner: bytes) -> str:
    return owner.decode("utf-8", "surrogateescape")


def _sealed_seq(db: apsw.Connection, owner: bytes) -> int:
    rows = fetch(
        db, "SELECT ifnull(max(last_seq), 0) FROM bucket WHERE actor = CAST(? AS TEXT)", owner
    )
    return int(rows[0][0])


def _is_sound(db: apsw.Connection, tail_no: int, row_id: int, owner: bytes) -> bool:
    sql = f"SELECT seq, CAST(payload AS BLOB), crc FROM tail_{tail_no} WHERE id = ?"
    # A damaged page may show a row in passing that nobody finds by its id.
    rows = fetch(db, sql, row_id)
    return bool(rows) and fits(rows[0][2], record_crc, owner, *rows[0][:2])
