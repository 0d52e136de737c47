"""Both stores pass the store contract; the memory store also passes the journal's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors import Journal
from actors.testing.journal_contract import JournalContract, OpenJournal
from collab.storage import MemoryStore, open_store
from tests.contracts.store_contract import OpenStore, Store, StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def open_store_again(self, tmp_path: Path) -> OpenStore:
        return lambda: open_store(tmp_path, clock_ms=lambda: 1_000)


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def open_store_again(self) -> OpenStore:
        store = MemoryStore()

        @asynccontextmanager
        async def reopen() -> AsyncIterator[Store]:
            yield store

        return reopen


class TestMemoryStoreAsJournal(JournalContract):
    @pytest.fixture
    def open_journal(self) -> OpenJournal:
        store = MemoryStore()

        @asynccontextmanager
        async def reopen() -> AsyncIterator[Journal]:
            yield store

        return reopen
