"""SQLite connections that live in their own thread, and a small pool of readers.

apsw runs each connection in one thread; what has to be done is one function per hop, so that
a hop (about 100 µs with its two wake-ups) is paid once, and the interpreter lock changes hands
only while SQLite itself works. Never ``executemany``: it hands the lock back at every row.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple, cast

import apsw
import apsw.aio
import trio

from collab.storage.errors import what_failed
from collab.storage.limits import (
    BUSY_TIMEOUT_MS,
    READER_CACHE_KIB,
    STATEMENTS_CACHED_MAX,
    WAL_BYTES_KEPT,
    WRITER_CACHE_KIB,
)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_log = logging.getLogger("collab.storage")

_READ_ONLY: Final = apsw.SQLITE_OPEN_READONLY
_READ_WRITE: Final = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE


class SqlThread:
    """One connection and its thread. Calls run one after the other, in the order of ``run``."""

    def __init__(self, connection: apsw.AsyncConnection) -> None:
        self._connection = connection

    async def run(self, work: Callable[[apsw.Connection, *Ts], T], *args: *Ts) -> T:
        """Return ``work(connection, *args)``, called in the connection's thread.

        Inside, the connection is an ordinary synchronous one; it must not be kept.

        Raises: whatever *work* raises.

        Cancelled: *work* is skipped, or interrupted at its next statement, or its result is
        dropped. It must leave no transaction open when it raises.
        """
        # Without a deadline of its own apsw takes trio's and raises TooSlowError where only
        # Cancelled is expected.
        token = apsw.aio.deadline.set(math.inf)
        try:
            result: T = await self._connection.async_run(work, self._connection, *args)
        finally:
            apsw.aio.deadline.reset(token)
        return result


@asynccontextmanager
async def open_writer(path: Path, vfs: str | None) -> AsyncIterator[SqlThread]:
    """Open the connection that alone writes. Leaving closes it and empties the log.

    Raises:
      apsw.Error: the file cannot be opened for writing in WAL mode.
    """
    async with _open_thread(path, _READ_WRITE, vfs) as thread:
        await thread.run(_prepare_writer)
        yield thread


@asynccontextmanager
async def open_background(path: Path, vfs: str | None) -> AsyncIterator[SqlThread]:
    """Open the connection of compactor and checkpoints: it reads, and copies the log."""
    async with _open_thread(path, _READ_WRITE, vfs) as thread:
        await thread.run(_prepare_reader)
        yield thread


@asynccontextmanager
async def open_readers(path: Path, vfs: str | None, count: int) -> AsyncIterator[ReaderPool]:
    """Open *count* read-only connections."""
    async with _open_reader(path, vfs, count) as threads:
        pool = ReaderPool(threads)
        try:
            yield pool
        finally:
            with trio.CancelScope(shield=True):  # Reads are short, and the threads are their own.
                await pool.wait_quiet()


@asynccontextmanager
async def _open_reader(path: Path, vfs: str | None, count: int) -> AsyncIterator[list[SqlThread]]:
    if count == 0:
        yield []
        return
    async with (
        _open_thread(path, _READ_ONLY, vfs) as thread,
        _open_reader(path, vfs, count - 1) as others,
    ):
        await thread.run(_prepare_reader)
        yield [thread, *others]


@asynccontextmanager
async def _open_thread(path: Path, flags: int, vfs: str | None) -> AsyncIterator[SqlThread]:
    # Opening and closing are shielded: an abandoned connection's thread would never end.
    with trio.CancelScope(shield=True):
        connection = await apsw.Connection.as_async(
            str(path), flags=flags, vfs=vfs, statementcachesize=STATEMENTS_CACHED_MAX
        )
    try:
        yield SqlThread(connection)
    finally:
        with trio.CancelScope(shield=True):
            try:
                await connection.aclose(force=True)
            except apsw.Error as error:
                # What is acknowledged is on disk; the next start finishes what this one left.
                _log.warning("closing the database: %s", what_failed(error))


def _prepare_writer(db: apsw.Connection) -> None:
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    if db.pragma("page_count") == 0:
        db.pragma("auto_vacuum", 0)
    mode = db.pragma("journal_mode", "wal")
    if mode != "wal":
        raise apsw.CantOpenError(f"the file system cannot hold a write-ahead log ({mode})")
    db.pragma("synchronous", 2)  # FULL: a commit is on the disk when it returns.
    db.pragma("cache_size", -WRITER_CACHE_KIB)
    db.pragma("journal_size_limit", WAL_BYTES_KEPT)
    db.wal_autocheckpoint(0)  # See ``checkpoint``: never inside a commit.
    _harden(db)


def _prepare_reader(db: apsw.Connection) -> None:
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    db.pragma("cache_size", -READER_CACHE_KIB)
    db.pragma("synchronous", 2)
    db.wal_autocheckpoint(0)
    _harden(db)


def _harden(db: apsw.Connection) -> None:
    """Distrust the file: damage becomes an error instead of a wrong answer."""
    db.pragma("cell_size_check", 1)
    db.pragma("trusted_schema", 0)
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)


class _Read:
    """One read from request to result; made and waited for in the event loop, done in a thread."""

    __slots__ = ("done", "error", "is_unwanted", "value", "work")

    def __init__(self, work: Callable[[apsw.Connection], Any]) -> None:
        self.work = work
        self.done = trio.Event()
        self.is_unwanted = False
        self.value: Any = None
        self.error: BaseException | None = None


class ReaderPool:
    """Read-only connections with one queue: whichever thread is free takes the oldest read.

    A thread that has begun takes one read after the other without asking the event loop, whose
    turns take longer under load than a hundred reads. So a slow read holds up no other one while
    there is a free thread, and a busy loop none at all.
    """

    def __init__(self, threads: list[SqlThread]) -> None:
        self._idle = threads
        self._waiting: deque[_Read] = deque()  # Taken from by threads: only atomic operations.
        self._pumps = 0
        self._is_quiet = trio.Event()

    async def run(self, work: Callable[[apsw.Connection, *Ts], T], *args: *Ts) -> T:
        """Return ``work(connection, *args)``, called in a connection's thread.

        Cancelled: nothing happened. A read that has begun goes on to its end in its thread.
        """
        read = _Read(lambda db: work(db, *args))
        self._waiting.append(read)
        if self._idle:
            self._pumps += 1
            trio.lowlevel.spawn_system_task(self._pump, self._idle.pop())
        try:
            await read.done.wait()
        finally:
            read.is_unwanted = True
        if read.error is not None:
            raise read.error
        value: T = read.value
        return value

    async def wait_quiet(self) -> None:
        """Return when no thread is reading. Cancelled: some may be."""
        while self._pumps:
            self._is_quiet = trio.Event()
            await self._is_quiet.wait()

    async def _pump(self, thread: SqlThread) -> None:
        """Have *thread* read while there is something to be read. Must not raise."""
        token = trio.lowlevel.current_trio_token()
        try:
            while self._waiting:
                await thread.run(self._drain, token)
        except Exception as error:  # noqa: BLE001 -- the connection is gone, and all others with it
            self._fail_all(error)
        finally:
            self._idle.append(thread)
            self._pumps -= 1
            self._is_quiet.set()

    def _fail_all(self, error: Exception) -> None:
        while True:
            try:
                read = self._waiting.popleft()  # Another thread may be taking some, too.
            except IndexError:
                return
            read.error = error
            read.done.set()

    def _drain(self, db: apsw.Connection, token: trio.lowlevel.TrioToken) -> None:
        """In the thread: read until nothing waits."""
        while True:
            try:
                read = self._waiting.popleft()
            except IndexError:
                return
            if read.is_unwanted:
                continue
            try:
                read.value = read.work(db)
            except BaseException as error:  # noqa: BLE001 -- its caller's: a panic of a library, too
                read.error = error
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(read.done.set)


def fetch(db: apsw.Connection, sql: str, *bindings: object) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    return cast("list[tuple[Any, ...]]", db.execute(sql, bindings).fetchall())
