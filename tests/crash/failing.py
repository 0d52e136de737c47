"""Every call to the device fails once: each write, sync, truncation, deletion and read of a life.

``python -m tests.crash.failing [--step N | --way W --call N]``. For each number N of a workload's
calls of one kind, and each way to fail, a fresh store works until call N fails. Then, per case:

* the store has failed, unless what failed can be borne: then nothing was promised for it;
* nothing is acknowledged any more, also when the device is well again;
* whoever waited is told within a bound, by ``JournalBroken`` or ``StoreUnusable``;
* what was acknowledged can still be read, from the same store where that is safe, and after a
  restart on the healed device, whether its cache survived or the unsynced was lost.
"""

from __future__ import annotations

import argparse
import errno
import logging
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import apsw
import trio
from attrs import define, field

from actors import JournalBroken
from collab.storage import SqliteStore, StoreUnusable, open_store
from tests.crash.device import Call, Device
from tests.crash.ledger import ActorLedger, Lost
from tests.crash.lives import (
    CLOCK_MS,
    begin_checkpoints_early,
    live,
    new_ledgers,
    small_bounds,
    work,
)
from tests.crash.power import Tally as PowerTally
from tests.crash.power import leave

DEEDS: Final = 6
TOLD_S_MAX: Final = 0.1
NOTICED_S_MAX: Final = 5.0
SEED: Final = 1
_RECORDS: Final = 1_000  # More than there are.


def _io_error() -> apsw.Error:
    return apsw.IOError(errno.EIO, "made by a test")


def _full() -> apsw.Error:
    return apsw.FullError("made by a test")


@define(frozen=True)
class Way:
    """How calls fail: which kinds, with what, and whether the device heals after the first."""

    name: str
    kinds: frozenset[str]
    error: Callable[[], apsw.Error]
    is_once: bool


WAYS: Final[Sequence[Way]] = (
    Way("one sync fails", frozenset({"sync"}), _io_error, is_once=True),
    Way("syncs fail", frozenset({"sync"}), _io_error, is_once=False),
    Way("one write fails", frozenset({"write", "truncate", "delete"}), _io_error, is_once=True),
    Way("all writes fail", frozenset({"write", "truncate"}), _io_error, is_once=False),
    Way("the disk is full", frozenset({"write"}), _full, is_once=False),
    Way("one read fails", frozenset({"read"}), _io_error, is_once=True),
)


class Fault:
    """Has call *nth* of a way's kinds fail, and those after it unless the device heals."""

    def __init__(self, way: Way, nth: int) -> None:
        self.way = way
        self.nth = nth
        self.at: Call | None = None
        self.at_s = 0.0
        self.is_healed = False
        self.seen = 0
        self._lock = threading.Lock()  # Reads come from every connection's thread.

    def __call__(self, call: Call) -> None:
        if call.kind not in self.way.kinds or self.is_healed:
            return
        with self._lock:
            self.seen += 1
            number = self.seen
        if number == self.nth:
            self.at, self.at_s = call, time.monotonic()
        if number == self.nth or (0 < self.nth < number and not self.way.is_once):
            raise self.way.error()


@define
class Tally:
    """What became of the cases."""

    cases: int = 0
    ends: dict[str, int] = field(factory=dict)
    told_s_max: float = 0.0
    acknowledged: int = 0

    def end(self, way: Way, what: str) -> None:
        key = f"{way.name}: {what}"
        self.ends[key] = self.ends.get(key, 0) + 1


def calls_of(way: Way, directory: Path) -> int:
    """Return how many calls of the way's kinds a life makes when nothing fails, about."""
    fault = Fault(way, 0)
    device = Device(fault)
    try:
        trio.run(_plain_life, directory, device, random.Random(SEED))
    finally:
        device.close()
    return fault.seen


async def _plain_life(directory: Path, device: Device, rng: random.Random) -> None:
    await live(directory, new_ledgers(SEED), deeds=DEEDS, rng=rng, vfs=device.name)


