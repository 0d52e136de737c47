"""Flipped bits: the actor that they hit is quarantined or falls back; nobody else notices."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import apsw
import pytest

from actors import Batch, JournalCorrupt, Snapshot
from actors.testing.journal_contract import stored_payloads
from collab.kind import Item, Put
from collab.storage import SignalRow
from tests.storage.conftest import Reopen


@pytest.fixture
def keep_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the tail as it is when the store closes."""
    monkeypatch.setattr("collab.storage.compactor.SEAL_AT_CLOSE_S", 0)


def _flip(path: Path, needle: bytes) -> None:
    """Flip one bit of the only place in the file that holds *needle*."""
    content = bytearray(path.read_bytes())
    at = content.index(needle)
    assert content.find(needle, at + 1) == -1
    content[at + len(needle) // 2] ^= 4
    path.write_bytes(content)


def _sql(path: Path, statement: str) -> None:
    db = apsw.Connection(str(path))
    db.execute(statement)
    db.close()


async def _write_two_actors(reopen: Reopen, *, last: int = 5) -> dict[str, list[bytes]]:
    rng = random.Random(1)
    model = {name: [rng.randbytes(40) for _ in range(last)] for name in ("a:hit", "a:well")}
    async with reopen() as store:
        for seq in range(1, last + 1):
            for name, payloads in model.items():
                await store.append(Batch(name, seq, [payloads[seq - 1]]))
    return model


@pytest.mark.usefixtures("keep_tail")
async def test_a_flipped_bit_in_the_tail_is_found_when_it_is_read(
    reopen: Reopen, tmp_path: Path
) -> None:
    """[J5.1] A damaged tail record raises JournalCorrupt; records before it can be read."""
    model = await _write_two_actors(reopen)
    _flip(tmp_path / "d" / "collab.db", model["a:hit"][3])
    async with reopen() as store:
        assert len(await store.read("a:hit", after=0, limit=3)) == 3
        with pytest.raises(JournalCorrupt) as caught:
            await store.read("a:hit", after=0, limit=4)
        assert caught.value.actor_id == "a:hit"
        assert "record 4" in caught.value.detail
        assert await stored_payloads(store, "a:well") == model["a:well"]


async def test_a_flipped_bit_in_a_bucket_is_found_when_it_is_read(
    reopen: Reopen, tmp_path: Path
) -> None:
    """[J5.2] A damaged bucket raises JournalCorrupt for its actor only."""
    model = await _write_two_actors(reopen)
    _sql(
        tmp_path / "d" / "collab.db",
        "UPDATE bucket SET data = CAST(substr(data, 1, 90) || x'00' || substr(data, 92) AS BLOB)"
        " WHERE actor = 'a:hit' AND substr(data, 91, 1) <> x'00'",
    )
    async with reopen() as store:
        with pytest.raises(JournalCorrupt):
            await store.read("a:hit", after=0, limit=1)
        assert await stored_payloads(store, "a:well") == model["a:well"]


async def test_a_bucket_under_another_name_is_found(reopen: Reopen, tmp_path: Path) -> None:
    """[J5.2] The hash covers whose bucket it is."""
    model = await _write_two_actors(reopen)
    _sql(tmp_path / "d" / "collab.db", "UPDATE bucket SET actor='a:new' WHERE actor='a:hit'")
    async with reopen() as store:
        with pytest.raises(JournalCorrupt):
            await store.read("a:new", after=0, limit=9)
        assert await stored_payloads(store, "a:well") == model["a:well"]


async def test_a_damaged_snapshot_costs_only_a_replay(
    reopen: Reopen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """[J5.3] Head leaves a damaged snapshot out, counts it and logs it; records are whole."""
    model = await _write_two_actors(reopen)
    state = random.Random(2).randbytes(60)
    async with reopen() as store:
        await store.save_snapshot("a:hit", Snapshot(5, state))
        assert (await store.head("a:hit")).snapshot == Snapshot(5, state)
    _flip(tmp_path / "d" / "collab.db", state)
    async with reopen() as store:
        with caplog.at_level(logging.WARNING, "collab.storage"):
            head = await store.head("a:hit")
        assert (head.last_seq, head.snapshot) == (5, None)
        assert store.figures.snapshots_unreadable == 1
        assert "a:hit is replayed in full" in caplog.text
        assert await stored_payloads(store, "a:hit") == model["a:hit"]
        await store.save_snapshot("a:hit", Snapshot(6, b"fresh"))


async def test_records_that_end_before_their_snapshot_are_corrupt(
    reopen: Reopen, tmp_path: Path
) -> None:
    """[J5.4] If newer records than the snapshot's are lost, nobody may write on top."""
    await _write_two_actors(reopen)
    async with reopen() as store:
        await store.save_snapshot("a:hit", Snapshot(5, b"state"))
    _sql(tmp_path / "d" / "collab.db", "DELETE FROM bucket WHERE actor = 'a:hit'")
    async with reopen() as store:
        with pytest.raises(JournalCorrupt):
            await store.head("a:hit")


@pytest.mark.usefixtures("keep_tail")
@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM tail_0 WHERE actor = 'a:hit' AND seq = 3",
        "UPDATE tail_0 SET seq = 9 WHERE actor = 'a:hit' AND seq = 3",
        "UPDATE tail_0 SET seq = 1 WHERE actor = 'a:hit' AND seq = 5",
        "UPDATE tail_0 SET actor = CAST(x'ff3a' AS TEXT) WHERE actor = 'a:hit' AND seq = 3",
        "UPDATE tail_0 SET actor = 'a:hat' WHERE actor = 'a:hit' AND seq = 3",
    ],
)
async def test_a_misnumbered_tail_quarantines_its_actor_at_the_start(
    reopen: Reopen, tmp_path: Path, damage: str
) -> None:
    """[J5.5] Tail records that do not follow each other: that actor cannot be read or written."""
    model = await _write_two_actors(reopen)
    _sql(tmp_path / "d" / "collab.db", damage)
    for _ in range(2):  # The second start finds the rows in quarantine.
        async with reopen() as store:
            for attempt in (
                store.head("a:hit"),
                store.read("a:hit", after=0, limit=9),
                store.append(Batch("a:hit", 3, [b"x"])),
            ):
                with pytest.raises(JournalCorrupt):
                    await attempt
            assert await stored_payloads(store, "a:well") == model["a:well"]
            await store.seal_tail()


