"""The writer: what shares a commit, what a cancellation does, and what is bounded."""

from __future__ import annotations

import sys
import threading
from functools import partial
from pathlib import Path

import apsw
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import Batch, JournalConflict, Snapshot
from actors.testing.journal_contract import stored_payloads
from collab.kind import Put
from collab.storage import SignalRow, SqliteStore
from collab.storage.connection import ReaderPool, open_readers
from tests.storage.conftest import Reopen
from tests.storage.faults import FaultyDisk


async def test_waiting_batches_share_a_commit(reopen: Reopen) -> None:
    """[J1.1] While one group syncs, everything that arrives forms the next one."""
    async with reopen() as store:
        async with trio.open_nursery() as nursery:
            for n in range(300):
                rows = [Put("l", 1, b"x"), SignalRow("user:u", b"s", 0)]
                nursery.start_soon(store.append, Batch(f"a:{n}", 1, [b"x"] * 5, rows))
        assert store.figures.rows == 1_500
        assert store.figures.commits <= 30  # How many exactly is the scheduler's business.
        assert len(await store.pending_signals(after=0, limit=1_000)) == 300


async def test_a_commit_is_synced_before_append_returns(
    reopen_faulty: Reopen, disk: FaultyDisk
) -> None:
    """[J1.2] Every acknowledged batch has a sync between its append and its return."""
    async with reopen_faulty() as store:
        for seq in range(1, 6):
            before = disk.synced
            await store.append(Batch("a:1", seq, [b"x"]))
            assert disk.synced > before


async def test_a_cancelled_append_does_not_stop_the_writer(reopen: Reopen) -> None:
    """[J1.3] The record of a cancelled append is whole or absent; the next ones go on."""
    async with reopen() as store:
        for n in range(20):
            with trio.CancelScope() as scope:
                scope.deadline = trio.current_time() + n * 0.000_1
                await store.append(Batch(f"a:{n}", 1, [b"x", b"y"], [Put("l", 1, b"z")]))
            stored = await stored_payloads(store, f"a:{n}")
            assert stored in ([], [b"x", b"y"])
            assert len(await store.page(f"a:{n}", "l", limit=9)) == (1 if stored else 0)
            await store.append(Batch(f"a:{n}", len(stored) + 1, [b"next"]))


async def test_an_append_that_is_cancelled_beforehand_stores_nothing(reopen: Reopen) -> None:
    """[J1.3] Cancelled before it was queued: nothing happened."""
    async with reopen() as store:
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.append(Batch("a:1", 1, [b"x"]))
        assert scope.cancelled_caught
        assert await stored_payloads(store, "a:1") == []


async def test_the_writer_outlives_the_cancellation_of_its_surroundings(reopen: Reopen) -> None:
    """[J1.4] Actors can still store their last batches in a shielded scope."""
    with trio.CancelScope() as outer:
        async with reopen() as store:
            outer.cancel()
            with trio.CancelScope(shield=True):
                await store.append(Batch("a:1", 1, [b"last"]))
                await store.save_snapshot("a:1", Snapshot(1, b"s"))
    async with reopen() as store:
        assert (await store.head("a:1")).snapshot == Snapshot(1, b"s")


async def test_a_cancelled_read_leaves_the_readers_usable(reopen: Reopen) -> None:
    """[J1.5] Reads may be cancelled at any moment."""
    async with reopen() as store:
        for n in range(10):
            await store.append(Batch("a:1", 1 + 100 * n, [b"x" * 1_000] * 100))
        for n in range(40):
            with trio.move_on_after(n * 0.000_1):
                await store.read("a:1", after=0, limit=1_000)
        for _ in range(4):
            assert len(await store.read("a:1", after=0, limit=1_000)) == 1_000


async def test_reads_do_not_wait_for_the_event_loop(tmp_path: Path) -> None:
    """[J1.13] All that were asked for are read while the loop is busy with something else."""
    path, gate, done = tmp_path / "x.db", threading.Event(), threading.Event()
    apsw.Connection(str(path)).close()
    read: list[int] = []

    def work(_db: apsw.Connection, number: int) -> None:
        gate.wait(10)
        read.append(number)
        if len(read) == 12:
            done.set()

    async with open_readers(path, None, 2) as readers, trio.open_nursery() as nursery:
        for number in range(12):
            nursery.start_soon(readers.run, work, number)
        await wait_all_tasks_blocked()
        gate.set()
        assert done.wait(10)  # Not a checkpoint: nothing else of trio runs meanwhile.
    assert sorted(read) == list(range(12))


async def test_a_slow_read_holds_up_no_other_one(tmp_path: Path) -> None:
    """[J1.13] One queue for all threads: there are two, and the free one reads all the rest."""
    path, gate = tmp_path / "x.db", threading.Event()
    apsw.Connection(str(path)).close()
    threads: set[int] = set()

    def slow(_db: apsw.Connection) -> None:
        threads.add(threading.get_ident())
        gate.wait(10)

    def fast(_db: apsw.Connection) -> int:
        return threading.get_ident()

    async with open_readers(path, None, 2) as readers, trio.open_nursery() as nursery:
        nursery.start_soon(readers.run, slow)
        await wait_all_tasks_blocked()
        with trio.fail_after(5):
            threads |= {await readers.run(fast) for _ in range(50)}
        assert len(threads) == 2
        nursery.start_soon(readers.run, slow)
        await wait_all_tasks_blocked()
        with trio.move_on_after(0.01):
            await readers.run(fast)  # Nobody is free: it is given up before it begins.
        gate.set()
        with pytest.raises(apsw.SQLError):
            await readers.run(lambda db: db.execute("no SQL"))
        assert await readers.run(fast) in threads


