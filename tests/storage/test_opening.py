"""Opening a data directory: what is refused, how it is said, and that nothing is harmed."""

from __future__ import annotations

import itertools
import os
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from actors import Batch
from collab.kind import Item, Put
from collab.storage import SignalRow, StoreUnusable, inspect_store, open_store
from collab.storage.migrations import VERSION
from tests.crash.device import Call, Device
from tests.storage.conftest import Reopen
from tests.storage.faults import FaultyDisk

# Ends at the first write of the database itself, which makes it one with a log.
_STOPPED_START = """
import apsw, os, sys

class Disk(apsw.VFS):
    def __init__(self):
        super().__init__("stopped", "")

    def xOpen(self, name, flags):
        return File(name, flags)

class File(apsw.VFSFile):
    def __init__(self, name, flags):
        self.is_database = flags[0] & apsw.SQLITE_OPEN_MAIN_DB
        super().__init__("", name, flags)

    def xWrite(self, content, offset):
        super().xWrite(content, offset)
        if self.is_database:
            os._exit(0)

disk = Disk()
apsw.Connection(sys.argv[1], vfs="stopped").pragma("journal_mode", "wal")
"""


def _clock_ms() -> int:
    return 1_000


async def _refusal(directory: Path, vfs: str | None = None) -> StoreUnusable:
    with pytest.raises(StoreUnusable) as caught:
        async with open_store(directory, clock_ms=_clock_ms, vfs=vfs):
            raise AssertionError("it opened")
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.remedy in line
    return caught.value


def _contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"}


async def test_a_new_directory_is_made_and_private(tmp_path: Path) -> None:
    """[J3.1] Directories are 0700, files 0600, whatever the umask allows."""
    directory = tmp_path / "deep" / "d"
    async with open_store(directory, clock_ms=_clock_ms) as store:
        await store.append(Batch("a:1", 1, [b"x"]))
        assert store.directory == directory
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        for path in directory.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert sorted(os.listdir(directory)) == ["collab.db", "lock"]


async def test_a_second_server_is_refused_and_told_the_first(
    reopen: Reopen, tmp_path: Path
) -> None:
    """[J3.2] One store per directory, also within one process; the refusal names the owner."""
    async with reopen() as store:
        refusal = await _refusal(tmp_path / "d")
        assert f"process {os.getpid()}" in refusal.problem
        await store.append(Batch("a:1", 1, [b"x"]))
    async with reopen():
        pass


async def test_a_newer_version_is_refused_and_left_byte_for_byte(
    reopen: Reopen, tmp_path: Path
) -> None:
    """[J3.3] A file of a newer schema is refused; not one byte of the directory changes."""
    async with reopen() as store:
        await store.append(Batch("a:1", 1, [b"x"]))
    db = apsw.Connection(str(tmp_path / "d" / "collab.db"))
    db.pragma("user_version", VERSION + 1)
    db.close()
    before = _contents(tmp_path / "d")
    refusal = await _refusal(tmp_path / "d")
    assert f"schema {VERSION + 1}; we know {VERSION}" in refusal.problem
    assert _contents(tmp_path / "d") == before


async def test_a_store_of_the_first_version_keeps_what_it_held(
    reopen: Reopen, tmp_path: Path
) -> None:
    """[J3.10] Signals without slots and rows without checks come as before and in order."""
    async with reopen() as store:
        await store.append(Batch("a:1", 1, [b"x"], [Put("log", 5, b"five")]))
    db = apsw.Connection(str(tmp_path / "d" / "collab.db"))
    db.execute(
        """
        DROP INDEX signal_for;
        ALTER TABLE signal DROP COLUMN slot;
        ALTER TABLE signal DROP COLUMN crc;
        ALTER TABLE item DROP COLUMN crc;
        INSERT INTO signal VALUES (7, 'a:1', 1, 0, 'u:1', x'61'), (8, 'a:1', 1, 1, 'u:1', x'62');
        DROP TABLE audit;
        PRAGMA user_version = 1;
        """
    )
    db.close()
    async with reopen() as store:
        await store.append(Batch("a:1", 2, [b"y"], [SignalRow("u:1", b"c", 0, slot="s")]))
        pending = await store.pending_signals(after=0, limit=9, target="u:1")
        assert [(signal.id, signal.payload) for signal in pending] == [
            (7, b"a"),
            (8, b"b"),
            (9, b"c"),
        ]
        assert await store.page("a:1", "log", limit=9) == [Item(5, b"five")]
    async with reopen() as store:
        assert await store.pending_signals(after=0, limit=9) == pending


