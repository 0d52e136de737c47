"""Why a store cannot be opened, and what a device's failure is called.

``StoreUnusable`` is for people: the command line prints it as one line and exits. While the store
runs, failures are ``actors.JournalBroken`` (the device) and ``actors.JournalCorrupt`` (one actor).
"""

from __future__ import annotations

from pathlib import Path

import apsw
from attrs import define


@define(eq=False)
class StoreUnusable(Exception):
    """The data directory cannot be used as it is. Nothing in it was changed or lost."""

    path: Path
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"cannot use {self.path}: {self.problem}; {self.remedy}"


def what_failed(error: Exception) -> str:
    """Return what *error* says about the device, in words for an operator."""
    if isinstance(error, apsw.FullError) or getattr(error, "errno", None) == 28:
        return "the disk is full"
    if isinstance(error, apsw.ReadOnlyError):
        return "the database cannot be written"
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return f"the database file is damaged ({error})"
    if isinstance(error, apsw.BusyError):
        return "another program holds the database"
    if isinstance(error, (apsw.IOError, apsw.CantOpenError, OSError)):
        return f"reading or writing failed ({error})"
    return f"the commit failed ({type(error).__name__}: {error})"


def remedy_for(error: Exception) -> str:
    """Return what an operator can do about *error*."""
    if isinstance(error, apsw.FullError) or getattr(error, "errno", None) == 28:
        return "free some space and start again"
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return "restore a backup, or move the file away to start afresh"
    if isinstance(error, apsw.BusyError):
        return "close the other program and start again"
    return "check the device and the permissions, then start again"
