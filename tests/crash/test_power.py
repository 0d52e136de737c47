"""Power cuts: a share of ``python -m tests.crash.power``, and the proof that it bites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest
import trio

import collab.storage.connection
import collab.storage.group
import collab.storage.writer
from actors import JournalCorrupt
from collab.storage.group import Group
from tests.crash.lives import small_bounds
from tests.crash.power import Tally, run

RUNS = 6
RUNS_LONG = 500
ONCE_FAILED = 101_144  # The device was believed to bring a journal back after the log's first sync.
RUNS_TO_CATCH = 30  # Each bug below was caught by one of the first few.


def _run_many(directory: Path, first: int, count: int) -> Tally:
    tally = Tally()
    with small_bounds():
        for seed in range(first, first + count):
            here = directory / f"seed-{seed}"  # In the name of what is left if it fails.
            here.mkdir()
            run(seed, here, tally)
    return tally


def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """[J8.1] Unsynced writes dropped, torn, reordered: acknowledged deeds are there, whole."""
    tally = _run_many(tmp_path, 1, RUNS)
    assert tally.cuts > RUNS
    assert tally.dropped > 0
    assert tally.acknowledged > 0


def test_a_journal_that_is_gone_when_the_log_is_synced_does_not_come_back(tmp_path: Path) -> None:
    """[J8.1] Cut between the journal's end and the log's first sync, and later once more."""
    _run_many(tmp_path, ONCE_FAILED, 1)


@pytest.mark.long
def test_many_power_cuts_lose_nothing(tmp_path: Path) -> None:
    """[J8.1] The same with many seeds."""
    assert _run_many(tmp_path, 10_001, RUNS_LONG).runs == RUNS_LONG


def _sync_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commits not wait for the device."""
    prepare = collab.storage.connection._prepare_writer

    def prepare_carelessly(db: apsw.Connection) -> None:
        prepare(db)
        db.pragma("synchronous", 1)

    monkeypatch.setattr(collab.storage.connection, "_prepare_writer", prepare_carelessly)


def _answer_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell whoever waits before the commit."""
    commit = collab.storage.writer.Writer._commit

    async def release_first(self: Any, group: Group) -> None:
        self._release(group)
        await trio.lowlevel.checkpoint()
        await commit(self, group)

    monkeypatch.setattr(collab.storage.writer.Writer, "_commit", release_first)


def _split_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store records and rows in transactions of their own."""
    execute = collab.storage.group._execute

    def execute_alone(db: apsw.Connection, statement: Any) -> None:
        execute(db, statement)
        if db.in_transaction:
            db.execute("COMMIT")
            db.execute("BEGIN IMMEDIATE")

    monkeypatch.setattr(collab.storage.group, "_execute", execute_alone)


@pytest.mark.parametrize("bug", [_sync_normal, _answer_early, _split_commits])
def test_a_store_that_promises_too_much_is_caught(
    bug: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J8.2] A store with such a bug breaks a promise within a few runs."""
    bug(monkeypatch)
    with pytest.raises((AssertionError, JournalCorrupt, BaseExceptionGroup)) as caught:
        _run_many(tmp_path, 1, RUNS_TO_CATCH)
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    # ``Lost``, a gap in the records, or the store itself says that something is missing.
    assert isinstance(error, (AssertionError, JournalCorrupt)), repr(error)
