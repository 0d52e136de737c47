"""The data directory before the database is open: whose it is, and whether we may use it.

Everything that is looked at here is only looked at: a directory that is refused is left as it
was, but for our own lock file. Runs in a worker thread; plain blocking calls.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw
from attrs import frozen

from collab.storage.errors import StoreUnusable, remedy_for, what_failed
from collab.storage.limits import BUSY_TIMEOUT_MS, QUICK_CHECK_BYTES_MAX
from collab.storage.migrations import APPLICATION_ID, VERSION

DATABASE_NAME: Final = "collab.db"
LOCK_NAME: Final = "lock"

_MAGIC: Final = b"SQLite format 3\x00"
_HEADER_BYTES: Final = 100


@contextmanager
def held_directory(directory: Path) -> Iterator[Path]:
    """Make *directory* if it is missing, lock it, and yield the database's path.

    The lock goes with the process, however it ends. The file holds its owner's process id.

    Raises:
      StoreUnusable: it cannot be made, written or locked.
    """
    try:
        _make(directory)
        lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreUnusable(directory, "it is not a directory", "name another one") from error
    except OSError as error:
        problem = f"it cannot be written ({error.strerror})"
        raise StoreUnusable(directory, problem, "check the device and the permissions") from error
    try:
        _lock(directory, lock)
        try:
            yield directory / DATABASE_NAME
        finally:
            os.ftruncate(lock, 0)
    finally:
        os.close(lock)


def _make(directory: Path) -> None:
    """Make *directory* and what is missing above it, so that a power cut does not unmake them."""
    if directory.is_dir():
        return
    if not directory.parent.exists():
        _make(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    parent = os.open(directory.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _lock(directory: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreUnusable(
            directory,
            f"another server is using it (process {_owner_of(lock)})",
            "stop that one, or name another directory",
        ) from error
    # A full disk is found out when the database is opened; the number is for people only.
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)


def _owner_of(lock: int) -> str:
    return os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"


def check_database(path: Path, vfs: str | None) -> None:
    """Look at the file at *path*, and make an empty one that is private if there is none.

    Raises:
      StoreUnusable: it is not ours, of a newer version, damaged or not writable.
    """
    try:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            return
    except OSError as error:
        raise _not_accessible(path, error) from error
    # Only a first start uses a journal, before the log. SQLite takes its half-done writes back
    # when the file is opened, which needs one that may write.
    flags = apsw.SQLITE_OPEN_READWRITE if _has_journal(path) else apsw.SQLITE_OPEN_READONLY
    _check_file(path, lambda: apsw.Connection(str(path), flags=flags, vfs=vfs))


@frozen
class StoreCondition:
    """What can be known of a store that was only looked at."""

    nbytes: int  # Of the database; 0: there is none yet.
    schema: int  # The version that wrote it; 0: there is nothing in it yet.
    is_read_whole: bool  # Not if it is too large, or if somebody has it open.
    holder: str | None  # The process that has it open.


def inspect_store(directory: Path) -> StoreCondition:
    """Look at the store in *directory* as a start would, and change nothing there.

    What a server has open is left to that server: it has looked itself.

    Raises:
      StoreUnusable: a start would be refused for what is there.
    """
    path = directory / DATABASE_NAME
    nbytes = path.stat().st_size if path.exists() else 0
    if (holder := _holder(directory)) is not None:
        return StoreCondition(nbytes, 0, is_read_whole=False, holder=holder)
    if not path.exists() or _has_journal(path):  # A first start was stopped in the middle.
        return StoreCondition(nbytes, 0, is_read_whole=True, holder=None)
    try:
        schema = _check_file(path, lambda: _open_leaving_nothing(path))
    except StoreUnusable:
        # A server that started meanwhile writes while we read: that looks like damage.
        if (holder := _holder(directory)) is not None:
            return StoreCondition(nbytes, 0, is_read_whole=False, holder=holder)
        raise
    return StoreCondition(nbytes, schema, nbytes <= QUICK_CHECK_BYTES_MAX, holder=None)


@contextmanager
def opened_for_looking(directory: Path) -> Iterator[apsw.Connection | None]:
    """Yield a read-only connection to the store in *directory*; None: there is nothing in it yet.

    The file's head is judged as at a start; its pages are not.

    Raises:
      StoreUnusable: it is not ours, of a newer version, cannot be opened, or somebody has it open.
    """
    path = directory / DATABASE_NAME
    if not path.exists() or _has_journal(path):
        yield None
        return
    if (holder := _holder(directory)) is not None:
        problem = f"process {holder} is using it"
        raise StoreUnusable(path, problem, "stop that one, or look at a copy")
    header = _header_of(path)
    if not header and not _has_log(path):
        yield None
        return
    if header:
        _check_header(path, header)
    try:
        db = _open_leaving_nothing(path)
    except apsw.Error as error:
        raise StoreUnusable(path, what_failed(error), remedy_for(error)) from error
    try:
        yield db
    finally:
        db.close()


@contextmanager
def opened_beside(directory: Path) -> Iterator[apsw.Connection]:
    """Yield a read-only connection to the store in *directory*, which a server may have open.

    Raises:
      StoreUnusable: there is none, it is not ours, of another version, or cannot be opened.
    """
    path = directory / DATABASE_NAME
    if not path.exists() or path.stat().st_size == 0:
        raise StoreUnusable(path, "there is nothing in it yet", "name another directory")
    if _holder(directory) is None:
        with opened_for_looking(directory) as db:
            if db is None:
                raise StoreUnusable(path, "it was never opened whole", "start the server on it")
            _check_reads(path, db)
            yield db
        return
    _check_header(path, _header_of(path))
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        raise StoreUnusable(path, what_failed(error), remedy_for(error)) from error
    try:
        db.set_busy_timeout(BUSY_TIMEOUT_MS)
        _check_reads(path, db)
        yield db
    finally:
        db.close()


def _check_reads(path: Path, db: apsw.Connection) -> None:
    version = int(db.pragma("user_version"))
    if version < VERSION:
        problem = f"an older version of this program wrote it (schema {version}; this is {VERSION})"
        raise StoreUnusable(path, problem, "start the server on it once")
    _check_version(path, version)


def _header_of(path: Path) -> bytes:
    try:
        with path.open("r+b") as file:
            return file.read(_HEADER_BYTES)
    except OSError as error:
        raise _not_accessible(path, error) from error


def _holder(directory: Path) -> str | None:
    """Return who has *directory* open, if anybody, without being in the way of a start."""
    try:
        lock = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_accessible(directory / LOCK_NAME, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _owner_of(lock)
    else:
        return None
    finally:
        os.close(lock)  # Gives the lock back as well.


def _open_leaving_nothing(path: Path) -> apsw.Connection:
    """Open *path* for reading; without a log as a file that never changes.

    Otherwise SQLite would leave an empty log and its index beside it.
    """
    if _has_log(path):
        return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    return apsw.Connection(
        f"file:{quote(str(path.absolute()))}?immutable=1",
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
    )


def _check_file(path: Path, open_db: Callable[[], apsw.Connection]) -> int:
    """Judge a file that is there; return the version of its schema, 0 if it is empty."""
    header = _header_of(path)
    if not header and not _has_log(path):
        return 0  # The one before us was stopped right after it had made the file.
    if header and (header.startswith(_MAGIC) or not _has_journal(path)):
        _check_header(path, header)
    return _check_content(path, open_db)


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _has_journal(path: Path) -> bool:
    return path.with_name(path.name + "-journal").exists()


def _check_header(path: Path, header: bytes) -> None:
    """Judge by the first bytes, before SQLite has touched anything."""
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        raise _not_ours(path)
    version, application_id = struct.unpack_from(">I", header, 60)[0], header[68:72]
    if application_id == struct.pack(">I", APPLICATION_ID):
        _check_version(path, version)
    elif application_id != b"\0\0\0\0":
        raise _not_ours(path)


def _check_content(path: Path, open_db: Callable[[], apsw.Connection]) -> int:
    """Judge by what SQLite reads, log included; return the version of the schema."""
    db = None
    try:
        db = open_db()
        application_id = db.pragma("application_id")
        tables = db.execute("SELECT count(*) FROM sqlite_schema").get
        if application_id != APPLICATION_ID and (application_id != 0 or tables != 0):
            raise _not_ours(path)
        version = int(db.pragma("user_version"))
        _check_version(path, version)
        if path.stat().st_size <= QUICK_CHECK_BYTES_MAX:
            found = db.execute("PRAGMA quick_check(1)").get
            if found != "ok":
                problem = f"the database file is damaged ({' '.join(str(found).split())})"
                raise StoreUnusable(path, problem, remedy_for(apsw.CorruptError()))
    except apsw.Error as error:
        raise StoreUnusable(path, what_failed(error), remedy_for(error)) from error
    finally:
        if db is not None:
            db.close()
    return version


def _check_version(path: Path, version: int) -> None:
    if version > VERSION:
        raise StoreUnusable(
            path,
            f"a newer version of this program wrote it (schema {version}; we know {VERSION})",
            "use that version",
        )


def _not_accessible(path: Path, error: OSError) -> StoreUnusable:
    problem = f"it cannot be read and written ({error.strerror})"
    return StoreUnusable(path, problem, "check its permissions")


def _not_ours(path: Path) -> StoreUnusable:
    return StoreUnusable(path, "it is not a database of this program", "name another directory")
