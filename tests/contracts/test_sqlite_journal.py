"""The SQLite store passes the journal contract, whole and with a device that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors import Batch, Journal
from actors.testing.journal_contract import BrokenJournalContract, JournalContract, OpenJournal
from collab.storage import open_store
from tests.storage.faults import FaultyDisk


def _clock_ms() -> int:
    return 1_000


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def open_journal(self, tmp_path: Path) -> OpenJournal:
        return lambda: open_store(tmp_path, clock_ms=_clock_ms)


class TestSqliteJournalSealed(JournalContract):
    """The same with every record sealed into buckets at each closing and reopening."""

    @pytest.fixture
    def open_journal(self, tmp_path: Path) -> OpenJournal:
        @asynccontextmanager
        async def reopen() -> AsyncIterator[Journal]:
            async with open_store(tmp_path, clock_ms=_clock_ms) as store:
                yield store
                await store.seal_tail()
                assert store.figures.tail_rows == 0

        return reopen


class TestSqliteJournalBroken(BrokenJournalContract):
    @pytest.fixture
    async def failing_journal(self, tmp_path: Path, disk: FaultyDisk) -> AsyncIterator[Journal]:
        async with open_store(tmp_path, clock_ms=_clock_ms, vfs=disk.name) as store:
            await store.append(Batch("thing:a", 1, [b"kept"]))
            disk.fail_writes = True
            yield store

    @pytest.fixture
    def disk(self) -> FaultyDisk:
        return FaultyDisk()