async def test_a_newer_version_in_the_log_is_refused(reopen: Reopen, tmp_path: Path) -> None:
    """[J3.3] Also if the newer version was killed, so that only the log knows."""
    async with reopen():
        pass
    script = (
        "import apsw, os, sys; db = apsw.Connection(sys.argv[1]);"
        f"db.pragma('user_version', {VERSION + 1}); os._exit(0)"
    )
    path = tmp_path / "d" / "collab.db"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)  # noqa: ASYNC221
    before, log_before = path.read_bytes(), path.with_name("collab.db-wal").read_bytes()
    assert "newer version" in (await _refusal(tmp_path / "d")).problem
    assert path.read_bytes() == before
    assert path.with_name("collab.db-wal").read_bytes() == log_before


@pytest.mark.parametrize("content", [b"hello", b"not a database" * 1_000])
async def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """[J3.4] What is not our database is not touched."""
    (tmp_path / "collab.db").write_bytes(content)
    assert "not a database of this program" in (await _refusal(tmp_path)).problem
    assert _contents(tmp_path) == {"collab.db": content}


@pytest.mark.parametrize("application_id", [0, 77])
async def test_another_programs_database_is_refused(tmp_path: Path, application_id: int) -> None:
    """[J3.4] SQLite files of others are recognised by their application id."""
    db = apsw.Connection(str(tmp_path / "collab.db"))
    db.pragma("application_id", application_id)
    db.execute("CREATE TABLE t (x)")
    db.close()
    before = _contents(tmp_path)
    assert "not a database of this program" in (await _refusal(tmp_path)).problem
    assert _contents(tmp_path) == before


