"""The test suite that every journal passes. Subclass it in a test module.

::

    class TestMyJournal(JournalContract):
        @pytest.fixture
        def open_journal(self, tmp_path: Path) -> OpenJournal:
            return lambda: my_journal(tmp_path)  # an async context manager

Each call of ``open_journal()`` opens the same storage; no two are open at once. The suite needs
pytest and pytest-trio. A journal whose device can be made to fail also passes
:class:`BrokenJournalContract`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio

from actors._errors import JournalBroken, JournalConflict
from actors._journal import Batch, Journal, Record, Snapshot

OpenJournal = Callable[[], AbstractAsyncContextManager[Journal]]

_PAGE = 7  # Small and odd, so that ends of pages fall everywhere.


async def read_all(journal: Journal, actor_id: str, *, after: int = 0) -> list[Record]:
    """Return every record above *after*, read in small pages. Cancelled: nothing happened."""
    records: list[Record] = []
    while True:
        page = await journal.read(actor_id, after=after, limit=_PAGE)
        assert len(page) <= _PAGE, "a page is longer than its limit"
        records.extend(page)
        if len(page) < _PAGE:
            return records
        after = page[-1].seq


async def stored_payloads(journal: Journal, actor_id: str) -> list[bytes]:
    """Return all payloads, after proving that their seqs are 1, 2, 3 … up to the head's."""
    records = await read_all(journal, actor_id)
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert (await journal.head(actor_id)).last_seq == len(records)
    return [record.payload for record in records]


def _numbered(count: int, *, start: int = 1) -> list[bytes]:
    return [b"event %d" % n for n in range(start, start + count)]


