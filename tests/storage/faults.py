"""A device that fails on demand: an SQLite VFS around the real one."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

import apsw

_NUMBERS: Final = count()


class FaultyDisk:
    """A registered VFS, named ``name``. Set a flag, and from then on every such call fails."""

    def __init__(self) -> None:
        self.name = f"faulty-{next(_NUMBERS)}"
        self.fail_writes = False
        self.fail_syncs = False
        self.fail_reads = False
        self.is_full = False
        self.fail_checkpoints = False  # Syncs of the database itself; commits sync the log.
        self.synced = 0
        self._vfs = _Vfs(self)


class _Vfs(apsw.VFS):
    def __init__(self, disk: FaultyDisk) -> None:
        self.disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self.disk, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: Any, flags: list[int]) -> None:
        self.disk = disk
        self.is_read_only = bool(flags[0] & apsw.SQLITE_OPEN_READONLY)
        self.is_database = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)
        super().__init__("", name, flags)

    def xLock(self, level: int) -> None:  # noqa: N802
        # The last closing connection tries for this lock. On a read-only file it fails, which
        # SQLite ignores, but apsw would raise it.
        if self.is_read_only and level == apsw.SQLITE_LOCK_EXCLUSIVE:
            raise apsw.BusyError
        super().xLock(level)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if self.disk.fail_reads:
            raise apsw.IOError("read error made by a test")
        return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        if self.disk.is_full:
            raise apsw.FullError("full disk made by a test")
        if self.disk.fail_writes:
            raise apsw.IOError("write error made by a test")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self.disk.fail_syncs or (self.disk.fail_checkpoints and self.is_database):
            raise apsw.IOError("sync error made by a test")
        self.disk.synced += 1
        super().xSync(flags)
