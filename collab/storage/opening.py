"""Opening and closing a store, and the order of it.

::

    lock the directory -> look at the file -> writer, schema, index of the tail -> readers
    ... the body ...
    refuse appends -> seal for a bounded time -> commit what waits -> close, the writer last
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import apsw
import trio

from collab.storage.checkpoint import Checkpointer
from collab.storage.compactor import Compactor
from collab.storage.connection import open_background, open_readers, open_writer
from collab.storage.directory import check_database, held_directory
from collab.storage.errors import StoreUnusable, remedy_for, what_failed
from collab.storage.figures import Figures
from collab.storage.heads import Heads
from collab.storage.limits import READERS_MAX
from collab.storage.loading import load
from collab.storage.migrations import migrate
from collab.storage.store import SqliteStore
from collab.storage.writer import Writer

_log = logging.getLogger("collab.storage")


@asynccontextmanager
async def open_store(
    directory: Path, *, clock_ms: Callable[[], int], vfs: str | None = None
) -> AsyncIterator[SqliteStore]:
    """Open the store in *directory*, which is made if it is missing.

    Leaving commits what waits, seals the tail for a bounded time and closes the file.

    Args:
      clock_ms: Unix time in milliseconds, for time stamps.
      vfs: A registered SQLite VFS, for tests of failing devices.

    Raises:
      StoreUnusable: the directory or its file cannot be used; nothing was changed.

    Cancelled: while opening, nothing happened. Inside, the background tasks go on until the body
    has ended, so that actors can still store their last batches in a shielded scope.
    """
    async with AsyncExitStack() as stack:
        path = stack.enter_context(held_directory(directory))
        try:
            await trio.to_thread.run_sync(check_database, path, vfs)
            writer_thread = await stack.enter_async_context(open_writer(path, vfs))
            await writer_thread.run(migrate, clock_ms)
            loaded = await writer_thread.run(load, clock_ms)
            readers = await stack.enter_async_context(open_readers(path, vfs, READERS_MAX))
            background = await stack.enter_async_context(open_background(path, vfs))
        except (apsw.Error, OSError) as error:
            raise StoreUnusable(path, what_failed(error), remedy_for(error)) from error
        for actor_id, detail in loaded.damaged.items():
            _log.error("%r is quarantined: %s", actor_id, detail)
        figures = Figures()
        writer = Writer(writer_thread, loaded.tail, loaded.tail_no, figures)
        compactor = Compactor(
            background,
            writer,
            loaded.tail,
            Heads(),
            loaded.damaged,
            figures,
            clock_ms,
            loaded.old_upto,
        )
        checkpointer = Checkpointer(background, writer, figures)
        store = SqliteStore(directory, loaded, readers, writer, compactor, checkpointer)
        if loaded.audit_alarm is not None:
            store.audit_soon([loaded.audit_alarm])
        if compactor.is_due:
            compactor.poke()
        # The body's error leaves as itself, not wrapped by the nurseries that it knows nothing of.
        body_error: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run)
            try:
                async with trio.open_nursery() as keepers:
                    keepers.start_soon(compactor.run)
                    keepers.start_soon(checkpointer.run)
                    try:
                        yield store
                    except BaseException as error:  # noqa: BLE001 -- raised again below
                        body_error = error
                    store.close()
                    compactor.close()
                    checkpointer.close()
            finally:
                writer.close()
        if body_error is not None:
            raise body_error
