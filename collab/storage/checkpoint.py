"""Keeps the write-ahead log bounded, without stalling commits.

SQLite would copy the log into the database inside whichever commit crosses a threshold, with
two more syncs. Here the bulk is copied beside the running commits, by another connection; then one
group commit copies the little that was added meanwhile, and the log starts over. Readers hold a
log back only for the length of one read; beyond the hard bound a commit waits for them.
"""

from __future__ import annotations

import apsw
import trio
from attrs import define, field

from actors import JournalBroken
from collab.storage.connection import SqlThread
from collab.storage.figures import Figures
from collab.storage.limits import WAL_PAGES_HARD, WAL_PAGES_SOFT
from collab.storage.writer import Writer


@define(eq=False)
class Checkpointer:
    """The task that copies the log into the database."""

    thread: SqlThread
    writer: Writer
    figures: Figures
    _is_closing: bool = False
    _wake: trio.Event = field(factory=trio.Event)
    _pages_next: int = WAL_PAGES_SOFT

    @property
    def is_due(self) -> bool:
        """Say whether the log has grown by enough since the last attempt."""
        return self.figures.wal_pages > self._pages_next

    def poke(self) -> None:
        """Have the log copied soon."""
        self._wake.set()

    def close(self) -> None:
        """Let :meth:`run` end. The rest of the log is copied when the writer closes."""
        self._is_closing = True
        self._wake.set()

    async def run(self) -> None:
        """Copy the log whenever it is due, until :meth:`close`. Cancelled: goes on until then."""
        with trio.CancelScope(shield=True):
            while not self._is_closing:
                await self._wake.wait()
                self._wake = trio.Event()
                if self.is_due and self.writer.failed is None:
                    await self._copy()

    async def _copy(self) -> None:
        try:
            await self.thread.run(_copy_beside)
            group = await self.writer.room()
            is_late = self.figures.wal_frames > WAL_PAGES_HARD
            group.checkpoint_mode = (
                apsw.SQLITE_CHECKPOINT_RESTART if is_late else apsw.SQLITE_CHECKPOINT_PASSIVE
            )
            await self.writer.durable()
        except apsw.Error as error:
            await self.writer.fail(error)
        except JournalBroken:
            return  # The store has failed and says so itself.
        self.figures.checkpoints += 1
        # A reader held the log: try again after the same growth, not at every commit.
        self._pages_next = self.figures.wal_pages + WAL_PAGES_SOFT


def _copy_beside(db: apsw.Connection) -> None:
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
