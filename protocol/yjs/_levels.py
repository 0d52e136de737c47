"""Where the structs of one update lie: how deep, and whether as entries of a map.

A struct lies where its neighbours lie, or in its parent: one level below that item, or on level 1
if it is a root. Where two neighbours disagree (one of them was garbage-collected, or the update
lies) the deeper one counts, and it is an entry if either is: depth is never underestimated, and no
entry is missed. A run may lean on runs that are read after it.

Both together are one number, a *level*: twice the depth, plus 1 for entries of a map.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

from protocol.yjs._line import Line, holds
from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import CLOCK_MAX
from protocol.yjs.report import Id, Run, Span, UpdateReport

UNKNOWN: Final = 0
_UNDER_WAY: Final = -1
IN_ROOT: Final = 2


def deeper(one: int, other: int) -> int:
    """Return the level of what lies beside two structs that are on these levels."""
    return (max(one, other) & ~1) | ((one | other) & 1)


class Section:
    """One client's part of an update: its runs, where they start, and their levels once found."""

    __slots__ = ("_blanks", "_types", "end", "known", "levels", "line", "runs", "start", "starts")

    def __init__(self, client: int, report: UpdateReport, line: Line | None) -> None:
        self.start, self.end = report.clocks[client]
        self.runs: Sequence[Run] = report.runs[client]
        self.starts = [run[0] for run in self.runs]
        self.levels = [UNKNOWN] * len(self.runs)
        self.line = line
        self.known = 0 if line is None else line.end  # Clocks that the document has already.
        self._types: Sequence[int] = report.types.get(client, ())
        self._blanks: Sequence[Span] = report.blanks.get(client, ())

    def run_at(self, clock: int) -> int:
        """Return the index of the run that *clock* lies in."""
        return bisect_right(self.starts, clock) - 1

    def first_new(self) -> int:
        """Return the first run that does not lie within what is known already."""
        return max(0, self.run_at(self.known))

    def may_be_parent(self, clock: int) -> bool:
        """Say whether the update has a shared type, or what may have been one, at *clock*."""
        if holds(self._types, clock):
            return True
        at = bisect_right(self._blanks, (clock, CLOCK_MAX + 1)) - 1
        return at >= 0 and clock < self._blanks[at][1]

    def with_known(self, start: int, level: int) -> int:
        """Return the *level* of the run from *start* on, given what the document has of it.

        What the update says of structs that the document has already is ignored by the document,
        but those that follow lie beside the real ones.
        """
        if self.line is not None and start < self.known:
            for known in set(self.line.levels_from(start)):
                level = deeper(level, known)
        return level


class Resolver:
    """Finds the levels of one update's runs, over a document's *lines* (or none)."""

    def __init__(self, report: UpdateReport, lines: Mapping[int, Line]) -> None:
        self._lines = lines
        self.sections = {
            client: Section(client, report, lines.get(client)) for client in report.runs
        }

    def resolve(self, section: Section, index: int) -> int:
        """Find the level of one run and of those it leans on; return how many were visited.

        Raises:
          UpdateRefused: ``circular``, or ``bad_parent``.
        """
        visits = 0
        stack = [(section, index)]
        while stack:
            visits += 1
            section, index = stack[-1]
            if section.levels[index] > UNKNOWN:
                stack.pop()
                continue
            start, left, right, parent, is_keyed = section.runs[index]
            if parent is not None:
                level = self._look(parent, stack)
                if level > UNKNOWN:
                    self._check_parent(parent)
                    level = (level | 1) + 1 + is_keyed
            elif left is None and right is None:
                level = IN_ROOT + is_keyed
            else:
                level = self._look(left, stack) if left is not None else IN_ROOT
                if right is not None:
                    other = self._look(right, stack)
                    waits = level == UNKNOWN or other == UNKNOWN
                    level = UNKNOWN if waits else deeper(level, other)
            if level == UNKNOWN:
                section.levels[index] = _UNDER_WAY
            else:
                section.levels[index] = section.with_known(start, level)
        return visits

    def _look(self, ref: Id, stack: list[tuple[Section, int]]) -> int:
        """Return the level of *ref*, or UNKNOWN after putting its run on the stack."""
        client, clock = ref
        section = self.sections.get(client)
        if section is None or clock < section.known or clock < section.start:
            line = self._lines.get(client)
            return line.level_at(clock) if line is not None else IN_ROOT
        index = bisect_right(section.starts, clock) - 1
        level = section.levels[index]
        if level <= UNKNOWN:
            if level == _UNDER_WAY:
                raise UpdateRefused("circular", f"what builds on {client}, {clock}")
            stack.append((section, index))
            return UNKNOWN
        return level

    def _check_parent(self, parent: Id) -> None:
        client, clock = parent
        section, line = self.sections.get(client), self._lines.get(client)
        if line is not None and clock < line.end:
            fits = line.may_be_parent(clock)
        elif section is not None and clock >= section.start:
            fits = section.may_be_parent(clock)
        else:
            fits = True  # There is no document to ask: ``levels_shown``.
        if not fits:
            raise UpdateRefused("bad_parent", f"no shared type at {client}, {clock}")


def levels_shown(report: UpdateReport) -> int:
    """Return the depth that *report* shows by itself, as if everything it builds on were a root.

    Raises:
      UpdateRefused: ``circular``, or ``bad_parent``.
    """
    resolver = Resolver(report, {})
    for section in resolver.sections.values():
        for index in range(len(section.runs)):
            resolver.resolve(section, index)
    levels = (max(section.levels) for section in resolver.sections.values())
    return max(levels, default=0) >> 1
