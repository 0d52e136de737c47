"""One life of a store: opened, checked against the ledger, worked with until it ends.

All of it runs at once: several actors, snapshots, passes of the compactor and checkpoints, with
bounds so small that each of them is always under way.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import trio

import collab.storage.buckets
import collab.storage.checkpoint
import collab.storage.compactor
from actors import JournalBroken
from collab.storage import SqliteStore, open_store
from tests.crash.ledger import ActorLedger

CLOCK_MS: Final = 1_000
WAL_PAGES_SOFT: Final = 12
ACTORS: Final = ("a:1", "a:2", "b:1", "b:2")


@contextmanager
def small_bounds() -> Iterator[None]:
    """Have passes and checkpoints begin after a few commits."""
    modules = {
        collab.storage.compactor: {"TAIL_ROWS_MAX": 12, "SEAL_STEP_ROWS": 5, "SEAL_AT_CLOSE_S": 1},
        collab.storage.buckets: {"BUCKET_BYTES_MAX": 4_096, "BUCKET_BYTES_MIN": 1_024},
        collab.storage.checkpoint: {
            "WAL_PAGES_SOFT": WAL_PAGES_SOFT,
            "WAL_PAGES_HARD": 2 * WAL_PAGES_SOFT,
        },
    }
    saved = [(module, dict(vars(module))) for module in modules]
    for module, bounds in modules.items():
        vars(module).update(bounds)
    try:
        yield
    finally:
        for module, names in saved:
            vars(module).update({name: names[name] for name in modules[module]})


def new_ledgers(seed: int) -> list[ActorLedger]:
    """Return the ledgers of a store in which nothing was done yet."""
    return [ActorLedger(seed, actor_id) for actor_id in ACTORS]


async def live(
    directory: Path,
    ledgers: Sequence[ActorLedger],
    *,
    deeds: int,
    rng: random.Random,
    vfs: str | None = None,
) -> None:
    """Open the store, check it against *ledgers*, add *deeds* to each actor, close it.

    A device that fails ends the life early, as it ends a server; the ledgers say what
    had been acknowledged by then.

    Raises:
      Lost: a promise was broken.
      StoreUnusable: it cannot be opened.
      JournalCorrupt: what an actor stored cannot be read.
    """
    async with open_store(directory, clock_ms=lambda: CLOCK_MS, vfs=vfs) as store:
        begin_checkpoints_early(store)
        try:
            for ledger in ledgers:
                await ledger.check(store)
        except JournalBroken:
            return
        await work(store, ledgers, deeds=deeds, rng=rng)


async def work(
    store: SqliteStore, ledgers: Sequence[ActorLedger], *, deeds: int, rng: random.Random
) -> None:
    """Add *deeds* to each actor, all of them at once, until the device fails."""
    async with trio.open_nursery() as nursery:
        for ledger in ledgers:
            nursery.start_soon(_work_one, store, ledger, deeds, random.Random(rng.random()))


def begin_checkpoints_early(store: SqliteStore) -> None:
    """Have the small bound count from the start."""
    # Its first bound was taken when the class was made.
    store._checkpointer._pages_next = WAL_PAGES_SOFT


async def _work_one(
    store: SqliteStore, ledger: ActorLedger, deeds: int, rng: random.Random
) -> None:
    try:
        for _ in range(deeds):
            batch = ledger.next_batch()
            ledger.is_open = True
            await store.append(batch)
            ledger.keep()
            if rng.random() < 0.15:
                snapshot = ledger.next_snapshot()
                await store.save_snapshot(ledger.actor_id, snapshot)
                ledger.snapshot_seq = snapshot.seq
            if rng.random() < 0.1:
                await store.seal_tail()
    except JournalBroken:
        return  # The device is gone: that is what this is about.
