"""How deep the structs of one update lie. A run may lean on runs that are read after it.

A struct lies as deep as its neighbours, one level below its parent item, or on level 1 if it lies
in a root. Where two neighbours disagree (one of them was garbage-collected, or the update lies)
the deeper one counts, so depth is never underestimated.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

from protocol.yjs._line import Line, holds
from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import CLOCK_MAX
from protocol.yjs.report import Run, Span, UpdateReport

UNKNOWN: Final = 0  # Levels start at 1.
_UNDER_WAY: Final = -1


class Section:
    """One client's part of an update: its runs, where they start, and their depths once found."""

    __slots__ = ("_blanks", "_types", "depths", "end", "known", "line", "runs", "start", "starts")

    def __init__(self, client: int, report: UpdateReport, line: Line | None) -> None:
        self.start, self.end = report.clocks[client]
        self.runs: Sequence[Run] = report.runs[client]
        self.starts = [run[0] for run in self.runs]
        self.depths = [UNKNOWN] * len(self.runs)
        self.line = line
        self.known = 0 if line is None else line.end  # Clocks that the document has already.
        self._types: Sequence[int] = report.types.get(client, ())
        self._blanks: Sequence[Span] = report.blanks.get(client, ())

    def first_new(self) -> int:
        """Return the first run that does not lie within what is known already."""
        return max(0, bisect_right(self.starts, self.known) - 1)

    def may_be_parent(self, clock: int) -> bool:
        """Say whether the update has a shared type, or what may have been one, at *clock*."""
        if holds(self._types, clock):
            return True
        at = bisect_right(self._blanks, (clock, CLOCK_MAX + 1)) - 1
        return at >= 0 and clock < self._blanks[at][1]

    def at_least_known(self, start: int, depth: int) -> int:
        """Return *depth*, or that of the run's beginning if the document has it and it is deeper.

        What the update says of structs that the document has already is ignored by the document,
        but those that follow lie beside the real ones.
        """
        if self.line is not None and start < self.known:
            return max(depth, self.line.deepest_from(start))
        return depth


class Resolver:
    """Finds the depths of one update's runs, over a document's *lines* (or none)."""

    def __init__(self, report: UpdateReport, lines: Mapping[int, Line]) -> None:
        self._lines = lines
        self.sections = {
            client: Section(client, report, lines.get(client)) for client in report.runs
        }

    def resolve(self, section: Section, index: int) -> int:
        """Find the depth of one run and of those it leans on; return how many runs were visited.

        Raises:
          UpdateRefused: ``circular``, or ``bad_parent``.
        """
        visits = 0
        stack = [(section, index)]
        while stack:
            visits += 1
            section, index = stack[-1]
            if section.depths[index] > UNKNOWN:
                stack.pop()
                continue
            start, left, right, up = section.runs[index]
            depth = 0 if left or right else 1
            waits = False
            for ref in (left, right):
                if ref is None:
                    continue
                client, clock = ref
                other = self.sections.get(client)
                if other is None or clock < other.known or clock < other.start:
                    below = self._settled(client, clock, up)
                else:
                    at = bisect_right(other.starts, clock) - 1
                    below = other.depths[at]
                    if below <= UNKNOWN:
                        if below == _UNDER_WAY:
                            raise UpdateRefused("circular", f"what builds on {client}, {clock}")
                        stack.append((other, at))
                        waits = True
                    elif up and not other.may_be_parent(clock):
                        raise UpdateRefused("bad_parent", f"no type at {client}, {clock}")
                if below > depth:
                    depth = below
            section.depths[index] = (
                _UNDER_WAY if waits else section.at_least_known(start, depth + up)
            )
        return visits

    def _settled(self, client: int, clock: int, up: int) -> int:
        """Return the depth of what the document has there, or 1 if there is no document."""
        line = self._lines.get(client)
        if line is None:
            return 1
        if up and not line.may_be_parent(clock):
            raise UpdateRefused("bad_parent", f"no type at {client}, {clock}")
        return line.depth_at(clock)


def levels_shown(report: UpdateReport) -> int:
    """Return the depth that *report* shows by itself, as if everything it builds on were a root.

    Raises:
      UpdateRefused: ``circular``, or ``bad_parent``.
    """
    resolver = Resolver(report, {})
    for section in resolver.sections.values():
        for index in range(len(section.runs)):
            resolver.resolve(section, index)
    depths = (max(section.depths) for section in resolver.sections.values())
    return max(depths, default=0)