async def test_a_panic_while_reading_is_its_readers_alone(tmp_path: Path) -> None:
    """[J1.13] Whatever is raised, even what is no Exception: the others read on."""
    path = tmp_path / "x.db"
    apsw.Connection(str(path)).close()

    class Panic(BaseException):
        """As a library in Rust raises it."""

    def panic(_db: apsw.Connection) -> None:
        raise Panic

    async def fails(readers: ReaderPool) -> None:
        with pytest.raises(Panic):
            await readers.run(panic)

    async with open_readers(path, None, 2) as readers, trio.open_nursery() as nursery:
        with trio.fail_after(5):
            for _ in range(5):
                nursery.start_soon(fails, readers)
                assert await readers.run(lambda db: db.pragma("page_count")) == 0


async def test_a_closed_store_says_so(reopen: Reopen) -> None:
    """[J1.6] Using it after its end is the caller's mistake."""
    async with reopen() as store:
        pass
    for attempt in (
        store.append(Batch("a:1", 1, [b"x"])),
        store.save_snapshot("a:1", Snapshot(1, b"s")),
        store.forget_signals([1]),
        store.read("a:1", after=0, limit=1),
        store.page("a:1", "l", limit=1),
    ):
        with pytest.raises(trio.ClosedResourceError):
            await attempt


async def test_a_full_group_makes_appends_wait(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J1.7] A group takes a bounded number of rows; who comes later waits and is stored too."""
    monkeypatch.setattr("collab.storage.group.GROUP_ROWS_MAX", 10)
    async with reopen() as store:
        async with trio.open_nursery() as nursery:
            for n in range(100):
                nursery.start_soon(store.append, Batch(f"a:{n}", 1, [b"x"] * 5))
        assert store.figures.rows == 500
        assert store.figures.commits >= 50


async def test_an_actor_that_left_memory_is_found_on_disk(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J1.8] Heads of a bounded number of resting actors are remembered; others looked up."""
    monkeypatch.setattr("collab.storage.heads.IDLE_HEADS_MAX", 3)
    async with reopen() as store:
        for n in range(10):
            await store.append(Batch(f"a:{n}", 1, [b"x"]))
        await store.seal_tail()
        assert len(store._heads._known) == 3

        async def clash(actor_id: str, outcomes: list[str]) -> None:
            try:
                await store.append(Batch(actor_id, 2, [b"y"]))
            except JournalConflict:
                outcomes.append("conflict")
            else:
                outcomes.append("stored")

        for n in range(10):
            outcomes: list[str] = []
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(clash, f"a:{n}", outcomes)
            assert sorted(outcomes) == ["conflict", "conflict", "stored"]
            assert await stored_payloads(store, f"a:{n}") == [b"x", b"y"]


async def test_the_log_is_bounded(reopen: Reopen, monkeypatch: pytest.MonkeyPatch) -> None:
    """[J1.9] The write-ahead log is copied beside the commits and starts over."""
    monkeypatch.setattr("collab.storage.checkpoint.WAL_PAGES_SOFT", 100)

    async def write(store: SqliteStore, actor_id: str) -> None:
        for seq in range(1, 61):
            await store.append(Batch(actor_id, seq, [b"x" * 2_000]))

    async with reopen() as store:
        store._checkpointer._pages_next = 100
        async with trio.open_nursery() as nursery:
            for n in range(20):
                nursery.start_soon(write, store, f"a:{n}")
        assert store.figures.checkpoints >= 2
        written = store.figures.pages_written * 4_096
        log = store.directory / "collab.db-wal"
        assert log.stat().st_size < written / 2


async def test_an_idle_actor_takes_little_memory_and_a_sealed_one_none(reopen: Reopen) -> None:
    """[J1.10] The index holds at most 32 bytes per record of the tail, and no payload."""
    async with reopen() as store:
        for seq in range(1, 101):
            await store.append(Batch("a:1", seq, [b"x" * 1_000]))
            await store.append(Batch("a:2", seq, [b"x"]))
        assert sys.getsizeof(store._tail._runs["a:1"]) < 100 * 32 + 1_000
        await store.seal_tail()
        assert store._tail._runs == {}


async def test_figures_follow_the_commits(reopen: Reopen) -> None:
    """[J1.11] Counters and last values are there for the metrics."""
    async with reopen() as store:
        append = partial(Batch, "a:1")
        await store.append(append(1, [b"abc", b"d"]))
        await store.append(append(3, [b"e"]))
        figures = store.figures
        assert (figures.commits, figures.rows, figures.payload_bytes) == (2, 3, 5)
        assert (figures.tail_rows, figures.tail_bytes) == (3, 5)
        assert figures.pages_written > 0
        assert 0 < figures.commit_s_last <= figures.commit_s_total
        assert figures.commit_s_percentile(99) >= figures.commit_s_percentile(50) > 0
