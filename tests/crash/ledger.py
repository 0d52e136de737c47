"""What a workload asked a store to keep, what it was told, and what must therefore be there.

A *deed* is one batch of one actor: records, listing rows, a signal. Deeds are made from the seed,
the actor and their number alone, so that nothing has to be remembered but how many were
acknowledged. One deed per actor may be open when the machine stops: it must be there as a
whole, or not at all.
"""

from __future__ import annotations

import random
from typing import Final

from attrs import define, field, frozen

from actors import Batch, Snapshot
from actors.testing.journal_contract import stored_payloads
from collab.kind import Put, Remove
from collab.storage import SignalRow, SqliteStore

LOG: Final = "log"  # One item per deed, some of them removed again.
LAST: Final = "last"  # One item, replaced by every deed.
RECORDS_MAX: Final = 3
_PAGE: Final = 1_000  # More than any workload writes.


class Lost(AssertionError):
    """A promise was broken. The message says which."""


@frozen
class Deed:
    """One batch, and what it leaves behind."""

    number: int
    payloads: list[bytes]
    item: bytes
    removes: int | None  # Of an earlier deed whose item goes.


def deed_of(seed: int, actor_id: str, number: int) -> Deed:
    """Return deed *number*, from 1, of *actor_id*."""
    rng = random.Random(f"{seed}/{actor_id}/{number}")
    count = rng.randint(1, RECORDS_MAX)
    payloads = [rng.randbytes(rng.choice((0, 20, 300, 2_000))) for _ in range(count)]
    removes = rng.randrange(1, number) if number > 1 and rng.random() < 0.2 else None
    return Deed(number, payloads, rng.randbytes(rng.choice((10, 500))), removes)


@define(eq=False)
class ActorLedger:
    """The deeds of one actor."""

    seed: int
    actor_id: str
    kept: int = 0  # Deeds that were acknowledged, or found.
    is_open: bool = False  # The deed after those was sent, and not answered.
    snapshot_seq: int = 0  # Of the newest acknowledged snapshot.
    snapshot_tried: int = 0
    _payloads: list[bytes] = field(factory=list)
    _items: dict[int, bytes] = field(factory=dict)

    def next_batch(self) -> Batch:
        """Return the batch of the next deed. Sending it again is the same deed."""
        deed = deed_of(self.seed, self.actor_id, self.kept + 1)
        rows: list[object] = [Put(LOG, deed.number, deed.item), Put(LAST, 1, b"%d" % deed.number)]
        if deed.removes is not None:
            rows.append(Remove(LOG, deed.removes))
        rows.append(SignalRow("box:1", b"%d" % deed.number, 0, slot="count"))
        rows.append(SignalRow(f"box:{self.actor_id}", b"%d" % deed.number, 1))
        return Batch(self.actor_id, len(self._payloads) + 1, deed.payloads, rows)

    def keep(self) -> None:
        """Note that the next deed is stored."""
        deed = deed_of(self.seed, self.actor_id, self.kept + 1)
        self._payloads += deed.payloads
        self._items[deed.number] = deed.item
        if deed.removes is not None:
            self._items.pop(deed.removes, None)
        self.kept += 1
        self.is_open = False

    def copy(self) -> ActorLedger:
        """Return another ledger of the same deeds."""
        copy = ActorLedger(self.seed, self.actor_id)
        for _ in range(self.kept):
            copy.keep()
        copy.is_open = self.is_open
        copy.snapshot_seq, copy.snapshot_tried = self.snapshot_seq, self.snapshot_tried
        return copy

    def next_snapshot(self) -> Snapshot:
        """Return a snapshot at the newest record."""
        seq = len(self._payloads)
        self.snapshot_tried = seq
        return Snapshot(seq, self.state_at(seq))

    def state_at(self, seq: int) -> bytes:
        return f"{self.actor_id} at {seq} ".encode() * 20

    def check_start(self, stored: list[bytes]) -> None:
        """Compare what a failed store still reads with what it has acknowledged.

        Raises:
          Lost: a record is missing or changed.
        """
        _same(f"records of {self.actor_id}", stored[: len(self._payloads)], self._payloads)

    async def check(self, store: SqliteStore) -> None:
        """Compare everything *store* holds of the actor; settle the open deed by it.

        Raises:
          Lost: something acknowledged is missing or changed, or something is there by halves.
          JournalCorrupt: the store says that it cannot tell.
        """
        await self.check_log(store)
        await self.check_signals(store)
        await self._check_snapshot(store)

    async def check_log(self, store: SqliteStore) -> None:
        """Compare records and items, as :meth:`check` does; settle the open deed by them."""
        stored = await stored_payloads(store, self.actor_id)
        if self.is_open and len(stored) > len(self._payloads):
            self.keep()
        self.is_open = False
        _same(f"records of {self.actor_id}", stored, self._payloads)
        items = await store.page(self.actor_id, LOG, limit=_PAGE)
        found = {item.position: item.value for item in items}
        _same(f"items of {self.actor_id}", found, self._items)
        last = await store.get(self.actor_id, LAST, [1])
        expected = [b"%d" % self.kept] if self.kept else []
        _same(f"last item of {self.actor_id}", [item.value for item in last], expected)

    async def check_signals(self, store: SqliteStore) -> None:
        """Compare the signals that wait, as :meth:`check` does."""
        mine = await store.pending_signals(after=0, limit=_PAGE, target=f"box:{self.actor_id}")
        numbers = [int(signal.payload) for signal in mine]
        _same(f"signals of {self.actor_id}", numbers, list(range(1, self.kept + 1)))
        counts = await store.pending_signals(after=0, limit=_PAGE, target="box:1")
        slot = [int(signal.payload) for signal in counts if signal.source == self.actor_id]
        _same(f"slot of {self.actor_id}", slot, [self.kept] if self.kept else [])

    async def _check_snapshot(self, store: SqliteStore) -> None:
        snapshot = (await store.head(self.actor_id)).snapshot
        seq = 0 if snapshot is None else snapshot.seq
        if not self.snapshot_seq <= seq <= self.snapshot_tried:
            raise Lost(f"snapshot of {self.actor_id} at {seq}, not {self.snapshot_seq}")
        if snapshot is not None and snapshot.data != self.state_at(seq):
            raise Lost(f"snapshot of {self.actor_id} at {seq} is another one")
        self.snapshot_seq = self.snapshot_tried = seq


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Lost(f"{what}: {_short(found)} instead of {_short(expected)}")


def _short(value: object) -> str:
    size = f"{len(value)} of " if isinstance(value, (list, dict)) else ""
    return f"{size}{repr(value)[:120]}"
