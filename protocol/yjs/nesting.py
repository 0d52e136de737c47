"""What must be remembered of a document to judge the next update.

An update shows only itself. Some harm is done by many small updates together, or depends on what
is already there: each of a thousand updates may nest one level deeper; a struct may name as its
parent what is no shared type (yrs gives up in the middle); a cut between the two halves of a
character makes yrs lose clocks the next time it writes the document down; a cut through an entry
of a map leaves it a pointer to freed memory. The owner of a document
keeps a :class:`NestingIndex` beside it, asks it before applying (``plan``), and tells it
afterwards (``commit``).

Remembered are, per client: how far its clocks go; runs of structs on one level; where shared types
and blanks are; which clocks are second halves of characters. A plain text is one run per client,
however long it is.

The index is also the document's state vector: an update that builds on what the document does not
have is refused before it can be held back. Standard library only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from protocol.yjs._levels import IN_ROOT, UNKNOWN, Resolver, Section, deeper
from protocol.yjs._line import Addition, Line
from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import (
    CLOCK_MAX,
    DOCUMENT_CLIENTS_MAX,
    DOCUMENT_MARKS_MAX,
    NESTING_MAX,
    SLICE_UNITS,
)
from protocol.yjs.report import Id, Span, UpdateReport
from protocol.yjs.stroke import Stroke


class NestingPlan(NamedTuple):
    """What an update adds, by client, and how deep the deepest new run of structs lies."""

    deepest: int
    additions: Mapping[int, Addition]
    mark_count: int


class NestingIndex:
    """Memory of one document. Feed it every update that the document accepts, in that order."""

    def __init__(
        self,
        *,
        nesting_max: int = NESTING_MAX,
        marks_max: int = DOCUMENT_MARKS_MAX,
        clients_max: int = DOCUMENT_CLIENTS_MAX,
    ) -> None:
        self._nesting_max = nesting_max
        self._marks_max = marks_max
        self._clients_max = clients_max
        self._lines: dict[int, Line] = {}
        self._mark_count = 0
        self._has_halves = False  # Most documents have none: then nobody looks for cuts.

    @property
    def state(self) -> dict[int, int]:
        """The document's state vector, as far as this index was told: client -> clocks known."""
        return {client: line.end for client, line in self._lines.items()}

    @property
    def mark_count(self) -> int:
        """Marks remembered, over all clients; 4 to 8 bytes each."""
        return self._mark_count

    def depth_at(self, client: int, clock: int) -> int:
        """Return how many shared types the struct at *clock* lies in, its root included.

        Raises:
          KeyError: nothing is known there.
        """
        line = self._lines[client]
        if not 0 <= clock < line.end:
            raise KeyError((client, clock))
        return line.level_at(clock) >> 1

    @property
    def has_halves(self) -> bool:
        """True if some character of the document takes two clocks."""
        return self._has_halves

    def cuts(self, report: UpdateReport) -> list[Id]:
        """Return the second half of every character, of either, that *report*'s update cuts."""
        return sorted({half for half in self._splits(report) if half is not None})

    def halves_at(self, state: Mapping[int, int]) -> list[Id]:
        """Return the second halves before which the state vector *state* ends."""
        lines = self._lines
        ends = ((client, clock) for client, clock in state.items() if client in lines)
        return [end for end in ends if lines[end[0]].is_half(end[1])]

    def level_of(self, stroke: Stroke) -> int | None:
        """Return the level that *stroke* would lie on; None: plan it as any other update.

        A level means that :meth:`plan` would not refuse it, and would remember just that level.
        """
        lines = self._lines
        line = lines.get(stroke.client)
        if line is None or line.end != stroke.clock or self._has_halves:
            return None
        level = IN_ROOT if stroke.left is None else UNKNOWN
        for ref in (stroke.left, stroke.right):
            if ref is not None:
                beside = lines.get(ref[0])
                if beside is None or ref[1] >= beside.end:
                    return None
                level = deeper(level, beside.level_at(ref[1]))
        if level & 1 or level >> 1 > self._nesting_max:
            return None
        return level if self._mark_count < self._marks_max else None

    def commit_stroke(self, stroke: Stroke, level: int) -> None:
        """Remember *stroke*, which is on *level* and was applied to the document."""
        self._mark_count += self._lines[stroke.client].grow(stroke.end, level)

    def plan(self, report: UpdateReport) -> NestingPlan:
        """Return what *report*'s update would add. Changes nothing.

        Raises:
          UpdateRefused: ``missing``, ``circular``, ``bad_parent``, ``split_character``,
            ``bad_entry``, ``too_deep``, ``too_many_clients`` or ``too_fragmented``.
        """
        steps = self.plan_steps(report)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                plan: NestingPlan = done.value
                return plan

    def plan_steps(self, report: UpdateReport) -> Generator[None, None, NestingPlan]:
        """As :meth:`plan`, in slices of at most about 2 ms. No update may be committed between."""
        self._refuse_missing(report.needs)
        if report.halves or self._has_halves:
            yield from self._refuse_splits(report)
        resolver = Resolver(report, self._lines)
        additions: dict[int, Addition] = {}
        deepest = units = 0
        for client, section in resolver.sections.items():
            units += 1
            if section.end <= section.known:
                continue  # All of it is old.
            last = section.line.last_level if section.line is not None else UNKNOWN
            fresh: list[tuple[int, int]] = []
            for index in range(section.first_new(), len(section.runs)):
                level = section.levels[index]
                if level <= UNKNOWN:
                    units += resolver.resolve(section, index)
                    level = section.levels[index]
                units += 1
                if units > SLICE_UNITS:
                    yield
                    units = 0
                if level != last:
                    fresh.append((max(section.starts[index], section.known), level))
                    last = level
                    deepest = max(deepest, level >> 1)
            _refuse_bad_entries(client, section, report)
            additions[client] = _addition(client, report, section, fresh)
        if deepest > self._nesting_max:
            raise UpdateRefused("too_deep", f"shared types deeper than {self._nesting_max}")
        return self._bounded(NestingPlan(deepest, additions, _marks(additions)))

    def commit(self, plan: NestingPlan) -> None:
        """Remember *plan*, made after the last commit; its update was applied to the document."""
        for client, addition in plan.additions.items():
            line = self._lines.get(client)
            if line is None:
                line = self._lines[client] = Line()
            line.extend(addition)
            self._has_halves |= line.has_halves
        self._mark_count += plan.mark_count

    def _refuse_missing(self, needs: Mapping[int, int]) -> None:
        lines = self._lines
        for client, clock in needs.items():
            line = lines.get(client)
            if line is None or line.end < clock:
                raise UpdateRefused("missing", f"clocks of {client} up to {clock}")

    def _refuse_splits(self, report: UpdateReport) -> Generator[None]:
        for half in self._splits(report):
            if half is not None:
                raise UpdateRefused("split_character", f"at {half[0]}, {half[1]}")
            yield

    def _splits(self, report: UpdateReport) -> Generator[Id | None]:
        """Yield where the update cuts a character, of its own too; None at the end of a slice."""
        units = 0
        for client in {*report.splits, *report.deletes}:
            line = self._lines.get(client)
            known = 0 if line is None else line.end
            halves = frozenset(report.halves.get(client, ()))
            if known in halves:
                yield client, known
            if not halves and (line is None or not line.has_halves):
                continue
            for clock in _cuts(report.splits.get(client, ()), report.deletes.get(client, ())):
                units += 1
                if units > SLICE_UNITS:
                    yield None
                    units = 0
                is_old = line is not None and clock < known
                if line.is_half(clock) if line is not None and is_old else clock in halves:
                    yield client, clock

    def _bounded(self, plan: NestingPlan) -> NestingPlan:
        new_clients = sum(client not in self._lines for client in plan.additions)
        if new_clients and len(self._lines) + new_clients > self._clients_max:
            raise UpdateRefused("too_many_clients", f"more than {self._clients_max} in a document")
        if plan.mark_count and self._mark_count + plan.mark_count > self._marks_max:
            raise UpdateRefused("too_fragmented", f"more than {self._marks_max} marks")
        return plan


