"""Where a reader is in an update, and how much of the current slice it has left."""

from __future__ import annotations

from protocol.yjs._varint import read_varuint
from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import WalkLimits


class Cursor:
    """Base of the readers of structs and of deletions: a number of sections, one after another."""

    __slots__ = ("_left", "_limits", "_sections", "_size", "_update", "pos", "units")

    def __init__(self, update: bytes, limits: WalkLimits, pos: int) -> None:
        self._update = update
        self._size = len(update)
        self._limits = limits
        self.pos = pos
        self.units = 0  # Left of this slice; at 0 or below it is over.
        self._left = 0  # Structs or ranges of the section at hand that are still to be read.
        self._sections = self.count(limits.clients_max, "too_many_clients")  # Still to be opened.

    def count(self, count_max: int, code: str) -> int:
        """Take a number of things of which *count_max* are allowed."""
        count, self.pos = read_varuint(self._update, self.pos)
        if count > count_max:
            raise UpdateRefused(code, f"{count}; {count_max} are allowed")
        return count
