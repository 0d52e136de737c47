"""Which actors of a kind have a history, found without a server."""

from __future__ import annotations

from pathlib import Path

import apsw

from collab.storage.directory import opened_for_looking
from collab.storage.errors import StoreUnusable, what_failed

_ACTORS = "SELECT DISTINCT actor FROM {} WHERE actor > ?1 || ':' AND actor < ?1 || ';'"
_QUERY = " UNION ".join(
    _ACTORS.format(table) for table in ("bucket", "snapshot", "tail_0", "tail_1")
)


def keys_of_kind(directory: Path, kind_name: str) -> list[str]:
    """Return the keys of all actors of *kind_name* in *directory*, which nobody may have open.

    Blocking: for a thread of its own, or a command.

    Raises:
      StoreUnusable: it cannot be read, or a server has it open.
    """
    with opened_for_looking(directory) as db:
        if db is None:
            return []
        try:
            rows = db.execute(f"{_QUERY} ORDER BY 1", (kind_name,)).fetchall()
        except apsw.Error as error:
            remedy = "run: collab doctor --deep"
            raise StoreUnusable(directory, what_failed(error), remedy) from error
    return [str(actor).partition(":")[2] for (actor,) in rows]
