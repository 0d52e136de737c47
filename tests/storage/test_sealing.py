"""The compactor changes where records are, never what a reader sees."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest
import trio

from actors import Batch
from actors.testing.journal_contract import stored_payloads
from collab.storage import SqliteStore
from tests.storage.conftest import Reopen

Model = dict[str, list[bytes]]


async def _append_random(store: SqliteStore, rng: random.Random, model: Model) -> None:
    actor_id = f"a:{rng.randrange(6)}"
    size_max = rng.choice([10, 300, 30_000])
    payloads = [rng.randbytes(rng.randrange(size_max)) for _ in range(rng.randint(1, 8))]
    stored = model.setdefault(actor_id, [])
    first_seq = len(stored) + 1
    stored.extend(payloads)
    await store.append(Batch(actor_id, first_seq, payloads))


async def _assert_agrees(store: SqliteStore, model: Model) -> None:
    for actor_id, payloads in model.items():
        assert await stored_payloads(store, actor_id) == payloads


@pytest.mark.parametrize("seed", range(8))
async def test_sealing_is_invisible(reopen: Reopen, seed: int) -> None:
    """[J6.1] After any mix of appends, passes and reopenings, read and head equal a model."""
    rng = random.Random(seed)
    model: Model = {}
    for _ in range(3):
        async with reopen() as store:
            await _assert_agrees(store, model)
            for _ in range(25):
                await _append_random(store, rng, model)
                if rng.random() < 0.15:
                    await store.seal_tail()
                    assert store.figures.tail_rows == 0
            await _assert_agrees(store, model)


@pytest.mark.parametrize("seed", range(3))
async def test_sealing_beside_reads_and_writes_is_invisible(
    reopen: Reopen, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J6.2] A read during a pass sees every record, in small steps and large ones."""
    monkeypatch.setattr("collab.storage.compactor.SEAL_STEP_ROWS", 1 + 10 * seed)
    rng = random.Random(seed)
    model: Model = {}
    async with reopen() as store, trio.open_nursery() as nursery:

        async def seal_on_and_on() -> None:
            while True:
                await store.seal_tail()
                await trio.lowlevel.checkpoint()

        async def read_on_and_on() -> None:
            while True:
                for actor_id in list(model):
                    known = list(model[actor_id])
                    records = await store.read(actor_id, after=0, limit=10_000)
                    seen = [record.payload for record in records]
                    assert seen[: len(known)] == known[: len(seen)]
                    assert len(seen) >= len(known) - 8  # The newest batch may be on its way.
                await trio.lowlevel.checkpoint()

        nursery.start_soon(seal_on_and_on)
        nursery.start_soon(read_on_and_on)
        for _ in range(60):
            await _append_random(store, rng, model)
        nursery.cancel_scope.cancel()
    async with reopen() as store:
        await _assert_agrees(store, model)


async def _seal(store: SqliteStore, ended: trio.Event) -> None:
    await store.seal_tail()
    ended.set()