def _refuse_bad_entries(client: int, section: Section, report: UpdateReport) -> None:
    """Refuse entries of maps that lie left of something, or are several live values.

    No client writes them, and yrs breaks when one is cut. Several values in one struct are old
    ones that were replaced, merged: all but the last are deleted in the same update.
    """
    first = section.first_new()
    for clock in report.rights.get(client, ()):
        index = section.run_at(clock)
        if index >= first and section.levels[index] & 1:
            raise UpdateRefused("bad_entry", f"a right origin at {client}, {clock}")
    deletes = report.deletes.get(client, ())
    for start, end in report.longs.get(client, ()):
        if end > section.known and section.levels[section.run_at(start)] & 1:
            at = bisect_right(deletes, (start, CLOCK_MAX + 1)) - 1
            if at < 0 or deletes[at][1] < end - 1:
                raise UpdateRefused("bad_entry", f"several values at {client}, {start}")


def _cuts(splits: Iterable[int], deletes: Iterable[Span]) -> Iterable[int]:
    return chain(splits, chain.from_iterable(deletes))


def _marks(additions: Mapping[int, Addition]) -> int:
    return sum(addition.mark_count for addition in additions.values())


def _addition(
    client: int, report: UpdateReport, section: Section, fresh: Sequence[tuple[int, int]]
) -> Addition:
    """Return what is new of one client's section."""
    types: Sequence[int] = report.types.get(client, ())
    blanks: Sequence[Span] = report.blanks.get(client, ())
    halves: Sequence[int] = report.halves.get(client, ())
    known = section.known
    if known > section.start:  # The beginning is known: what it is now said to be does not count.
        types = types[bisect_left(types, known) :]
        halves = halves[bisect_left(halves, known) :]
        blanks = [(max(start, known), end) for start, end in blanks if end > known]
    return Addition(section.end, fresh, types, blanks, halves)
