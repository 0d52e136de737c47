"""What is remembered of one client's clocks in one document: flat arrays, a few bytes a mark."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from protocol.yjs.report import Span


class Addition(NamedTuple):
    """What an update adds to a line, from its end so far to ``end``."""

    end: int
    levels: Sequence[tuple[int, int]]  # (start, level) of new runs; see ``_levels``
    types: Sequence[int]
    blanks: Sequence[Span]
    halves: Sequence[int]

    @property
    def mark_count(self) -> int:
        """Return how many marks it takes to remember it."""
        return len(self.levels) + len(self.types) + len(self.blanks) + len(self.halves)


class Line:
    """One client's clocks, from 0 to ``end``."""

    __slots__ = ("_blank_ends", "_blank_starts", "_halves", "_levels", "_starts", "_types", "end")

    def __init__(self) -> None:
        self.end = 0
        self._starts = array("I")  # From _starts[i] on structs are on _levels[i].
        self._levels = bytearray()
        self._types = array("I")
        self._blank_starts = array("I")
        self._blank_ends = array("I")
        self._halves = array("I")

    @property
    def last_level(self) -> int:
        """Level at the end."""
        return self._levels[-1]

    @property
    def has_halves(self) -> bool:
        """True if some character takes two clocks."""
        return bool(self._halves)

    def level_at(self, clock: int) -> int:
        """Return the level at *clock*, which is below the end."""
        return self._levels[bisect_right(self._starts, clock) - 1]

    def levels_from(self, start: int) -> bytearray:
        """Return all levels from *start*, which is below the end, to the end."""
        return self._levels[bisect_right(self._starts, start) - 1 :]

    def may_be_parent(self, clock: int) -> bool:
        """Say whether a shared type is, or may have been, at *clock*."""
        if holds(self._types, clock):
            return True
        at = bisect_right(self._blank_starts, clock) - 1
        return at >= 0 and clock < self._blank_ends[at]

    def is_half(self, clock: int) -> bool:
        """Say whether *clock* is the second half of a character."""
        return holds(self._halves, clock)

    def grow(self, end: int, level: int) -> bool:
        """Remember structs up to *end* on *level*; return whether that took a mark."""
        is_new = self._levels[-1] != level
        if is_new:
            self._starts.append(self.end)
            self._levels.append(level)
        self.end = end
        return is_new

    def extend(self, addition: Addition) -> None:
        """Remember *addition*."""
        assert self.end < addition.end, "a plan was committed twice, or after another"
        for start, level in addition.levels:
            self._starts.append(start)
            self._levels.append(level)
        self._types.extend(addition.types)
        self._halves.extend(addition.halves)
        for start, end in addition.blanks:
            if self._blank_ends and self._blank_ends[-1] == start:
                self._blank_ends[-1] = end
            else:
                self._blank_starts.append(start)
                self._blank_ends.append(end)
        self.end = addition.end


def holds(clocks: Sequence[int], clock: int) -> bool:
    """Say whether *clocks*, which ascend, hold *clock*."""
    at = bisect_left(clocks, clock)
    return at < len(clocks) and clocks[at] == clock