async def test_a_pass_that_was_stopped_is_finished_by_the_next(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J6.3] Cancelled between any two steps, also across a reopening: nothing lost or doubled."""
    monkeypatch.setattr("collab.storage.compactor.SEAL_STEP_ROWS", 1)
    monkeypatch.setattr("collab.storage.compactor.SEAL_AT_CLOSE_S", 0)
    rng = random.Random(1)
    model: Model = {}
    for steps in range(1, 12):
        async with reopen() as store:
            for _ in range(4):
                await _append_random(store, rng, model)
            sealed = store.figures.buckets_sealed
            async with trio.open_nursery() as nursery:
                ended = trio.Event()
                nursery.start_soon(_seal, store, ended)
                while store.figures.buckets_sealed < sealed + steps % 5 and not ended.is_set():
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            await _append_random(store, rng, model)
            await _assert_agrees(store, model)
    async with reopen() as store:
        await _assert_agrees(store, model)
        await store.seal_tail()
        assert store.figures.tail_rows == 0
        await _assert_agrees(store, model)


async def test_the_tail_stays_bounded_by_itself(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J6.4] Over the soft bound a pass begins; over the hard bound appends wait for it."""
    monkeypatch.setattr("collab.storage.compactor.TAIL_ROWS_MAX", 50)
    monkeypatch.setattr("collab.storage.compactor.TAIL_ROWS_HARD", 100)
    largest = 0

    async def write(store: SqliteStore, actor_id: str) -> None:
        nonlocal largest
        for n in range(60):
            await store.append(Batch(actor_id, 1 + 2 * n, [b"x" * 100] * 2))
            largest = max(largest, store.figures.tail_rows)

    async with reopen() as store:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for n in range(20):
                    nursery.start_soon(write, store, f"a:{n}")
        assert store.figures.buckets_sealed > 0
        assert largest <= 100 + 2 * 2 * 20  # What was let in before the bound was reached.
        for n in range(20):
            assert await stored_payloads(store, f"a:{n}") == [b"x" * 100] * 120


async def test_small_buckets_grow_instead_of_multiplying(reopen: Reopen, tmp_path: Path) -> None:
    """[J6.5] A bucket below 8 KiB takes the next records in; none is over 64 KiB."""
    payload = b"x" * 500
    async with reopen() as store:
        for seq in range(1, 201):
            await store.append(Batch("a:1", seq, [payload]))
            if seq % 5 == 0:
                await store.seal_tail()
        await store.append(Batch("a:2", 1, [payload] * 400))
    db = apsw.Connection(str(tmp_path / "d" / "collab.db"))
    sizes = {
        actor_id: db.execute("SELECT count(*) FROM bucket WHERE actor = ?", (actor_id,)).get
        for actor_id in ("a:1", "a:2")
    }
    largest = db.execute("SELECT max(size) FROM bucket").get
    db.close()
    assert sizes["a:1"] <= 200 * 500 // 8_192 + 1
    assert sizes["a:2"] == 4
    assert largest <= 65_536


async def test_a_large_record_has_a_bucket_of_its_own(reopen: Reopen) -> None:
    """[J6.5] One record may be larger than a bucket."""
    payloads = [b"small", random.Random(1).randbytes(500_000), b"", b"small"]
    async with reopen() as store:
        await store.append(Batch("a:1", 1, payloads))
        await store.seal_tail()
        assert await stored_payloads(store, "a:1") == payloads


async def test_a_clean_shutdown_leaves_an_empty_tail(reopen: Reopen) -> None:
    """[J6.6] What closing sealed does not have to be read at the next start."""
    async with reopen() as store:
        for n in range(30):
            await store.append(Batch(f"a:{n}", 1, [b"x"]))
    async with reopen() as store:
        assert store._tail.rows == 0
        assert await stored_payloads(store, "a:7") == [b"x"]


async def test_a_large_tail_is_indexed_quickly(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J6.7] A start with 100,000 records in the tail takes less than 2 s."""
    monkeypatch.setattr("collab.storage.compactor.SEAL_AT_CLOSE_S", 0)
    monkeypatch.setattr("collab.storage.compactor.TAIL_ROWS_MAX", 10**6)
    monkeypatch.setattr("collab.storage.compactor.TAIL_BYTES_MAX", 10**9)
    async with reopen() as store:
        for start in range(0, 100_000, 10_000):
            async with trio.open_nursery() as nursery:
                for n in range(start, start + 10_000, 100):
                    batch = Batch(f"a:{n // 100}", 1, [b"x" * 100] * 100)
                    nursery.start_soon(store.append, batch)
    started = trio.current_time()
    async with reopen() as store:
        assert trio.current_time() - started < 2
        assert store._tail.rows == 100_000
        assert len(await store.read("a:999", after=0, limit=1_000)) == 100