class JournalContract:
    """What ``actors.Journal`` promises, as tests. Needs the fixture ``open_journal``."""

    async def test_an_unknown_actor_has_an_empty_history(self, open_journal: OpenJournal) -> None:
        """[K3.1] An actor that was never written has seq 0, no snapshot and no record."""
        async with open_journal() as journal:
            head = await journal.head("thing:new")
            assert (head.last_seq, head.snapshot) == (0, None)
            assert head.epoch
            assert await journal.read("thing:new", after=0, limit=10) == []

    async def test_a_batch_is_read_back_as_soon_as_append_returned(
        self, open_journal: OpenJournal
    ) -> None:
        """[K3.2] Read and head see a batch once its append has returned, numbered from 1."""
        async with open_journal() as journal:
            await journal.append(Batch("thing:a", 1, [b"one", b"two"]))
            assert (await journal.head("thing:a")).last_seq == 2
            assert await journal.read("thing:a", after=0, limit=10) == [
                Record(1, b"one"),
                Record(2, b"two"),
            ]
            await journal.append(Batch("thing:a", 3, [b"three"]))
            assert await stored_payloads(journal, "thing:a") == [b"one", b"two", b"three"]

    @pytest.mark.parametrize("first_seq", [0, 1, 2, 4, 100])
    async def test_a_batch_that_does_not_start_at_the_next_seq_conflicts(
        self, open_journal: OpenJournal, first_seq: int
    ) -> None:
        """[K3.3] A batch at any other seq raises JournalConflict and stores nothing."""
        async with open_journal() as journal:
            await journal.append(Batch("thing:a", 1, _numbered(2)))
            with pytest.raises(JournalConflict) as caught:
                await journal.append(Batch("thing:a", first_seq, [b"stray", b"stray"]))
            assert caught.value.actor_id == "thing:a"
            assert (caught.value.first_seq, caught.value.expected_seq) == (first_seq, 3)
            assert await stored_payloads(journal, "thing:a") == _numbered(2)
            await journal.append(Batch("thing:a", 3, _numbered(1, start=3)))
            assert await stored_payloads(journal, "thing:a") == _numbered(3)

    async def test_of_two_writers_of_one_seq_exactly_one_wins(
        self, open_journal: OpenJournal
    ) -> None:
        """[K3.3] Two activations that write the same seq at once: one is stored, one conflicts."""
        outcomes: list[str] = []

        async def write(journal: Journal, name: bytes) -> None:
            try:
                await journal.append(Batch("thing:a", 1, [name, name]))
            except JournalConflict:
                outcomes.append("conflict")
            else:
                outcomes.append("stored")

        async with open_journal() as journal:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write, journal, b"x")
                nursery.start_soon(write, journal, b"y")
            assert sorted(outcomes) == ["conflict", "stored"]
            assert await stored_payloads(journal, "thing:a") in ([b"x", b"x"], [b"y", b"y"])

    async def test_pages_join_without_gap_or_overlap(self, open_journal: OpenJournal) -> None:
        """[K3.4] Read returns seq > after, oldest first; fewer than limit means the end."""
        async with open_journal() as journal:
            expected = _numbered(3 * _PAGE)
            await journal.append(Batch("thing:a", 1, expected[:10]))
            await journal.append(Batch("thing:a", 11, expected[10:]))
            assert await stored_payloads(journal, "thing:a") == expected
            page = await journal.read("thing:a", after=8, limit=4)
            assert page == [Record(n, b"event %d" % n) for n in (9, 10, 11, 12)]
            assert len(await journal.read("thing:a", after=0, limit=1_000)) == len(expected)
            assert await journal.read("thing:a", after=len(expected), limit=5) == []
            assert await journal.read("thing:a", after=len(expected) + 50, limit=5) == []

    async def test_actors_do_not_see_each_other(self, open_journal: OpenJournal) -> None:
        """[K3.5] Histories are separate, whatever characters or prefixes the ids share."""
        ids = ["a:1", "a:10", "a:1:0", "a:%", "a:_", "a:Zoë/é", "b:1", "A:1"]
        async with open_journal() as journal:
            for count, actor_id in enumerate(ids, start=1):
                payloads = [actor_id.encode()] * count
                await journal.append(Batch(actor_id, 1, payloads))
            await journal.save_snapshot("a:1", Snapshot(1, b"state"))
            for count, actor_id in enumerate(ids, start=1):
                assert await stored_payloads(journal, actor_id) == [actor_id.encode()] * count
                head = await journal.head(actor_id)
                assert head.snapshot == (Snapshot(1, b"state") if actor_id == "a:1" else None)

    async def test_many_actors_append_at_once(self, open_journal: OpenJournal) -> None:
        """[K3.5] Appends of many actors at the same time all become durable."""

        async def write(journal: Journal, actor_id: str) -> None:
            for n in range(5):
                await journal.append(Batch(actor_id, 2 * n + 1, _numbered(2, start=2 * n + 1)))

        ids = [f"thing:{n}" for n in range(20)]
        async with open_journal() as journal:
            async with trio.open_nursery() as nursery:
                for actor_id in ids:
                    nursery.start_soon(write, journal, actor_id)
            for actor_id in ids:
                assert await stored_payloads(journal, actor_id) == _numbered(10)

    @pytest.mark.parametrize(
        "payload",
        [b"", b"\x00", bytes(range(256)), "é😀".encode(), b"x" * 1_000_000],
        ids=["empty", "nul", "all bytes", "utf-8", "1 MB"],
    )
    async def test_payloads_come_back_byte_for_byte(
        self, open_journal: OpenJournal, payload: bytes
    ) -> None:
        """[K3.6] Any bytes are stored as they are, also across a reopening."""
        async with open_journal() as journal:
            await journal.append(Batch("thing:a", 1, [payload, b"next"]))
            await journal.save_snapshot("thing:a", Snapshot(2, payload))
        async with open_journal() as journal:
            assert await stored_payloads(journal, "thing:a") == [payload, b"next"]
            assert (await journal.head("thing:a")).snapshot == Snapshot(2, payload)

    async def test_what_was_appended_survives_reopening(self, open_journal: OpenJournal) -> None:
        """[K3.7] After a reopening: the same records, snapshot and epoch, and it goes on."""
        async with open_journal() as journal:
            await journal.append(Batch("thing:a", 1, _numbered(12)))
            await journal.append(Batch("thing:b", 1, [b"other"]))
            await journal.save_snapshot("thing:a", Snapshot(10, b"state"))
            before = await journal.head("thing:a")
        async with open_journal() as journal:
            assert await journal.head("thing:a") == before
            assert await stored_payloads(journal, "thing:a") == _numbered(12)
            with pytest.raises(JournalConflict):
                await journal.append(Batch("thing:a", 12, [b"stale"]))
            await journal.append(Batch("thing:a", 13, _numbered(1, start=13)))
            assert await stored_payloads(journal, "thing:a") == _numbered(13)
            assert await stored_payloads(journal, "thing:b") == [b"other"]

    async def test_only_a_newer_snapshot_replaces_the_stored_one(
        self, open_journal: OpenJournal
    ) -> None:
        """[K3.8] save_snapshot keeps the one with the higher seq."""
        async with open_journal() as journal:
            await journal.append(Batch("thing:a", 1, _numbered(9)))
            await journal.save_snapshot("thing:a", Snapshot(5, b"five"))
            await journal.save_snapshot("thing:a", Snapshot(3, b"three"))
            assert (await journal.head("thing:a")).snapshot == Snapshot(5, b"five")
            await journal.save_snapshot("thing:a", Snapshot(9, b"nine"))
            assert (await journal.head("thing:a")).snapshot == Snapshot(9, b"nine")

    async def test_a_snapshot_hides_no_record(self, open_journal: OpenJournal) -> None:
        """[K3.8] The whole history stays readable, so a bad snapshot costs only a replay."""
        async with open_journal() as journal:
            await journal.append(Batch("thing:a", 1, _numbered(9)))
            await journal.save_snapshot("thing:a", Snapshot(8, b"eight"))
            assert await stored_payloads(journal, "thing:a") == _numbered(9)
            assert await read_all(journal, "thing:a", after=8) == [Record(9, b"event 9")]

    async def test_a_cancelled_append_is_whole_or_absent(self, open_journal: OpenJournal) -> None:
        """[K3.9] A cancelled append has settled when it returns: stored whole or not at all."""
        async with open_journal() as journal:
            for round_no in range(8):
                actor_id = f"thing:{round_no}"
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(journal.append, Batch(actor_id, 1, _numbered(3)))
                    for _ in range(round_no):
                        await trio.lowlevel.checkpoint()
                    nursery.cancel_scope.cancel()
                stored = await stored_payloads(journal, actor_id)
                assert stored in ([], _numbered(3))
                await journal.append(Batch(actor_id, len(stored) + 1, [b"next"]))
                assert await stored_payloads(journal, actor_id) == [*stored, b"next"]

    @pytest.mark.parametrize("seed", range(4))
    async def test_random_use_agrees_with_a_model(
        self, open_journal: OpenJournal, seed: int
    ) -> None:
        """[K3.2 K3.3 K3.7 K3.8] Any mix of operations and reopenings equals a list in memory."""
        rng = random.Random(seed)
        model: dict[str, list[bytes]] = {f"thing:{n}": [] for n in range(3)}
        snapshots: dict[str, Snapshot | None] = dict.fromkeys(model)
        for _ in range(3):
            async with open_journal() as journal:
                for _ in range(30):
                    actor_id = rng.choice(list(model))
                    await _random_step(journal, rng, actor_id, model[actor_id], snapshots)
                for actor_id, payloads in model.items():
                    assert await stored_payloads(journal, actor_id) == payloads
                    assert (await journal.head(actor_id)).snapshot == snapshots[actor_id]


