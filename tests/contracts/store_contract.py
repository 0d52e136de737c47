"""What every store promises beyond the journal: listings, signals, and how they commit.

Subclass :class:`StoreContract` with a fixture ``open_store_again``: each call opens the same
storage, and no two are open at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest
import trio
import trio.testing

from actors import Batch, Journal, JournalConflict
from collab.kind import Item, Listings, Put, Remove
from collab.storage import SignalRow, StoredSignal


class Store(Journal, Listings, Protocol):
    """The face that applications see."""

    data_epoch: str

    async def pending_signals(
        self, *, after: int, limit: int, target: str | None = None
    ) -> list[StoredSignal]: ...
    def forget_signals_soon(self, ids: Sequence[int]) -> None: ...
    async def forget_signals(self, ids: Sequence[int]) -> None: ...


OpenStore = Callable[[], AbstractAsyncContextManager[Store]]


def _put(*positions: int, listing: str = "messages") -> list[Put]:
    return [Put(listing, position, b"item %d" % position) for position in positions]


def _items(*positions: int) -> list[Item]:
    return [Item(position, b"item %d" % position) for position in positions]


class StoreContract:
    """Tests of listings and signals. Needs the fixture ``open_store_again``."""

    async def test_rows_are_stored_with_their_batch(self, open_store_again: OpenStore) -> None:
        """[J2.1] Once append has returned, its items and signals are read back."""
        async with open_store_again() as store:
            rows = [*_put(1, 2), SignalRow("user:u", b"joined", 0)]
            await store.append(Batch("chat:a", 1, [b"e"], rows))
            assert await store.page("chat:a", "messages", limit=10) == _items(1, 2)
            (signal,) = await store.pending_signals(after=0, limit=10)
            assert (signal.source, signal.seq, signal.index) == ("chat:a", 1, 0)
            assert (signal.target, signal.payload) == ("user:u", b"joined")

    async def test_rows_survive_reopening(self, open_store_again: OpenStore) -> None:
        """[J2.1] Items and signals are there after a reopening."""
        async with open_store_again() as store:
            rows = [*_put(7), SignalRow("user:u", b"x", 3, seq=1)]
            await store.append(Batch("chat:a", 1, [b"e"], rows))
            epoch = store.data_epoch
        async with open_store_again() as store:
            assert store.data_epoch == epoch
            assert await store.page("chat:a", "messages", limit=10) == _items(7)
            assert len(await store.pending_signals(after=0, limit=10)) == 1

    async def test_a_conflicting_batch_stores_no_rows(self, open_store_again: OpenStore) -> None:
        """[J2.1] A batch that conflicts leaves neither items nor signals."""
        async with open_store_again() as store:
            with pytest.raises(JournalConflict):
                await store.append(
                    Batch("chat:a", 5, [b"e"], [*_put(1), SignalRow("user:u", b"x", 0)])
                )
            assert await store.page("chat:a", "messages", limit=10) == []
            assert await store.pending_signals(after=0, limit=10) == []

    async def test_put_replaces_and_remove_removes(self, open_store_again: OpenStore) -> None:
        """[J2.2] The last row for a position wins, within a batch and across batches."""
        async with open_store_again() as store:
            await store.append(
                Batch("chat:a", 1, [b"e"], [Put("l", 1, b"old"), Put("l", 1, b"new"), *_put(1)])
            )
            assert await store.page("chat:a", "l", limit=9) == [Item(1, b"new")]
            await store.append(
                Batch("chat:a", 2, [b"e"], [Remove("l", 1), Put("l", 2, b"x"), Remove("l", 2)])
            )
            assert await store.page("chat:a", "l", limit=9) == []
            assert await store.page("chat:a", "messages", limit=9) == _items(1)
            await store.append(Batch("chat:a", 3, [b"e"], [Remove("l", 3), Put("l", 3, b"y")]))
            assert await store.page("chat:a", "l", limit=9) == [Item(3, b"y")]

    async def test_listings_of_owners_do_not_mix(self, open_store_again: OpenStore) -> None:
        """[J2.2] An item belongs to the actor that wrote it, and to one listing."""
        async with open_store_again() as store:
            await store.append(Batch("chat:a", 1, [b"e"], [Put("l", 1, b"a")]))
            await store.append(Batch("chat:b", 1, [b"e"], [Put("l", 1, b"b"), Remove("k", 1)]))
            assert await store.page("chat:a", "l", limit=9) == [Item(1, b"a")]
            assert await store.page("chat:b", "l", limit=9) == [Item(1, b"b")]
            assert await store.page("chat:b", "k", limit=9) == []

    @pytest.mark.parametrize(
        ("before", "after", "limit", "expected"),
        [
            (None, None, 3, (7, 8, 9)),
            (None, None, 0, ()),
            (8, None, 3, (5, 6, 7)),
            (2, None, 3, (-3, 1)),
            (-3, None, 3, ()),
            (None, 1, 3, (5, 6, 7)),
            (None, 8, 3, (9,)),
            (None, 9, 3, ()),
            (7, 1, 9, (5, 6)),
            (9, 1, 2, (5, 6)),
            (None, None, 100, (-3, 1, 5, 6, 7, 8, 9)),
        ],
    )
    async def test_pages(
        self,
        open_store_again: OpenStore,
        before: int | None,
        after: int | None,
        limit: int,
        expected: tuple[int, ...],
    ) -> None:
        """[J2.3] page: newest below before, oldest above after, newest of all; ascending."""
        async with open_store_again() as store:
            await store.append(Batch("chat:a", 1, [b"e"], _put(9, 1, 5, -3, 7, 8, 6)))
            page = await store.page("chat:a", "messages", before=before, after=after, limit=limit)
            assert page == _items(*expected)

    async def test_get_returns_what_exists(self, open_store_again: OpenStore) -> None:
        """[J2.3] get: those positions that exist, ascending, each once."""
        async with open_store_again() as store:
            await store.append(Batch("chat:a", 1, [b"e"], _put(1, 2, 3)))
            assert await store.get("chat:a", "messages", [3, 9, 1, 3]) == _items(1, 3)
            assert await store.get("chat:a", "messages", []) == []
            assert await store.get("chat:b", "messages", [1]) == []

    async def test_signals_page_in_order_until_forgotten(self, open_store_again: OpenStore) -> None:
        """[J2.4] Signals come oldest first, page by id, and are gone once forgotten."""
        async with open_store_again() as store:
            rows = [SignalRow("user:u", b"%d" % n, n) for n in range(3)]
            await store.append(Batch("chat:a", 1, [b"e", b"f"], rows[:2]))
            await store.append(Batch("chat:a", 3, [b"g"], rows[2:]))
            first = await store.pending_signals(after=0, limit=2)
            assert [(s.seq, s.index, s.payload) for s in first] == [(2, 0, b"0"), (2, 1, b"1")]
            rest = await store.pending_signals(after=first[-1].id, limit=2)
            assert [(s.seq, s.index, s.payload) for s in rest] == [(3, 2, b"2")]
            await store.forget_signals([first[0].id, 999_999])
            store.forget_signals_soon([rest[0].id])
            await store.forget_signals([])
            assert await store.pending_signals(after=0, limit=9) == first[1:]
        async with open_store_again() as store:
            assert await store.pending_signals(after=0, limit=9) == first[1:]

    async def test_a_forgotten_signals_id_is_not_used_again(
        self, open_store_again: OpenStore
    ) -> None:
        """[J2.4] A reader that pages by id misses nothing, also when the newest was forgotten."""
        async with open_store_again() as store:
            await store.append(Batch("chat:a", 1, [b"e"], [SignalRow("user:u", b"1", 0)]))
            (old,) = await store.pending_signals(after=0, limit=9)
            await store.forget_signals([old.id])
            await store.append(Batch("chat:a", 2, [b"e"], [SignalRow("user:u", b"2", 0)]))
            assert len(await store.pending_signals(after=old.id, limit=9)) == 1

    async def test_a_newer_signal_takes_its_slot(self, open_store_again: OpenStore) -> None:
        """[J2.6] One waits per source, target and slot: within a batch, a group and a reopening."""
        async with open_store_again() as store:
            rows = [SignalRow("user:u", b"%d" % n, n, slot="list") for n in range(3)]
            others = [
                SignalRow("user:v", b"other target", 3, slot="list"),
                SignalRow("user:u", b"other slot", 4, slot="else"),
                SignalRow("user:u", b"no slot", 5),
                SignalRow("user:u", b"no slot", 6),
            ]
            await store.append(Batch("chat:a", 1, [b"e"], [*rows, *others]))
            await store.append(
                Batch("chat:b", 1, [b"e"], [SignalRow("user:u", b"b", 0, slot="list")])
            )
            stored = [b"2", b"other target", b"other slot", b"no slot", b"no slot", b"b"]
            first = await store.pending_signals(after=0, limit=9)
            assert [signal.payload for signal in first] == stored
        async with open_store_again() as store:
            rows = [SignalRow("user:u", b"new 0", 0, slot="list")]
            await store.append(Batch("chat:a", 2, [b"e"], rows))
            async with trio.open_nursery() as nursery:
                for n in (1, 2):  # Into one group, in this order.
                    rows = [SignalRow("user:u", b"new %d" % n, 0, slot="list")]
                    nursery.start_soon(store.append, Batch("chat:a", 2 + n, [b"e"], rows))
                    await trio.testing.wait_all_tasks_blocked()
            pending = await store.pending_signals(after=0, limit=9)
            assert [signal.payload for signal in pending] == [*stored[1:], b"new 2"]
            newest = pending[-1]
            assert newest.id > first[-1].id
            await store.forget_signals([first[0].id])  # What was replaced while it was sent.
            assert await store.pending_signals(after=0, limit=9) == pending
            await store.forget_signals([newest.id])
            rows = [SignalRow("user:u", b"again", 0, slot="list")]
            await store.append(Batch("chat:a", 5, [b"e"], rows))
            (again,) = await store.pending_signals(after=newest.id, limit=9)
            assert again.payload == b"again"

    async def test_signals_of_one_target_page_in_order(self, open_store_again: OpenStore) -> None:
        """[J2.7] With a target only its signals come, of all sources, oldest first."""
        async with open_store_again() as store:
            for n, source in enumerate(("chat:c", "chat:a", "chat:b")):
                rows = [SignalRow(f"user:{who}", b"%d" % n, 0) for who in "uv"]
                await store.append(Batch(source, 1, [b"e"], rows))
            first = await store.pending_signals(after=0, limit=2, target="user:u")
            assert [(s.source, s.target) for s in first] == [
                ("chat:c", "user:u"),
                ("chat:a", "user:u"),
            ]
            (last,) = await store.pending_signals(after=first[-1].id, limit=2, target="user:u")
            assert (last.source, last.payload) == ("chat:b", b"2")
            assert await store.pending_signals(after=0, limit=2, target="user:w") == []

    @pytest.mark.parametrize(
        "batch",
        [
            Batch("chat:a", 1, ["text"]),  # type: ignore[list-item]
            Batch("chat:a", 1, [bytearray(b"x")]),  # type: ignore[list-item]
            Batch("chat:\ud800", 1, [b"e"]),
            Batch("chat:a\0", 1, [b"e"]),
            Batch("chat:a", 1, [b"e"], [object()]),
            Batch("chat:a", 1, [b"e"], [Put("l", 2**63, b"x")]),
            Batch("chat:a", 1, [b"e"], [Put("l", 1, "x")]),  # type: ignore[arg-type]
            Batch("chat:a", 1, [b"e"], [Put("\ud800", 1, b"x")]),
            Batch("chat:a", 1, [b"e"], [SignalRow("user:\ud800", b"x", 0)]),
            Batch("chat:a", 1, [b"e"], [SignalRow("user:u", b"x", 0, slot="a\0")]),
            Batch("chat:a", 1, [bytes(16 * 1_048_576 + 1)]),
        ],
        ids=lambda _batch: None,
    )
    async def test_what_cannot_be_stored_is_refused_and_nothing_happens(
        self, open_store_again: OpenStore, batch: Batch
    ) -> None:
        """[J2.5] Bad input is the caller's error; the store goes on, also for this actor."""
        async with open_store_again() as store:
            with pytest.raises((TypeError, ValueError)):
                await store.append(batch)
            await store.append(Batch("chat:a", 1, [b"good"], [Put("l", 1, b"x")]))
            assert await store.page("chat:a", "l", limit=9) == [Item(1, b"x")]

    async def test_a_negative_limit_is_refused(self, open_store_again: OpenStore) -> None:
        """[J2.5] No limit means no answer, not everything."""
        async with open_store_again() as store:
            with pytest.raises(ValueError, match="limit"):
                await store.page("chat:a", "l", limit=-1)
            with pytest.raises(ValueError, match="limit"):
                await store.read("chat:a", after=0, limit=-1)
            with pytest.raises(ValueError, match="limit"):
                await store.pending_signals(after=0, limit=-1)

    async def test_a_batch_without_events_stores_its_rows(
        self, open_store_again: OpenStore
    ) -> None:
        """[J2.1] Rows may come without a record; the head does not move."""
        async with open_store_again() as store:
            await store.append(Batch("chat:a", 1, [], _put(1)))
            assert await store.page("chat:a", "messages", limit=9) == _items(1)
            assert (await store.head("chat:a")).last_seq == 0
            await store.append(Batch("chat:a", 1, [b"e"]))
