"""Flipped bytes: one anywhere in the database file, and then a start, reads, and a deep check.

``python -m tests.crash.damage --flips 300 [--from SEED] [--large]``. One byte of a store that was
well filled and closed, drawn from the seed, is changed. What may follow:

* the start is refused, with one clear line;
* an actor's records or a listing are refused as damaged (``JournalCorrupt``), and every other actor
  reads as before, and can be written;
* nothing: no one needs that byte, or there is another way to what it held.

Never may an actor be served with something missing or changed, or a deep check miss what a read
finds. Every byte of a page is as likely as any other, so most flips hit payloads.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import trio
from attrs import define, field

import collab.storage.compactor
import collab.storage.directory
from actors import JournalBroken, JournalCorrupt
from collab.storage import StoreUnusable, check_deeply, open_store
from tests.crash.ledger import ActorLedger, Lost
from tests.crash.lives import CLOCK_MS, live, new_ledgers, small_bounds

DEEDS: Final = 30
TAIL_DEEDS: Final = 8
SEED: Final = 7


@define
class Tally:
    """What became of the flips."""

    flips: int = 0
    refused: int = 0  # The start was.
    quarantined: int = 0  # Some actor, and no other one was touched.
    broken: int = 0  # The store stopped, because its next commit met the damage.
    unsent: int = 0  # A signal was left out, with a line in the log, or none could be read.
    harmless: int = 0
    found_deep: int = 0
    served_wrong: list[str] = field(factory=list)
    missed_deep: list[str] = field(factory=list)


def fill(directory: Path) -> list[ActorLedger]:
    """Make a store with everything in it: buckets, two lives' tail, snapshots, items, signals."""
    ledgers = new_ledgers(SEED)
    rng = random.Random(SEED)
    with small_bounds():
        trio.run(partial(live, directory, ledgers, deeds=DEEDS, rng=rng))
        # A tail that is left: many servers end without having sealed it.
        vars(collab.storage.compactor).update(TAIL_ROWS_MAX=1_000, SEAL_AT_CLOSE_S=0)
        trio.run(_add_tail, directory, ledgers)
    return ledgers


async def _add_tail(directory: Path, ledgers: list[ActorLedger]) -> None:
    async with open_store(directory, clock_ms=lambda: CLOCK_MS) as store:
        for _ in range(TAIL_DEEDS):
            for ledger in ledgers:
                await store.append(ledger.next_batch())
                ledger.keep()


def flip(whole: Path, ledgers: Sequence[ActorLedger], seed: int, here: Path, tally: Tally) -> None:
    """Change one byte of a copy of *whole* in *here*, and count in *tally* what follows."""
    shutil.copytree(whole, here)
    rng = random.Random(seed)
    content = bytearray((here / "collab.db").read_bytes())
    at = rng.randrange(len(content))
    change = 1 << rng.randrange(8) if rng.random() < 0.5 else rng.randrange(1, 256)
    content[at] ^= change
    (here / "collab.db").write_bytes(content)
    where = f"seed {seed}: byte {at} (page {at // 4096 + 1}, offset {at % 4096}) xor {change}"
    tally.flips += 1
    try:
        is_sound = check_deeply(here).is_sound
    except StoreUnusable:
        is_sound = False
    tally.found_deep += not is_sound
    try:
        outcome = trio.run(_read_all, here, ledgers)
    except StoreUnusable:
        outcome = "refused"
    except Lost as error:
        tally.served_wrong.append(f"{where}: {error}")
        return
    setattr(tally, outcome, getattr(tally, outcome) + 1)
    if outcome != "harmless" and is_sound:
        tally.missed_deep.append(f"{where}: {outcome}")


async def _read_all(here: Path, ledgers: Sequence[ActorLedger]) -> str:
    """Read and write everything; return which number of the tally counts it.

    Raises:
      StoreUnusable: it does not open.
      Lost: an actor was served with something missing or changed.
    """
    damaged: set[str] = set()
    lacks_signals = False
    async with open_store(here, clock_ms=lambda: CLOCK_MS) as store:
        for ledger in ledgers:
            try:
                await ledger.copy().check_log(store)
            except JournalCorrupt as error:
                damaged.add(error.actor_id)
            try:
                await ledger.copy().check_signals(store)
            except (Lost, JournalCorrupt):
                lacks_signals = True
        try:
            for ledger in ledgers:
                if ledger.actor_id not in damaged:
                    await store.append(ledger.copy().next_batch())
        except JournalBroken:
            return "broken"
    return "quarantined" if damaged else "unsent" if lacks_signals else "harmless"


def main() -> int:
    """Flip as the command line says; return 1 if anything was served wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.damage")
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--from", type=int, default=1, dest="first")
    parser.add_argument("--large", action="store_true", help="as if too large to be read at start")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # Damage is what this is about.
    if options.large:
        vars(collab.storage.directory).update(QUICK_CHECK_BYTES_MAX=0)
    tally, started = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="damage-") as base:
        ledgers = fill(Path(base) / "whole")
        size = (Path(base) / "whole" / "collab.db").stat().st_size
        for seed in range(options.first, options.first + options.flips):
            with tempfile.TemporaryDirectory(dir=base) as directory:
                flip(Path(base) / "whole", ledgers, seed, Path(directory) / "d", tally)
    for line in (*tally.served_wrong, *tally.missed_deep):
        print(line)
    print(
        f"{tally.flips} flips in {size} bytes, {time.monotonic() - started:.0f} s: "
        f"{tally.refused} refused at the start, {tally.quarantined} quarantined, "
        f"{tally.broken} stopped the store, {tally.unsent} lost a signal, "
        f"{tally.harmless} harmless; "
        f"{tally.found_deep} found by the deep check; "
        f"{len(tally.served_wrong)} served wrong, {len(tally.missed_deep)} missed"
    )
    return 1 if tally.served_wrong or tally.missed_deep else 0


if __name__ == "__main__":
    sys.exit(main())
