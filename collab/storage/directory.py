"""The data directory before the database is open: whose it is, and whether we may use it.

Everything that is looked at here is only looked at: a directory that is refused is left as it
was, but for our own lock file. Runs in a worker thread; plain blocking calls.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw

from collab.storage.errors import StoreUnusable, remedy_for, what_failed
from collab.storage.limits import QUICK_CHECK_BYTES_MAX
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
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
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


def _lock(directory: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        raise StoreUnusable(
            directory,
            f"another server is using it (process {owner or 'unknown'})",
            "stop that one, or name another directory",
        ) from error
    # A full disk is found out when the database is opened; the number is for people only.
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)


def check_database(path: Path, vfs: str | None) -> None:
    """Look at the file at *path*, and make an empty one that is private if there is none.

    Raises:
      StoreUnusable: it is not ours, of a newer version, damaged or not writable.
    """
    try:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            return
        with path.open("r+b") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise StoreUnusable(
            path, f"it cannot be read and written ({error.strerror})", "check its permissions"
        ) from error
    if not header and not _has_log(path):
        return  # The one before us was stopped right after it had made the file.
    if header:
        _check_header(path, header)
    _check_content(path, vfs)


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _check_header(path: Path, header: bytes) -> None:
    """Judge by the first bytes, before SQLite has touched anything."""
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        raise _not_ours(path)
    version, application_id = struct.unpack_from(">I", header, 60)[0], header[68:72]
    if application_id == struct.pack(">I", APPLICATION_ID):
        _check_version(path, version)
    elif application_id != b"\0\0\0\0":
        raise _not_ours(path)


def _check_content(path: Path, vfs: str | None) -> None:
    """Judge by what SQLite reads, log included."""
    db = None
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
        application_id = db.pragma("application_id")
        tables = db.execute("SELECT count(*) FROM sqlite_schema").get
        if application_id != APPLICATION_ID and (application_id != 0 or tables != 0):
            raise _not_ours(path)
        _check_version(path, int(db.pragma("user_version")))
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


def _check_version(path: Path, version: int) -> None:
    if version > VERSION:
        raise StoreUnusable(
            path,
            f"a newer version of this program wrote it (schema {version}; we know {VERSION})",
            "use that version",
        )


def _not_ours(path: Path) -> StoreUnusable:
    return StoreUnusable(path, "it is not a database of this program", "name another directory")
