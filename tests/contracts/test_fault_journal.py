"""Without faults the fault journal is as good as what it wraps; with one it breaks by the rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors import Batch, Journal, JournalBroken, MemoryJournal
from actors.testing import Fault, FaultJournal
from actors.testing.journal_contract import BrokenJournalContract, JournalContract, OpenJournal


class TestFaultJournal(JournalContract):
    @pytest.fixture
    def open_journal(self) -> OpenJournal:
        inner = MemoryJournal()

        @asynccontextmanager
        async def reopen() -> AsyncIterator[Journal]:
            yield FaultJournal(inner)

        return reopen


class TestBrokenFaultJournal(BrokenJournalContract):
    @pytest.fixture
    async def failing_journal(self) -> Journal:
        journal = FaultJournal(MemoryJournal(), faults={2: Fault(error=JournalBroken("no space"))})
        await journal.append(Batch("thing:a", 1, [b"kept"]))
        return journal
