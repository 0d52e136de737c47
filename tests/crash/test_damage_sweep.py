"""Flipped bytes anywhere: a share of ``python -m tests.crash.damage``."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
import trio

import collab.storage.directory
from actors import JournalBroken, Record
from collab.storage import SqliteStore, check_deeply, open_store
from tests.crash.damage import Tally, fill, flip
from tests.crash.ledger import ActorLedger
from tests.crash.lives import CLOCK_MS

FLIPS = 20
FLIPS_LONG = 300


def _flip_many(directory: Path, first: int, count: int) -> Tally:
    tally = Tally()
    ledgers = fill(directory / "whole")
    for seed in range(first, first + count):
        flip(directory / "whole", ledgers, seed, directory / f"seed-{seed}", tally)
    return tally


def test_a_flipped_byte_is_found_or_does_no_harm(tmp_path: Path) -> None:
    """[J10.1] [J10.2] Nobody is served wrong; the deep check finds what reads find."""
    tally = _flip_many(tmp_path, 1, FLIPS)
    assert tally.served_wrong == []
    assert tally.missed_deep == []
    assert tally.quarantined > 0
    assert tally.harmless > 0


@pytest.mark.long
def test_many_flipped_bytes_are_found_or_do_no_harm(tmp_path: Path) -> None:
    """[J10.1] [J10.2] The same for many places."""
    tally = _flip_many(tmp_path, 10_001, FLIPS_LONG)
    assert (tally.served_wrong, tally.missed_deep) == ([], [])


def test_a_commit_that_meets_damage_is_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J10.4] In a file too large for the check at the start: nobody is told that it was stored."""
    ledgers = fill(tmp_path / "d")
    path = tmp_path / "d" / "collab.db"
    _break_listings(path)
    monkeypatch.setattr(collab.storage.directory, "QUICK_CHECK_BYTES_MAX", 0)
    trio.run(_append_to_all, tmp_path / "d", ledgers)
    assert not check_deeply(tmp_path / "d").is_sound
    trio.run(_append_to_all, tmp_path / "d", ledgers)  # A start does not mend it.


def _break_listings(path: Path) -> None:
    """Damage the page that every search in the listings begins with."""
    db = apsw.Connection(str(path))
    page: int = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'item'").get
    size = db.pragma("page_size")
    db.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff")


async def _append_to_all(directory: Path, ledgers: list[ActorLedger]) -> None:
    async with open_store(directory, clock_ms=lambda: CLOCK_MS) as store:
        before = [await _records(store, ledger) for ledger in ledgers]
        for ledger in ledgers:
            with pytest.raises(JournalBroken):
                await store.append(ledger.copy().next_batch())
        assert store.broken.is_set()
        assert [await _records(store, ledger) for ledger in ledgers] == before


async def _records(store: SqliteStore, ledger: ActorLedger) -> list[Record]:
    return await store.read(ledger.actor_id, after=0, limit=1_000)
