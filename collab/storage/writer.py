"""The one task that commits. Everybody else fills the open group and waits.

While a group syncs, the next one collects: load makes groups larger, not queues longer. The first
failure is the last commit: SQLite would go on acknowledging after a failed fsync, so the
writer does not. A commit is never cancelled, because its outcome would be unknown.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import apsw
import trio

from actors import JournalBroken
from collab.storage.connection import SqlThread
from collab.storage.errors import remedy_for, what_failed
from collab.storage.figures import Figures
from collab.storage.group import Committed, Group
from collab.storage.limits import GROUP_INTERVAL_S, GROUP_ROWS_BUSY
from collab.storage.tail import TailIndex

_log = logging.getLogger("collab.storage")


class Writer:
    """Owner of the writing connection and of the open group."""

    def __init__(self, thread: SqlThread, tail: TailIndex, tail_no: int, figures: Figures) -> None:
        self._thread = thread
        self._tail = tail
        self.figures = figures
        self._wake = trio.Event()
        self._is_closing = False
        self._has_ended = False
        self._room = trio.Event()  # Set, and replaced, whenever a fresh group opens.
        self.group = Group()
        self._committing = Group()  # The one that is, or was last, on its way to disk.
        self.tail_no = tail_no  # Which tail table takes the records of the next commit.
        self.on_commit: Callable[[], None] = _nothing
        self.failed: JournalBroken | None = None
        self.broken = trio.Event()

    async def run(self) -> None:
        """Commit group after group until :meth:`close`. Cancelled: goes on until then."""
        with trio.CancelScope(shield=True):
            while self.failed is None:
                if not self.group.is_empty:
                    started = trio.current_time()
                    group, self.group = self.group, Group()
                    self._open_room()
                    await self._commit(group)
                    if group.rows >= GROUP_ROWS_BUSY and not self._is_closing:
                        await trio.sleep_until(started + GROUP_INTERVAL_S)
                elif self._is_closing:
                    self._has_ended = True
                    return
                else:
                    await self._wake.wait()
                    self._wake = trio.Event()

    def close(self) -> None:
        """Let :meth:`run` end once everything that waits has been committed."""
        self._is_closing = True
        self._wake.set()

    def poke(self) -> None:
        """Have the open group committed soon."""
        self._wake.set()

    @property
    def open_group(self) -> Group | None:
        """The open group, if it takes more at once; else wait in :meth:`room`."""
        group = self.group
        return None if self.failed is not None or self._has_ended or group.is_full else group

    async def room(self) -> Group:
        """Return the open group once it takes more.

        Raises:
          JournalBroken: the device failed.
          trio.ClosedResourceError: the store was closed.

        Cancelled: nothing happened.
        """
        if self._has_ended:
            raise trio.ClosedResourceError("the store is closed")
        while self.failed is None:
            if not self.group.is_full:
                return self.group
            await self._room.wait()
        raise self._error()

    async def durable(self) -> None:
        """Wait until the open group, and all before it, are on disk.

        Raises:
          JournalBroken: the device failed; whether the group is stored is unknown.
          trio.ClosedResourceError: the store was closed.

        Cannot be cancelled, so that whoever returns from here knows the outcome; a cancellation
        is delivered at the caller's next checkpoint. It takes one or two commits.
        """
        if self.failed is not None:
            raise self._error()
        if self._has_ended:
            raise trio.ClosedResourceError("the store is closed")
        self.group.waiting.append(trio.lowlevel.current_task())
        self._wake.set()
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
        if self.failed is not None:
            raise self._error()

    async def fail(self, error: Exception) -> None:
        """Stop for good: no append is acknowledged any more. Also for the readers' failures."""
        if self.failed is None:
            self.failed = JournalBroken(f"{what_failed(error)}; {remedy_for(error)}")
            self.broken.set()
            self._wake.set()
            self._open_room()
            # First of all those who wait, since they cannot be cancelled. Only then the device
            # again, which may raise anything now, or never answer.
            self._release(self._committing)
            self._release(self.group)
            await self._leave_log()

    async def _leave_log(self) -> None:
        """Leave the log, which holds who knows what now, to the next start to judge."""
        with trio.CancelScope(shield=True):
            try:
                await self._thread.run(_keep_log)
            except Exception as error:  # noqa: BLE001 -- the store has failed already and says so
                _log.error("the log of the failed store could not be kept: %s", what_failed(error))

    async def _commit(self, group: Group) -> None:
        started = time.perf_counter()
        self._committing = group
        try:
            committed = await self._thread.run(group.work(self.tail_no))
            self._apply(group, committed)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the outcome is unknown
            await self.fail(error)
        else:
            self.figures.committed(
                rows=len(group.tail) // 5,
                payload_bytes=group.nbytes,
                duration_s=time.perf_counter() - started,
            )
            self.on_commit()
        self._release(group)

    def _apply(self, group: Group, committed: Committed) -> None:
        """Bring what is in memory up to what is on disk now, before anybody is told."""
        for actor_id, run in group.runs:
            self._tail.add(actor_id, run)
        for call in group.on_durable:
            call()
        figures = self.figures
        figures.pages_written += committed.pages_written
        figures.wal_pages += committed.pages_written
        if committed.wal is not None:
            figures.wal_frames, copied = committed.wal
            figures.wal_pages = figures.wal_frames - copied
        figures.tail_rows, figures.tail_bytes = self._tail.rows, self._tail.nbytes

    def _release(self, group: Group) -> None:
        for task in group.waiting:
            trio.lowlevel.reschedule(task)
        group.waiting.clear()

    def _open_room(self) -> None:
        self._room.set()
        self._room = trio.Event()

    def _error(self) -> JournalBroken:
        """Return a fresh error: one instance raised in many tasks would tangle tracebacks."""
        assert self.failed is not None
        return JournalBroken(self.failed.detail)


def _nothing() -> None:
    return


def _keep_log(db: apsw.Connection) -> None:
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
