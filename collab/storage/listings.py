"""Reading projections: listings of one owner, and signals. Runs in a connection's thread.

Every row proves itself before it leaves: a page with a damaged row is not served in part.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Sequence

import apsw

from actors import JournalCorrupt
from collab.kind import Item
from collab.storage.connection import fetch
from collab.storage.rows import StoredSignal
from collab.storage.sealing import fits, item_crc, signal_crc

_log = logging.getLogger("collab.storage")

# Casts: a flipped bit may turn a text into bytes that are no UTF-8.
_SIGNALS = (
    "SELECT id, CAST(source AS BLOB), seq, idx, CAST(target AS BLOB), CAST(payload AS BLOB), crc"
    " FROM signal"
)
_OF = "SELECT position, CAST(value AS BLOB), crc FROM item WHERE listing = ? AND owner = ?"


def read_page(
    db: apsw.Connection,
    owner: str,
    listing: str,
    before: int | None,
    after: int | None,
    limit: int,
) -> list[Item]:
    """Return what ``Reader.page`` promises; with both bounds, the oldest between them.

    Raises:
      JournalCorrupt: a row is damaged.
      apsw.Error: the device failed.
    """
    conditions, bindings = "", [listing, owner]
    bounds: list[int] = []
    if after is not None:
        conditions += " AND position > ?"
        bounds.append(after)
    if before is not None:
        conditions += " AND position < ?"
        bounds.append(before)
    order = "DESC" if after is None else "ASC"
    rows = fetch(
        db, f"{_OF}{conditions} ORDER BY position {order} LIMIT ?", *bindings, *bounds, limit
    )
    if after is None:
        rows.reverse()
    return [_item(owner, listing, *row) for row in rows]


def read_items(
    db: apsw.Connection, owner: str, listing: str, positions: Sequence[int]
) -> list[Item]:
    """Return those of *positions* that exist, ascending.

    Raises:
      JournalCorrupt: a row is damaged.
      apsw.Error: the device failed.
    """
    if not positions:
        return []
    wanted = apsw.carray(array("q", positions))
    rows = fetch(db, f"{_OF} AND position IN carray(?) ORDER BY position", listing, owner, wanted)
    return [_item(owner, listing, *row) for row in rows]


def _item(owner: str, listing: str, position: int, value: bytes, crc: object) -> Item:
    if not fits(crc, item_crc, listing, owner, position, value):
        raise JournalCorrupt(owner, f"the check of item {position} of {listing} does not fit")
    return Item(position, value)


def read_signals(
    db: apsw.Connection, after: int, limit: int, target: str | None
) -> list[StoredSignal]:
    """Return up to *limit* signals with ``id > after``, of all targets or one, oldest first.

    A damaged one is left out, with a line in the log: for whom it was is not certain any more, and
    those behind it must not wait for it. Its row stays.

    Raises:
      apsw.Error: the device failed.
    """
    signals: list[StoredSignal] = []
    while len(signals) < limit:
        wanted = limit - len(signals)
        if target is None:
            rows = fetch(db, f"{_SIGNALS} WHERE id > ? ORDER BY id LIMIT ?", after, wanted)
        else:
            # The plus keeps SQLite from walking all signals by id, not the target's by index.
            where = "WHERE target = ? AND id > ? ORDER BY +id LIMIT ?"
            rows = fetch(db, f"{_SIGNALS} {where}", target, after, wanted)
        signals += [signal for row in rows if (signal := _signal(*row)) is not None]
        if len(rows) < wanted:
            break  # Else a page would seem to be the last because of what was left out.
        after = rows[-1][0]
    return signals


def _signal(
    row_id: int,
    source: bytes | None,
    seq: int,
    idx: int,
    target: bytes | None,
    payload: bytes,
    crc: object,
) -> StoredSignal | None:
    names = [(name or b"").decode("utf-8", "surrogateescape") for name in (source, target)]
    if not fits(crc, signal_crc, names[0], seq, idx, names[1], payload):
        _log.error("signal %d is damaged and is not sent", row_id)
        return None
    return StoredSignal(row_id, names[0], seq, idx, names[1], payload)
