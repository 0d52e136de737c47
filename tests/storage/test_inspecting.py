"""Looking at a store without opening it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from actors import Batch, Snapshot
from collab.kind import Put
from collab.storage import SignalRow, StoreCondition, StoreUnusable, check_deeply, inspect_store
from collab.storage.migrations import VERSION
from tests.storage.conftest import Reopen


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def fill(reopen: Reopen) -> None:
    async with reopen() as store:
        for seq in range(1, 40):
            await store.append(Batch("a:1", seq, [b"x" * 2_000]))


async def test_a_healthy_store_is_looked_at_and_left_alone(reopen: Reopen, tmp_path: Path) -> None:
    """[J3.11] Size, schema, read whole; not one file more than before."""
    await fill(reopen)
    before = contents(tmp_path / "d")
    condition = inspect_store(tmp_path / "d")
    assert condition == StoreCondition(
        len(before["collab.db"]), VERSION, is_read_whole=True, holder=None
    )
    assert contents(tmp_path / "d") == before


async def test_what_a_killed_server_left_in_its_log_is_looked_at(
    reopen: Reopen, tmp_path: Path
) -> None:
    """[J3.11] The log counts: a newer schema that only the log knows is found."""
    await fill(reopen)
    script = (
        "import apsw, os, sys; db = apsw.Connection(sys.argv[1]);"
        f"db.pragma('user_version', {VERSION + 1}); os._exit(0)"
    )
    path = str(tmp_path / "d" / "collab.db")
    subprocess.run([sys.executable, "-c", script, path], check=True)  # noqa: ASYNC221
    with pytest.raises(StoreUnusable, match="newer version"):
        inspect_store(tmp_path / "d")


async def test_an_open_store_is_left_to_its_server(reopen: Reopen, tmp_path: Path) -> None:
    """[J3.11] Who holds it is told, it is not looked into, and it goes on."""
    async with reopen() as store:
        condition = inspect_store(tmp_path / "d")
        assert (condition.holder, condition.is_read_whole) == (str(os.getpid()), False)
        await store.append(Batch("a:1", 1, [b"x"]))
    assert inspect_store(tmp_path / "d").holder is None
    async with reopen():
        pass


@pytest.mark.parametrize("is_made", [False, True])
def test_where_there_is_no_store_there_is_none(tmp_path: Path, is_made: bool) -> None:
    """[J3.11] Nothing, or the empty file of a start that was stopped early."""
    if is_made:
        (tmp_path / "collab.db").touch()
    before = contents(tmp_path)
    assert inspect_store(tmp_path) == StoreCondition(0, 0, is_read_whole=True, holder=None)
    assert contents(tmp_path) == before


async def test_damage_is_found(reopen: Reopen, tmp_path: Path) -> None:
    """[J3.11] A page that makes no sense is told, with what can be done."""
    await fill(reopen)
    path = tmp_path / "d" / "collab.db"
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * 8_192)
    before = contents(tmp_path / "d")
    with pytest.raises(StoreUnusable, match=r"damaged.*restore a backup"):
        inspect_store(tmp_path / "d")
    assert contents(tmp_path / "d") == before


def test_files_of_others_are_found(tmp_path: Path) -> None:
    """[J3.11] No database, or another program's."""
    (tmp_path / "collab.db").write_bytes(b"hello")
    with pytest.raises(StoreUnusable, match="not a database of this program"):
        inspect_store(tmp_path)
    (tmp_path / "collab.db").unlink()
    db = apsw.Connection(str(tmp_path / "collab.db"))
    db.execute("CREATE TABLE t (x)")
    db.close()
    with pytest.raises(StoreUnusable, match="not a database of this program"):
        inspect_store(tmp_path)


async def test_a_deep_check_of_a_sound_store_counts_and_changes_nothing(
    reopen: Reopen, tmp_path: Path
) -> None:
    """[J3.14] Rows are counted by table; not one file more than before; an open one is refused."""
    assert check_deeply(tmp_path / "none").checked == {}
    async with reopen() as store:
        rows = [Put("log", 1, b"one"), SignalRow("u:1", b"s", 0)]
        await store.append(Batch("a:1", 1, [b"x", b"y"], rows))
        await store.save_snapshot("a:1", Snapshot(1, b"state"))
        with pytest.raises(StoreUnusable, match=f"process {os.getpid()} is using it"):
            check_deeply(tmp_path / "d")
    before = contents(tmp_path / "d")
    condition = check_deeply(tmp_path / "d")
    assert condition.is_sound
    assert condition.checked == {"bucket": 1, "snapshot": 1, "item": 1, "signal": 1}
    assert contents(tmp_path / "d") == before


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("DELETE FROM bucket WHERE actor = 'a:1' AND first_seq > 1", "a:1: its records end before"),
        ("UPDATE bucket SET data = x'00' WHERE actor = 'a:1'", "a:1: the hash of bucket 1-"),
        ("UPDATE snapshot SET data = x'00'", "a:1: the hash of snapshot"),
        ("UPDATE item SET value = x'00'", "a:1: the check of item 1 of log"),
        ("UPDATE signal SET payload = x'00'", "u:1: signal 1 from a:1 is damaged"),
        ("INSERT INTO tail_0 VALUES (900, 'a:1', 900, x'00', 7)", "a:1: the check of record 900"),
        ("INSERT INTO quarantine VALUES ('a:2', 1, x'00', 7)", "a:2: its records are in quar"),
    ],
)
async def test_a_deep_check_finds_what_is_wrong_and_where(
    reopen: Reopen, tmp_path: Path, damage: str, finding: str
) -> None:
    """[J3.14] Every finding begins with whom it concerns."""
    async with reopen() as store:
        rows = [Put("log", 1, b"one"), SignalRow("u:1", b"s", 0)]
        payloads = [os.urandom(9_000) for _ in range(10)]
        await store.append(Batch("a:1", 1, payloads, rows))
        await store.save_snapshot("a:1", Snapshot(10, b"state"))
    db = apsw.Connection(str(tmp_path / "d" / "collab.db"))
    db.execute(damage)
    db.close()
    found = check_deeply(tmp_path / "d").findings
    assert [line for line in found if line.startswith(finding)], found