def run(way: Way, nth: int, directory: Path, tally: Tally) -> bool:
    """Play one case; say whether the fault came up at all.

    Raises:
      Lost: a promise was broken.
      JournalCorrupt, StoreUnusable: what was left cannot be used.
    """
    fault = Fault(way, nth)
    device = Device(fault)
    here, cut = directory / "here", directory / "cut"
    cut.mkdir()
    ledgers = new_ledgers(SEED)
    try:
        trio.run(_life, here, ledgers, fault, device, tally)
    finally:
        device.close()
    if fault.at is None:
        return False
    leave(device, cut, random.Random(nth), PowerTally())
    for left in (here, cut):
        again = [ledger.copy() for ledger in ledgers]
        trio.run(_look, left, again)
    tally.cases += 1
    tally.acknowledged += sum(ledger.kept for ledger in ledgers)
    return True


async def _life(
    here: Path, ledgers: Sequence[ActorLedger], fault: Fault, device: Device, tally: Tally
) -> None:
    rng = random.Random(SEED)
    end = "closing"
    try:
        async with open_store(here, clock_ms=lambda: CLOCK_MS, vfs=device.name) as store:
            begin_checkpoints_early(store)
            await work(store, ledgers, deeds=DEEDS, rng=rng)
            told_s = time.monotonic()
            is_waited_for = fault.at is not None and store.failed is not None
            end = await _after(store, ledgers, fault)
            if is_waited_for:
                tally.told_s_max = max(tally.told_s_max, told_s - fault.at_s)
            fault.is_healed = fault.at is not None  # What is left to do is done, or not, in peace.
    except StoreUnusable as error:
        if fault.at is None or not isinstance(error.__cause__, apsw.Error):
            raise
        end = "not opened"
    if fault.at is not None:
        tally.end(fault.way, end)


async def _after(store: SqliteStore, ledgers: Sequence[ActorLedger], fault: Fault) -> str:
    """Look at a store that should have failed; return what it did."""
    if fault.at is None:
        return "closing"
    with trio.move_on_after(NOTICED_S_MAX):
        # A keeper of the store, for whom nobody waits, may have met it a moment ago.
        await store.broken.wait()
    if store.failed is None:
        if fault.at.kind == "sync" or (fault.at.kind, fault.at.file) == ("write", "collab.db-wal"):
            raise Lost(f"{fault.at} failed and nobody cared")
        return "borne"
    fault.is_healed = True  # Also on a device that is well again:
    for ledger in ledgers:
        try:
            await store.append(ledger.next_batch())
        except JournalBroken:
            continue
        raise Lost(f"an append after {fault.at} was acknowledged")
    for ledger in ledgers:
        records = await store.read(ledger.actor_id, after=0, limit=_RECORDS)
        ledger.check_start([record.payload for record in records])
    return "stopped"


async def _look(left: Path, ledgers: Sequence[ActorLedger]) -> None:
    await live(left, ledgers, deeds=1, rng=random.Random(SEED))
    assert not any(ledger.is_open for ledger in ledgers), "a healthy device refused a write"


def sweep(tally: Tally, *, step: int, base: Path) -> Mapping[str, int]:
    """Play every *step*-th case of every way; return how many calls each way has."""
    totals = {}
    for way in WAYS:
        with tempfile.TemporaryDirectory(dir=base) as directory:
            totals[way.name] = total = calls_of(way, Path(directory) / "d")
        for nth in range(1, total + 1, step):
            with tempfile.TemporaryDirectory(dir=base, prefix=f"call-{nth}-") as directory:
                try:
                    run(way, nth, Path(directory), tally)
                except BaseException:
                    print(f"failed: --way {way.name!r} --call {nth}", file=sys.stderr)
                    raise
    return totals


def main() -> int:
    """Sweep as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.failing")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--way", choices=[way.name for way in WAYS], help="only one case of this")
    parser.add_argument("--call", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # Every life ends with a failed device.
    tally, started = Tally(), time.monotonic()
    with small_bounds(), tempfile.TemporaryDirectory(prefix="failing-") as base:
        if options.way is not None:
            (way,) = (way for way in WAYS if way.name == options.way)
            run(way, options.call, Path(base), tally)
            totals: Mapping[str, int] = {way.name: 1}
        else:
            totals = sweep(tally, step=options.step, base=Path(base))
    print(f"{tally.cases} cases of {dict(totals)} in {time.monotonic() - started:.0f} s")
    for what, number in sorted(tally.ends.items()):
        print(f"  {number:5}  {what}")
    print(f"told within {tally.told_s_max * 1000:.0f} ms; {tally.acknowledged} deeds, none lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
