"""A writer to be killed: appends to some actors and prints what was acknowledged.

Run as ``python -m tests.storage.crash_writer DIRECTORY``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio

import collab.storage.checkpoint
import collab.storage.compactor
from actors import Batch
from collab.kind import Put
from collab.storage import SqliteStore, open_store


def payload(actor_id: str, seq: int) -> bytes:
    """Return what record *seq* of *actor_id* must hold."""
    return f"{actor_id}/{seq}/".encode() * 20


async def _write(store: SqliteStore, actor_id: str) -> None:
    seq = (await store.head(actor_id)).last_seq + 1
    while True:
        payloads = [payload(actor_id, seq), payload(actor_id, seq + 1)]
        rows = [Put("last", 1, b"%d" % (seq + 1))]
        await store.append(Batch(actor_id, seq, payloads, rows))
        seq += 2
        os.write(1, f"{actor_id} {seq - 1}\n".encode())


async def _main(directory: Path) -> None:
    # Small bounds, so that a pass or a checkpoint is always under way.
    vars(collab.storage.compactor).update(TAIL_ROWS_MAX=40, SEAL_STEP_ROWS=10)
    vars(collab.storage.checkpoint).update(WAL_PAGES_SOFT=50)
    async with open_store(directory, clock_ms=lambda: 1) as store, trio.open_nursery() as nursery:
        for n in range(8):
            nursery.start_soon(_write, store, f"a:{n}")


if __name__ == "__main__":
    trio.run(_main, Path(sys.argv[1]))
