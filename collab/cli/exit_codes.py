"""How a command ends: one line for people on standard error, and a code for scripts.

::

    0   done
    1   something is wrong with the thing looked at (``doctor``), or a fault of ours
    2   the command line makes no sense
    10  the server refused the call
    11  the server cannot be reached, or would not let us in
    20  the settings are wrong
    21  the data directory cannot be used
    22  the address cannot be listened on
    74  the disk failed while serving; what was acknowledged is safe, start again
    130 interrupted
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Codes are stable: scripts and service supervisors decide by them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 10
    UNREACHABLE = 11
    SETTINGS = 20
    STORE = 21
    ADDRESS = 22
    DISK = 74  # EX_IOERR of sysexits.h.
    INTERRUPTED = 130


class CommandFailed(Exception):
    """Ends the command with *code*, after *line* on standard error; None: the log has told it."""

    def __init__(self, code: ExitCode, line: str | None = None) -> None:
        super().__init__(line)
        self.code = code
        self.line = line


def leaves(error: BaseException) -> list[BaseException]:
    """Return what a group holds, flattened; anything else alone."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for member in error.exceptions for leaf in leaves(member)]
    return [error]
