"""Power cuts: whatever was not synced is lost, torn or reordered, and nothing acknowledged with it.

``python -m tests.crash.power --runs 5000 [--from SEED]``. A run has up to three lives of one store.
Each ends at a numbered call to the device, drawn from the seed, or by itself. What is left of
each file then is its content at the last sync and an arbitrary part of the 512-byte sectors
written since, in an arbitrary order; a file whose directory was not synced may be missing, a
deleted one may be back. The next life opens what is left. Threads take turns as they like, so a
seed fixes the cut's number and what is lost, not to the byte what was written by then.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import apsw
import trio
from attrs import define, field

from collab.storage import StoreUnusable
from tests.crash.device import Call, Device, FileState, Write, applied
from tests.crash.ledger import ActorLedger
from tests.crash.lives import live, new_ledgers, small_bounds

SECTOR_BYTES: Final = 512
LIVES: Final = 3
CUT_MAX: Final = 400  # The last call at which the power may go.
DEEDS: Final = 12


@define
class Tally:
    """What the runs did, for the figures."""

    runs: int = 0
    cuts: int = 0
    acknowledged: int = 0
    unsynced: int = 0  # Writes that were not synced when the power went.
    survived: int = 0  # Of their sectors, and
    dropped: int = 0
    cuts_at: dict[str, int] = field(factory=dict)  # What was being done, to which file.


class _PowerOff:
    """Lets calls pass up to number *cut*; then nothing works any more."""

    def __init__(self, cut: int) -> None:
        self.cut = cut
        self.at: Call | None = None

    def __call__(self, call: Call) -> None:
        if self.at is None and call.number >= self.cut:
            self.at = call
        if self.at is not None:
            raise apsw.IOError("the power is off")


def run(seed: int, directory: Path, tally: Tally) -> None:
    """Live, cut, look at what is left, and go on with that.

    Raises:
      Lost, JournalCorrupt, StoreUnusable: a promise was broken.
    """
    rng = random.Random(seed)
    ledgers = new_ledgers(seed)
    here = directory / "0"
    here.mkdir()
    for number in range(1, LIVES + 1):
        off = _PowerOff(rng.randint(1, CUT_MAX))
        device = Device(off)
        device.load(here)
        try:
            trio.run(_life, here, ledgers, rng, device, off)
        finally:
            device.close()
        there = directory / str(number)
        there.mkdir()
        if off.at is not None:
            tally.cuts += 1
            at = f"{off.at.kind} {off.at.file}"
            tally.cuts_at[at] = tally.cuts_at.get(at, 0) + 1
        leave(device, there, rng, tally)
        here = there
    trio.run(_look, here, ledgers, rng)
    tally.runs += 1
    tally.acknowledged += sum(ledger.kept for ledger in ledgers)


async def _life(
    here: Path, ledgers: list[ActorLedger], rng: random.Random, device: Device, off: _PowerOff
) -> None:
    try:
        await live(here, ledgers, deeds=DEEDS, rng=rng, vfs=device.name)
    except StoreUnusable as error:
        # Only because the power went while it was opening; never for what it found.
        if off.at is None or not isinstance(error.__cause__, (apsw.IOError, apsw.CantOpenError)):
            raise


async def _look(here: Path, ledgers: list[ActorLedger], rng: random.Random) -> None:
    await live(here, ledgers, deeds=1, rng=rng)
    for ledger in ledgers:
        assert not ledger.is_open, "a healthy device refused a write"


def leave(device: Device, there: Path, rng: random.Random, tally: Tally) -> None:
    """Write to *there* what a power cut leaves of *device*, drawn from *rng*."""
    for file, state in sorted(device.files.items()):
        if file == "lock" or file.endswith("-shm"):
            continue
        content = _content_left(state, rng, tally)
        if content is not None:
            (there / file).write_bytes(content)


def _content_left(state: FileState, rng: random.Random, tally: Tally) -> bytes | None:
    if state.is_deleted or not state.is_entry_synced:
        older = state.ghost
        if state.is_deleted or rng.random() < 0.5:
            return older if older is not None and rng.random() < 0.5 else None
    tally.unsynced += len(state.unsynced)
    return applied(state.synced, _writes_left(state.unsynced, rng, tally))


def _writes_left(unsynced: list[Write], rng: random.Random, tally: Tally) -> list[Write]:
    """Return some of the sectors of *unsynced*, in some order.

    All, none, those up to a moment, or any; with or without tearing; now and then reordered.
    """
    sectors = _torn(unsynced) if rng.random() < 0.7 else list(unsynced)
    way = rng.choice(("none", "all", "first", "any", "most", "few"))
    if way == "first":
        left = sectors[: rng.randint(0, len(sectors))]
    else:
        share = {"none": 0.0, "all": 1.0, "any": 0.5, "most": 0.95, "few": 0.05}[way]
        left = [sector for sector in sectors if rng.random() < share]
    if rng.random() < 0.3:
        rng.shuffle(left)
    tally.survived += len(left)
    tally.dropped += len(sectors) - len(left)
    return left


def _torn(writes: list[Write]) -> list[Write]:
    """Return *writes* in pieces that do not cross a sector."""
    pieces = []
    for write in writes:
        if write.content is None:
            pieces.append(write)
            continue
        at = 0
        while at < len(write.content):
            start = write.offset + at
            size = min(SECTOR_BYTES - start % SECTOR_BYTES, len(write.content) - at)
            pieces.append(Write(start, write.content[at : at + size]))
            at += size
    return pieces


def main() -> int:
    """Run what the command line says; return 1 at the first broken promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.power")
    parser.add_argument("--runs", type=int, default=5_000)
    parser.add_argument("--from", type=int, default=1, dest="first")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # Every life ends with a failed device.
    tally = Tally()
    started = time.monotonic()
    with small_bounds():
        for seed in range(options.first, options.first + options.runs):
            with tempfile.TemporaryDirectory(prefix="power-") as directory:
                try:
                    run(seed, Path(directory), tally)
                except BaseException:
                    print(f"seed {seed} failed: --from {seed} --runs 1", file=sys.stderr)
                    raise
            if tally.runs % 500 == 0:
                print(f"{tally.runs} runs, {time.monotonic() - started:.0f} s", flush=True)
    print(tally)
    print(f"{time.monotonic() - started:.0f} s, nothing acknowledged was lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
