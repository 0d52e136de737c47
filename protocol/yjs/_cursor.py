"""Where a reader is in an update, and how much of the current slice it has left."""

from __future__ import annotations

from protocol.yjs._varint import read_varuint
from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import SLICE_UNITS, WalkLimits


class Cursor:
    """Base of the readers of structs and of deletions."""

    def __init__(self, update: bytes, limits: WalkLimits, pos: int) -> None:
        self._update = update
        self._size = len(update)
        self._limits = limits
        self.pos = pos
        self.units = SLICE_UNITS  # Left of this slice; at 0 or below it is over.
        self._left = 0  # Structs or ranges of the section at hand that are still to be read.

    def count(self, count_max: int, code: str) -> int:
        """Take a number of things of which *count_max* are allowed."""
        count, self.pos = read_varuint(self._update, self.pos)
        if count > count_max:
            raise UpdateRefused(code, f"{count}; {count_max} are allowed")
        return count
