"""Which actors of a kind have a history."""

from __future__ import annotations

from pathlib import Path

import apsw

from collab.storage.directory import opened_beside
from collab.storage.errors import StoreUnusable, what_failed

_ACTORS = "SELECT DISTINCT actor FROM {} WHERE actor > ?1 || ':' AND actor < ?1 || ';'"
_QUERY = " UNION ".join(
    _ACTORS.format(table) for table in ("bucket", "snapshot", "tail_0", "tail_1")
)


def keys_of_kind(directory: Path, kind_name: str) -> list[str]:
    """Return the keys of all actors of *kind_name* in *directory*, which somebody may have open.

    That is all there will be only for whoever has it open: another one may be adding some.
    Blocking: for a thread of its own.

    Raises:
      StoreUnusable: it cannot be read.
    """
    with opened_beside(directory) as db:
        try:
            rows = db.execute(f"{_QUERY} ORDER BY 1", (kind_name,)).fetchall()
        except apsw.Error as error:
            remedy = "run: collab doctor --deep"
            raise StoreUnusable(directory, what_failed(error), remedy) from error
    return [str(actor).partition(":")[2] for (actor,) in rows]
