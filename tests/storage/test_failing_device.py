"""A device that fails: nothing is acknowledged afterwards, and nothing acknowledged is lost."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest
import trio

from actors import Batch, JournalBroken, Record, Snapshot
from collab.storage import open_store
from collab.storage.connection import SqlThread
from collab.storage.figures import Figures
from collab.storage.tail import TailIndex
from collab.storage.writer import Writer
from tests.crash.device import Call, Device
from tests.storage.conftest import Reopen
from tests.storage.faults import FaultyDisk


@pytest.mark.parametrize("flag", ["fail_writes", "fail_syncs", "is_full"])
async def test_the_first_failure_is_the_last_commit(
    reopen_faulty: Reopen, disk: FaultyDisk, flag: str
) -> None:
    """[J4.1] After one failed write or sync every append fails, also if the device recovers."""
    async with reopen_faulty() as store:
        await store.append(Batch("a:1", 1, [b"kept"]))
        setattr(disk, flag, True)
        with pytest.raises(JournalBroken):
            await store.append(Batch("a:1", 2, [b"lost"]))
        setattr(disk, flag, False)
        assert store.failed is not None
        assert store.broken.is_set()
        for write in (
            store.append(Batch("a:1", 2, [b"lost"])),
            store.append(Batch("b:1", 1, [b"lost"])),
            store.save_snapshot("a:1", Snapshot(1, b"s")),
            store.forget_signals([1]),
        ):
            with pytest.raises(JournalBroken):
                await write
        assert await store.read("a:1", after=0, limit=1) == [Record(1, b"kept")]
        commits = store.figures.commits
    async with reopen_faulty() as store:
        assert commits == 1
        records = await store.read("a:1", after=0, limit=9)
        assert records[0] == Record(1, b"kept")
        await store.append(Batch("a:1", len(records) + 1, [b"next"]))


async def test_a_full_disk_is_named(reopen_faulty: Reopen, disk: FaultyDisk) -> None:
    """[J4.2] The error says what is wrong and what to do."""
    async with reopen_faulty() as store:
        disk.is_full = True
        with pytest.raises(JournalBroken) as caught:
            await store.append(Batch("a:1", 1, [b"lost"]))
        assert caught.value.detail == "the disk is full; free some space and start again"
        disk.is_full = False


async def test_everybody_who_waits_is_told(reopen_faulty: Reopen, disk: FaultyDisk) -> None:
    """[J4.1] All batches of the failed group and of the waiting one get JournalBroken."""
    told: list[str] = []

    async def write(actor_id: str) -> None:
        with pytest.raises(JournalBroken):
            await store.append(Batch(actor_id, 1, [b"lost"]))
        told.append(actor_id)

    async with reopen_faulty() as store:
        disk.fail_syncs = True
        async with trio.open_nursery() as nursery:
            for n in range(20):
                nursery.start_soon(write, f"a:{n}")
                await trio.lowlevel.checkpoint()
        assert len(told) == 20
        disk.fail_syncs = False


async def test_who_waits_is_told_before_the_device_is_asked_again() -> None:
    """[J4.4] A connection that is gone fails its commit; whoever waits is told all the same."""
    told = trio.Event()

    class GoneThread(SqlThread):
        async def run(self, work: Any, *_args: Any) -> Any:  # type: ignore[override]
            if getattr(work, "__name__", "") == "_keep_log":
                await told.wait()
            raise apsw.ConnectionClosedError("closed by a test")

    writer = Writer(GoneThread(None), TailIndex(), 0, Figures())  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        with pytest.raises(JournalBroken):
            await writer.durable()
        assert writer.broken.is_set()
        told.set()
    with pytest.raises(JournalBroken):
        await writer.room()


async def test_a_failing_read_stops_the_writing(reopen_faulty: Reopen, disk: FaultyDisk) -> None:
    """[J4.3] A device that cannot read is not trusted with writes."""
    async with reopen_faulty() as store:
        for n in range(1, 40):
            await store.append(Batch("a:1", n, [b"x" * 10_000]))
    async with reopen_faulty() as store:
        disk.fail_reads = True
        with pytest.raises(JournalBroken):
            await store.read("a:1", after=0, limit=100)
        disk.fail_reads = False
        with pytest.raises(JournalBroken):
            await store.append(Batch("a:1", 40, [b"x"]))


async def test_a_failing_checkpoint_stops_the_writing(
    reopen_faulty: Reopen, disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J4.3] A sync that fails while the log is copied counts like one in a commit."""
    monkeypatch.setattr("collab.storage.checkpoint.WAL_PAGES_SOFT", 1)
    async with reopen_faulty() as store:
        store._checkpointer._pages_next = 1
        await store.append(Batch("a:1", 1, [b"x" * 20_000]))
        disk.fail_checkpoints = True
        with trio.fail_after(5):
            seq = 1
            while store.failed is None:
                seq += 1
                with suppress(JournalBroken):
                    await store.append(Batch("a:1", seq, [b"x" * 20_000]))
        disk.fail_checkpoints = False
    async with reopen_faulty() as store:
        assert (await store.head("a:1")).last_seq >= seq - 1


async def test_a_pass_that_cannot_read_stops_the_writing(
    reopen_faulty: Reopen, disk: FaultyDisk
) -> None:
    """[J4.3] Who asked for the pass gets the store's own error, and nothing is taken any more."""
    async with reopen_faulty() as store:
        for n in range(1, 40):
            await store.append(Batch("a:1", n, [b"x" * 10_000]))
        disk.fail_reads = True
        with pytest.raises(JournalBroken):
            await store.seal_tail()
        disk.fail_reads = False
        with pytest.raises(JournalBroken):
            await store.append(Batch("a:1", 40, [b"x"]))


async def test_a_device_that_fails_while_it_is_closed_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """[J4.5] What is left to do at the end is left to the next start, and said in the log."""

    def refuse(call: Call) -> None:
        if call.kind == "delete" and call.file.endswith("-wal"):
            raise apsw.IOError("made by a test")

    device = Device(refuse)
    async with open_store(tmp_path, clock_ms=lambda: 1, vfs=device.name) as store:
        await store.append(Batch("a:1", 1, [b"kept"]))
    device.close()
    assert "closing the database: reading or writing failed" in caplog.text
    async with open_store(tmp_path, clock_ms=lambda: 1) as store:
        assert await store.read("a:1", after=0, limit=9) == [Record(1, b"kept")]


async def test_a_failing_pass_stops_the_writing(reopen_faulty: Reopen, disk: FaultyDisk) -> None:
    """[J4.3] So does a failure while the tail is sealed; every record is still there."""
    async with reopen_faulty() as store:
        await store.append(Batch("a:1", 1, [b"x"]))
        disk.fail_writes = True
        with pytest.raises(JournalBroken):
            await store.seal_tail()
        disk.fail_writes = False
        assert await store.read("a:1", after=0, limit=9) == [Record(1, b"x")]
    async with reopen_faulty() as store:
        assert await store.read("a:1", after=0, limit=9) == [Record(1, b"x")]
