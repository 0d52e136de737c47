"""The end of an update: which clocks are deleted, by author of what is deleted."""

from __future__ import annotations

from protocol.yjs._cursor import Cursor
from protocol.yjs._varint import finish_varuint, read_varuint
from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import CLOCK_MAX, WalkLimits
from protocol.yjs.report import Span


class DeleteReader(Cursor):
    """Reads the delete set of one update."""

    __slots__ = ("_client", "_ranges", "_ranges_left", "deletes")

    def __init__(self, update: bytes, limits: WalkLimits, pos: int) -> None:
        super().__init__(update, limits, pos)
        self.deletes: dict[int, list[Span]] = {}
        self._client = 0
        self._ranges: list[Span] = []
        self._ranges_left = limits.deletes_max

    def read_slice(self) -> bool:
        """Read on until the slice is used up (False) or all sections were read (True)."""
        while self.units > 0:
            if self._left:
                self._read_ranges()
            elif self._sections:
                self._sections -= 1
                self.units -= 1
                self._open_section()
            else:
                return True
        return False

    def _open_section(self) -> None:
        """Read a section's head."""
        client, self.pos = read_varuint(self._update, self.pos)
        if client in self.deletes:
            raise UpdateRefused("bad_delete_set", f"client {client} has two sections")
        self._left = self.count(self._ranges_left, "too_many_deletes")
        self._ranges_left -= self._left
        self._ranges = []
        if self._left:  # Otherwise it means nothing, and both libraries read it so.
            self.deletes[client] = self._ranges
        self._client = client

    def _read_ranges(self) -> None:
        """Read on until the slice is used up or the section ends."""
        update, ranges = self._update, self._ranges
        pos, left, units = self.pos, self._left, self.units
        free = ranges[-1][1] if ranges else 0
        while left and units > 0:
            left -= 1
            units -= 1
            start = update[pos]
            pos += 1
            if start > 127:
                start, pos = finish_varuint(update, pos, start)
            length = update[pos]
            pos += 1
            if length > 127:
                length, pos = finish_varuint(update, pos, length)
            if not length:
                raise UpdateRefused("zero_length", f"a deletion at {self._client}, {start}")
            if start < free:
                raise UpdateRefused("bad_delete_set", f"{self._client}, {start} follows {free}")
            free = start + length
            ranges.append((start, free))
        if free > CLOCK_MAX:
            raise UpdateRefused("clock_overflow", f"deletions up to {self._client}, {free}")
        self.pos, self._left, self.units = pos, left, units
