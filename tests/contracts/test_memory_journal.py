"""The memory journal passes the contract. Its storage is the object itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors import Batch, Journal, MemoryJournal
from actors.testing.journal_contract import JournalContract, OpenJournal


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def open_journal(self) -> OpenJournal:
        journal = MemoryJournal()

        @asynccontextmanager
        async def reopen() -> AsyncIterator[Journal]:
            yield journal

        return reopen


async def test_memory_journal_keeps_rows_and_shows_every_stored_batch() -> None:
    """[K3.11] Rows are kept in order; on_batch sees each batch that was stored, none other."""
    seen: list[Batch] = []
    journal = MemoryJournal(on_batch=seen.append)
    first = Batch("thing:a", 1, [b"x"], rows=["r1", "r2"])
    second = Batch("thing:a", 2, [b"y"], rows=["r3"])
    await journal.append(first)
    with pytest.raises(Exception, match="thing:a"):
        await journal.append(first)
    await journal.append(second)
    assert seen == [first, second]
    assert journal.rows_of("thing:a") == ["r1", "r2", "r3"]
    assert journal.actor_ids == ["thing:a"]
