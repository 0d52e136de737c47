"""A device as SQLite sees it, that can be told to fail and remembers what it was not told to keep.

A registered VFS around the real one. The real files always hold what a running program sees; what
would be left after a power cut is computed from beside them: for every file its content at its
last sync, and the writes since then. Calls that change something are numbered from 1.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

import apsw
from attrs import define, field, frozen

_NUMBERS: Final = count()  # Of registered devices: SQLite keeps their names for good.


@frozen
class Call:
    """One call that changes a file, or reads it; the two are numbered apart."""

    number: int
    kind: str  # "write", "sync", "truncate", "delete" or "read"
    file: str  # The last part of its name.


@frozen
class Write:
    """Bytes that were written and not synced yet; None: the file was cut to ``offset`` bytes."""

    offset: int
    content: bytes | None


@define(eq=False)
class FileState:
    """What the device holds of one file."""

    synced: bytes = b""
    unsynced: list[Write] = field(factory=list)
    is_entry_synced: bool = False  # Whether its directory knows it for sure.
    ghost: bytes | None = None  # Of a file that was deleted; the deletion may not last.
    is_deleted: bool = False


class Device:
    """A registered VFS, named ``name``. ``before`` is called first of all and may raise."""

    def __init__(self, before: Callable[[Call], None]) -> None:
        self.name = f"device-{next(_NUMBERS)}"
        self.before = before
        self.calls = 0
        self._reads = count(1)
        self.files: dict[str, FileState] = {}
        self._lock = threading.Lock()  # Each connection has a thread of its own.
        self._vfs = _Vfs(self)

    def close(self) -> None:
        """Take the VFS out of SQLite's list. No connection may be open."""
        self._vfs.unregister()

    def load(self, directory: Path) -> None:
        """Take the files of *directory* as synced, as after a long time of rest."""
        for path in directory.iterdir():
            self.files[path.name] = FileState(path.read_bytes(), is_entry_synced=True)

    def opened(self, file: str) -> None:
        with self._lock:
            state = self.files.setdefault(file, FileState())
            if state.is_deleted:
                self.files[file] = FileState(ghost=state.ghost)

    def call(
        self,
        kind: str,
        file: str,
        change: Callable[[], None],
        write: Write | None = None,
        *,
        syncs_entries: bool = False,
    ) -> None:
        """Note a call that changes *file*, and have *change* make it."""
        with self._lock:
            self.calls += 1
            self.before(Call(self.calls, kind, file))
            change()
            state = self.files.setdefault(file, FileState())
            if write is not None:
                state.unsynced.append(write)
            elif kind == "delete":
                ghost = state.synced if state.is_entry_synced else state.ghost
                self.files[file] = FileState(ghost=ghost, is_deleted=True)
            else:
                state.synced = applied(state.synced, state.unsynced)
                state.unsynced.clear()
                if syncs_entries:
                    self._sync_entries()

    def read(self, file: str) -> None:
        self.before(Call(next(self._reads), "read", file))

    def _sync_entries(self) -> None:
        for state in self.files.values():
            state.is_entry_synced = not state.is_deleted
            state.ghost = None


def applied(content: bytes, writes: list[Write]) -> bytes:
    """Return *content* after *writes*, in their order. Holes are zeros."""
    result = bytearray(content)
    for write in writes:
        if write.content is None:
            del result[write.offset :]
            continue
        if len(result) < write.offset:
            result.extend(bytes(write.offset - len(result)))
        result[write.offset : write.offset + len(write.content)] = write.content
    return bytes(result)


class _Vfs(apsw.VFS):
    def __init__(self, device: Device) -> None:
        self.device = device
        super().__init__(device.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self.device, name, flags)

    def xDelete(self, name: str, sync_directory: bool) -> None:  # noqa: N802
        def delete() -> None:
            super(_Vfs, self).xDelete(name, sync_directory)

        self.device.call("delete", Path(name).name, delete)


class _File(apsw.VFSFile):
    def __init__(self, device: Device, name: Any, flags: list[int]) -> None:
        self.device = device
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self.file = Path(path).name
        self.is_read_only = bool(flags[0] & apsw.SQLITE_OPEN_READONLY)
        # With the first sync of a log that it opened to create, whether it was there or not,
        # SQLite syncs the directory too: unixOpen's UNIXFILE_DIRSYNC, and strace shows it.
        is_log = bool(flags[0] & (apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL))
        self.syncs_entries = is_log and bool(flags[0] & apsw.SQLITE_OPEN_CREATE)
        super().__init__("", name, flags)
        device.opened(self.file)

    def xLock(self, level: int) -> None:  # noqa: N802
        # The last closing connection tries for this lock. On a read-only file it fails, which
        # SQLite ignores, but apsw would raise it.
        if self.is_read_only and level == apsw.SQLITE_LOCK_EXCLUSIVE:
            raise apsw.BusyError
        super().xLock(level)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self.device.read(self.file)
        return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        content = bytes(data)

        def write() -> None:
            super(_File, self).xWrite(content, offset)

        self.device.call("write", self.file, write, Write(offset, content))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        def truncate() -> None:
            super(_File, self).xTruncate(size)

        self.device.call("truncate", self.file, truncate, Write(size, None))

    def xSync(self, flags: int) -> None:  # noqa: N802, ARG002 -- the real one costs a millisecond
        first, self.syncs_entries = self.syncs_entries, False
        self.device.call("sync", self.file, lambda: None, syncs_entries=first)