async def test_a_directory_with_other_files_is_used_beside_them(tmp_path: Path) -> None:
    """[J3.4] Files of others in the directory stay as they are."""
    (tmp_path / "notes.txt").write_text("mine")
    async with open_store(tmp_path, clock_ms=_clock_ms) as store:
        await store.append(Batch("a:1", 1, [b"x"]))
    assert sorted(os.listdir(tmp_path)) == ["collab.db", "lock", "notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("size", [0, 4_096])
async def test_a_start_that_was_killed_early_is_repeated(tmp_path: Path, size: int) -> None:
    """[J3.5] An empty file, or one with a header only, becomes a store."""
    path = tmp_path / "collab.db"
    if size:
        db = apsw.Connection(str(path))
        db.pragma("journal_mode", "wal")
        db.close()
    path.touch()
    async with open_store(tmp_path, clock_ms=_clock_ms) as store:
        await store.append(Batch("a:1", 1, [b"x"]))


async def test_a_first_start_that_was_stopped_in_its_journal_is_repeated(
    tmp_path: Path,
) -> None:
    """[J3.12] What is half written is taken back; looking leaves it to the start."""
    path = tmp_path / "collab.db"
    path.touch()
    subprocess.run([sys.executable, "-c", _STOPPED_START, str(path)], check=True)  # noqa: ASYNC221
    journal = path.with_name("collab.db-journal")
    assert journal.stat().st_size > 0
    assert inspect_store(tmp_path).schema == 0
    assert journal.exists()
    async with open_store(tmp_path, clock_ms=_clock_ms) as store:
        await store.append(Batch("a:1", 1, [b"x"]))
    assert not journal.exists()


async def test_a_new_directory_is_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J3.13] The directories above it are synced, each after what was made in it."""
    synced: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    async with open_store(tmp_path / "deep" / "d", clock_ms=_clock_ms):
        pass
    assert synced == [str(tmp_path), str(tmp_path / "deep")]


async def test_a_file_in_the_directorys_place_is_refused(tmp_path: Path) -> None:
    """[J3.6] A path that is no directory is refused."""
    (tmp_path / "f").write_text("x")
    assert "not a directory" in (await _refusal(tmp_path / "f")).problem
    assert "not a directory" in (await _refusal(tmp_path / "f" / "d")).problem


async def test_an_unwritable_place_is_refused() -> None:
    """[J3.6] A directory that cannot be made or written is refused. (Holds for root as well.)"""
    assert "cannot be written" in (await _refusal(Path("/proc/self/collab"))).problem
    assert "cannot be written" in (await _refusal(Path("/proc/self"))).problem


async def test_a_full_disk_at_the_start_is_said(tmp_path: Path, disk: FaultyDisk) -> None:
    """[J3.7] No space for the schema: one clear line; with space the next start succeeds."""
    disk.is_full = True
    refusal = await _refusal(tmp_path, disk.name)
    assert refusal.problem == "the disk is full"
    assert "free some space" in refusal.remedy
    disk.is_full = False
    async with open_store(tmp_path, clock_ms=_clock_ms, vfs=disk.name) as store:
        await store.append(Batch("a:1", 1, [b"x"]))


async def _opened_until(directory: Path, last: int) -> str | None:
    """Open the store on a device of which call *last*, and all after it, fail; return the problem.

    Calls are counted from 0, reads among them. None: it was opened before.
    """
    calls = itertools.count()

    def go(_call: Call) -> None:
        if next(calls) >= last:
            raise apsw.IOError("gone")

    device = Device(go)
    try:
        async with open_store(directory, clock_ms=_clock_ms, vfs=device.name):
            return None
    except StoreUnusable as error:
        return error.problem
    finally:
        device.close()


@pytest.mark.parametrize("made_until", [0, 40, 44])  # 40 and 44: between two of its steps.
async def test_a_device_that_goes_while_a_store_is_made_is_named(
    tmp_path: Path, made_until: int
) -> None:
    """[J3.15] From whichever call on nothing works, at the first start or the one that goes on."""
    for last in itertools.count():
        directory = tmp_path / str(last)
        if made_until:
            assert await _opened_until(directory, made_until) is not None
        problem = await _opened_until(directory, last)
        if problem is None:
            break
        assert problem.startswith("reading or writing failed"), (last, problem)
    assert last > 20


async def test_a_damaged_file_is_said(reopen: Reopen, tmp_path: Path) -> None:
    """[J3.8] Overwritten pages are found at the start; the file stays for whoever repairs it."""
    async with reopen() as store:
        await store.append(Batch("a:1", 1, [b"x" * 20_000]))
    path = tmp_path / "d" / "collab.db"
    whole = path.read_bytes()
    damaged = whole[:4_096] + b"\xff" * 8_192 + whole[12_288:]
    path.write_bytes(damaged)
    refusal = await _refusal(tmp_path / "d")
    assert "damaged" in refusal.problem
    assert "restore a backup" in refusal.remedy
    assert path.read_bytes() == damaged


async def test_a_truncated_file_is_said(reopen: Reopen, tmp_path: Path) -> None:
    """[J3.8] A file that lost its end is found at the start."""
    async with reopen() as store:
        await store.append(Batch("a:1", 1, [os.urandom(100_000)]))
    path = tmp_path / "d" / "collab.db"
    path.write_bytes(path.read_bytes()[:20_000])
    assert "damaged" in (await _refusal(tmp_path / "d")).problem


async def test_what_the_body_raises_leaves_as_it_is(reopen: Reopen) -> None:
    """[J3.9] The store's own tasks do not wrap the body's error, and what it wrote is kept."""

    async def use_and_fail() -> None:
        async with reopen() as store:
            await store.append(Batch("a:1", 1, [b"x"]))
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await use_and_fail()
    async with reopen() as store:
        assert (await store.head("a:1")).last_seq == 1
