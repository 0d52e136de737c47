"""The trace of a round: it tells what a process died of, and whether two runs were the same.

A line for each step, the user and the update in hexadecimal digits, and for each time the document
lost its memory (user ``-``).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

from tests.fuzz.house import PANIC
from tests.fuzz.tally import FINGERPRINTS

_NOTHING: Final = "none"  # For an update of no bytes.
_EVERYTHING: Final = "everything"


class Trace:
    """What was played, a line each, on disk before it is played; and the hash of it all."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        self._hash = hashlib.blake2b(digest_size=8)

    def plays(
        self, who: str, update: bytes, command: Any = None, *, is_everything: bool = False
    ) -> None:
        """Say what comes now, which may be the end of the process: an update, or a command.

        Args:
          is_everything: It is the whole document, which the library does not always cut into the
            same structs: the hash takes only that it came.
        """
        what = update.hex() if command is None else repr(command)
        self._write(f"{who} {what or _NOTHING}", hashed=_EVERYTHING if is_everything else None)

    def ended(self, outcome: str) -> None:
        """Say how it went. Not what a panic says: that may tell addresses."""
        self._hash.update((PANIC if outcome.startswith(PANIC) else outcome).encode())

    def loses_memory(self, how: str) -> None:
        """Say that the document is now the replay of its journal, or what was saved."""
        self._write(f"- {how}")

    def close(self) -> None:
        self._file.close()

    @property
    def fingerprint(self) -> int:
        return int.from_bytes(self._hash.digest()) % FINGERPRINTS

    def _write(self, line: str, *, hashed: str | None = None) -> None:
        self._hash.update((line if hashed is None else hashed).encode())
        self._file.write(line + "\n")
        self._file.flush()