async def _random_step(
    journal: Journal,
    rng: random.Random,
    actor_id: str,
    payloads: list[bytes],
    snapshots: dict[str, Snapshot | None],
) -> None:
    """Do one random operation on *journal* and on the model."""
    match rng.randrange(4):
        case 0 | 1:
            new = [rng.randbytes(rng.randrange(50)) for _ in range(rng.randint(1, 9))]
            await journal.append(Batch(actor_id, len(payloads) + 1, new))
            payloads.extend(new)
        case 2:
            stray_seq = len(payloads) + rng.choice([-1, 0, 2, 3])
            with pytest.raises(JournalConflict):
                await journal.append(Batch(actor_id, stray_seq, [b"stray"]))
        case _:
            stored = snapshots[actor_id]
            if payloads:
                snapshot = Snapshot(rng.randint(1, len(payloads)), rng.randbytes(20))
                await journal.save_snapshot(actor_id, snapshot)
                if stored is None or stored.seq < snapshot.seq:
                    snapshots[actor_id] = snapshot


class BrokenJournalContract:
    """What a journal does after its device failed.

    Needs the fixture ``failing_journal``: an open journal that has acknowledged
    ``Batch("thing:a", 1, [b"kept"])`` and whose device fails at every later write.
    """

    async def test_after_a_device_failure_nothing_is_acknowledged(
        self, failing_journal: Journal
    ) -> None:
        """[K3.10] Once an append raised JournalBroken, every later one does, for every actor."""
        for actor_id, first_seq in [("thing:a", 2), ("thing:a", 2), ("thing:b", 1)]:
            with pytest.raises(JournalBroken):
                await failing_journal.append(Batch(actor_id, first_seq, [b"lost"]))

    async def test_after_a_device_failure_what_was_acknowledged_is_readable(
        self, failing_journal: Journal
    ) -> None:
        """[K3.10] A failed append takes nothing away that was acknowledged before."""
        with pytest.raises(JournalBroken):
            await failing_journal.append(Batch("thing:a", 2, [b"lost"]))
        assert await failing_journal.read("thing:a", after=0, limit=1) == [Record(1, b"kept")]
