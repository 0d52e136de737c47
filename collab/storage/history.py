"""Reading one actor's records: buckets first, then the tail. Runs in a connection's thread.

The row ids were taken from the index before the hop. If the compactor moved the rows meanwhile,
the buckets of the same read transaction hold them: a record is always in one of the two.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final

import apsw

from actors import JournalCorrupt, Record, Snapshot
from collab.storage.connection import fetch
from collab.storage.sealing import (
    SealBroken,
    bucket_label,
    fits,
    record_crc,
    snapshot_label,
    split_payloads,
    unseal,
)

# A row is in one of the two; looking for it in the other costs a microsecond.
_TAIL_ROWS: Final = (
    "SELECT seq, CAST(payload AS BLOB), crc, id FROM tail_0 WHERE id IN carray(?1) UNION ALL"
    " SELECT seq, CAST(payload AS BLOB), crc, id FROM tail_1 WHERE id IN carray(?1) ORDER BY id"
)


def read_records(
    db: apsw.Connection, actor_id: str, after: int, limit: int, ids: array[int], last_seq: int
) -> list[Record]:
    """Return up to *limit* records with ``seq > after``.

    Args:
      ids: Rows of the tail that may be needed.
      last_seq: The newest durable record, or 0 if that is not known: what must not be missing.

    Raises:
      JournalCorrupt: a record is damaged or missing.
      apsw.Error: the device failed.
    """
    try:
        db.execute("BEGIN")
        try:
            payloads = _read_payloads(db, actor_id, after, limit, ids)
        finally:
            if db.in_transaction:  # A failing device has ended it already.
                db.execute("ROLLBACK")
    except (SealBroken, apsw.CorruptError) as error:
        raise JournalCorrupt(actor_id, str(error)) from error
    if len(payloads) < min(limit, last_seq - after):
        raise JournalCorrupt(actor_id, f"record {after + len(payloads) + 1} is missing")
    return [Record(seq, payload) for seq, payload in enumerate(payloads, start=after + 1)]


def read_bucket(
    actor_id: str, first_seq: int, last_seq: int, digest: bytes, data: bytes
) -> list[bytes]:
    """Return the payloads of one bucket row.

    Raises:
      SealBroken: it is damaged.
    """
    body = unseal(bucket_label(actor_id, first_seq, last_seq), digest, data)
    return split_payloads(body, last_seq - first_seq + 1)


def read_tail(
    db: apsw.Connection, actor_id: str, ids: array[int], *, after: int
) -> Iterator[bytes]:
    """Yield the payloads in rows *ids* that follow record *after*. Rows moved away are skipped.

    Raises:
      SealBroken: a record is damaged, or one is missing between two others.
    """
    owner = actor_id.encode("utf-8", "surrogateescape")
    # Of a damaged row, the columns may hold anything.
    rows: Iterable[tuple[Any, Any, Any, int]] = fetch(
        db,
        _TAIL_ROWS,
        apsw.carray(ids),
    )
    expected = after + 1
    for seq, payload, crc, _ in rows:
        if isinstance(seq, int) and seq < expected:
            continue
        if seq != expected:
            raise SealBroken(f"record {expected} is missing or misnumbered")
        if not fits(crc, record_crc, owner, seq, payload):
            raise SealBroken(f"the check of record {seq} does not fit its bytes")
        yield payload
        expected += 1


def _read_payloads(
    db: apsw.Connection, actor_id: str, after: int, limit: int, ids: array[int]
) -> list[bytes]:
    payloads: list[bytes] = []
    seen = after
    for row in db.execute(
        "SELECT first_seq, last_seq, hash, data FROM bucket"
        " WHERE actor = ? AND last_seq > ? ORDER BY last_seq",
        (actor_id, after),
    ):
        first_seq, last_seq, digest, data = row
        if first_seq > seen + 1:
            raise SealBroken(f"record {seen + 1} is missing")
        records = read_bucket(actor_id, first_seq, last_seq, digest, data)
        payloads.extend(records[seen + 1 - first_seq :])
        seen = last_seq
        if len(payloads) >= limit:
            return payloads[:limit]
    if ids:
        payloads.extend(read_tail(db, actor_id, ids, after=seen))
    return payloads[:limit]


def read_last_seq(db: apsw.Connection, actor_id: str) -> int:
    """Return the newest record's seq of an actor that has nothing in the tail.

    Raises:
      apsw.Error: the device failed.
    """
    rows = fetch(db, "SELECT ifnull(max(last_seq), 0) FROM bucket WHERE actor = ?", actor_id)
    return int(rows[0][0])


def read_snapshot(db: apsw.Connection, actor_id: str) -> Snapshot | None:
    """Return the stored snapshot, if there is one.

    Raises:
      SealBroken: it is damaged. The records are still there to be replayed.
      apsw.Error: the device failed.
    """
    rows = fetch(db, "SELECT seq, hash, data FROM snapshot WHERE actor = ?", actor_id)
    if not rows:
        return None
    seq, digest, data = rows[0]
    return Snapshot(seq, unseal(snapshot_label(actor_id, seq), digest, data))
