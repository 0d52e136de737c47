"""Reading projections: listings of one owner, and signals. Runs in a connection's thread."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import apsw

from collab.kind import Item
from collab.storage.connection import fetch
from collab.storage.rows import StoredSignal

_SIGNALS = "SELECT id, source, seq, idx, target, payload FROM signal"
_OF = "SELECT position, value FROM item WHERE listing = ? AND owner = ?"


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
    return [Item(position, value) for position, value in rows]


def read_items(
    db: apsw.Connection, owner: str, listing: str, positions: Sequence[int]
) -> list[Item]:
    """Return those of *positions* that exist, ascending.

    Raises:
      apsw.Error: the device failed.
    """
    if not positions:
        return []
    wanted = apsw.carray(array("q", positions))
    rows = fetch(db, f"{_OF} AND position IN carray(?) ORDER BY position", listing, owner, wanted)
    return [Item(position, value) for position, value in rows]


def read_signals(
    db: apsw.Connection, after: int, limit: int, target: str | None
) -> list[StoredSignal]:
    """Return up to *limit* signals with ``id > after``, of all targets or one, oldest first.

    Raises:
      apsw.Error: the device failed.
    """
    if target is None:
        rows = fetch(db, f"{_SIGNALS} WHERE id > ? ORDER BY id LIMIT ?", after, limit)
    else:
        # The plus keeps SQLite from walking all signals by id instead of the target's by index.
        where = "WHERE target = ? AND id > ? ORDER BY +id LIMIT ?"
        rows = fetch(db, f"{_SIGNALS} {where}", target, after, limit)
    return [StoredSignal(*row) for row in rows]