@pytest.mark.usefixtures("keep_tail")
async def test_sealing_keeps_the_rows_of_a_damaged_actor(reopen: Reopen, tmp_path: Path) -> None:
    """[J5.6] The compactor never seals damage: rows move to quarantine as they are."""
    model = await _write_two_actors(reopen)
    path = tmp_path / "d" / "collab.db"
    _flip(path, model["a:hit"][3])
    async with reopen() as store:
        await store.seal_tail()
        with pytest.raises(JournalCorrupt):
            await store.read("a:hit", after=0, limit=1)
        assert store.figures.tail_rows == 0
        assert await stored_payloads(store, "a:well") == model["a:well"]
        await store.append(Batch("a:well", 6, [b"next"]))
    db = apsw.Connection(str(path))
    rows = db.execute("SELECT seq, payload FROM quarantine ORDER BY seq").fetchall()
    db.close()
    assert [seq for seq, _ in rows] == [1, 2, 3, 4, 5]
    assert [payload for _, payload in rows[:3]] == model["a:hit"][:3]


async def test_a_flipped_bit_in_an_item_is_found_when_it_is_read(
    reopen: Reopen, tmp_path: Path
) -> None:
    """[J5.7] A listing with a damaged row is not served; other listings and owners are."""
    value = random.Random(3).randbytes(60)
    async with reopen() as store:
        rows = [Put("log", 1, b"one"), Put("log", 2, value), Put("other", 1, b"o")]
        await store.append(Batch("a:hit", 1, [b"x"], rows))
        await store.append(Batch("a:well", 1, [b"x"], [Put("log", 2, b"two")]))
    _flip(tmp_path / "d" / "collab.db", value)
    async with reopen() as store:
        with pytest.raises(JournalCorrupt, match="item 2 of log"):
            await store.page("a:hit", "log", limit=9)
        with pytest.raises(JournalCorrupt, match="item 2 of log"):
            await store.get("a:hit", "log", [2])
        assert await store.get("a:hit", "log", [1]) == [Item(1, b"one")]
        assert await store.page("a:hit", "other", limit=9) == [Item(1, b"o")]
        assert await store.page("a:well", "log", limit=9) == [Item(2, b"two")]


@pytest.mark.parametrize(
    ("change", "owner", "listing"),
    [
        ("listing = 'new'", "a:hit", "new"),
        ("owner = 'a:new'", "a:new", "log"),
        ("position = 2", "a:hit", "log"),
    ],
)
async def test_an_item_in_anothers_place_is_found(
    reopen: Reopen, tmp_path: Path, change: str, owner: str, listing: str
) -> None:
    """[J5.7] The check covers whose item it is and where it stands."""
    async with reopen() as store:
        await store.append(Batch("a:hit", 1, [b"x"], [Put("log", 1, b"one")]))
    _sql(tmp_path / "d" / "collab.db", f"UPDATE item SET {change}")
    async with reopen() as store:
        with pytest.raises(JournalCorrupt):
            await store.page(owner, listing, limit=9)


async def test_a_damaged_signal_is_left_out_and_said(
    reopen: Reopen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """[J5.8] It is not sent, its row stays, and a page of damage does not hide what follows."""
    async with reopen() as store:
        rows = [SignalRow("u:1", b"%d" % n, n) for n in range(6)]
        await store.append(Batch("a:1", 1, [b"x"], rows))
    _sql(tmp_path / "d" / "collab.db", "UPDATE signal SET payload = x'00' WHERE id < 5")
    async with reopen() as store:
        with caplog.at_level(logging.ERROR, "collab.storage"):
            for target in (None, "u:1"):
                found = await store.pending_signals(after=0, limit=2, target=target)
                assert [signal.payload for signal in found] == [b"4", b"5"]
    assert "signal 1 is damaged" in caplog.text
    db = apsw.Connection(str(tmp_path / "d" / "collab.db"))
    assert db.execute("SELECT count(*) FROM signal").get == 6
    db.close()
