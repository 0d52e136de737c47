"""A server that is killed: everything it acknowledged is there at the next start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import trio

from actors.testing.journal_contract import stored_payloads
from collab.storage import SqliteStore
from tests.storage.conftest import Reopen
from tests.storage.crash_writer import payload


async def _kill_after(directory: Path, lines: int) -> dict[str, int]:
    """Run the writer until it acknowledged *lines* batches, kill it; return actor -> newest seq."""
    command = [sys.executable, "-m", "tests.storage.crash_writer", str(directory)]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    received = b""
    while received.count(b"\n") < lines:
        chunk = await process.stdout.receive_some()
        assert chunk, "the writer ended by itself"
        received += chunk
    process.kill()
    async for chunk in process.stdout:
        received += chunk
    await process.wait()
    acknowledged: dict[str, int] = {}
    for line in received.decode().splitlines():
        actor_id, seq = line.split()
        acknowledged[actor_id] = int(seq)
    return acknowledged


async def _assert_kept(store: SqliteStore, acknowledged: dict[str, int]) -> None:
    for actor_id, seq in acknowledged.items():
        stored = await stored_payloads(store, actor_id)
        assert len(stored) in (seq, seq + 2), "an acknowledged batch is lost, or half a batch kept"
        assert stored == [payload(actor_id, n) for n in range(1, len(stored) + 1)]
        (item,) = await store.page(actor_id, "last", limit=9)
        assert item.value == b"%d" % len(stored), "events and rows do not fit"


async def test_what_was_acknowledged_survives_kill_9(reopen: Reopen, tmp_path: Path) -> None:
    """[J1.12] Killed at any point, in passes and checkpoints too: acknowledged ⊆ stored."""
    with trio.fail_after(30):
        for lines in (37, 150, 400):
            acknowledged = await _kill_after(tmp_path / "d", lines)
            async with reopen() as store:
                await _assert_kept(store, acknowledged)
