"""Fixtures of the storage tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from collab.storage import SqliteStore, open_store
from tests.storage.faults import FaultyDisk

Reopen = Callable[[], AbstractAsyncContextManager[SqliteStore]]


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def reopen(tmp_path: Path) -> Reopen:
    """Open the same store each time."""
    return lambda: open_store(tmp_path / "d", clock_ms=lambda: 1_000)


@pytest.fixture
def reopen_faulty(tmp_path: Path, disk: FaultyDisk) -> Reopen:
    """Open the same store each time, on a device that can be made to fail."""
    return lambda: open_store(tmp_path / "d", clock_ms=lambda: 1_000, vfs=disk.name)
