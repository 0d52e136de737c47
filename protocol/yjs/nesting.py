"""How deeply everything in one document is nested, so that depth can be bounded per document.

One update shows only its own part of a chain of shared types within shared types: each of a
thousand small updates may add one level. The owner of a document keeps a :class:`NestingIndex`
beside it, and asks it before applying (``plan``) and tells it afterwards (``commit``).

A struct lies as deep as its neighbours, one level below its parent item, or on level 1 if it lies
in a root. Depth only, not structure, is remembered, per client as runs of equal depth: a plain
text is one run per client, however long it is. Where a struct's two neighbours disagree (one of
them was garbage-collected, or the update lies) the deeper one counts, so depth is never
underestimated.

The index is also the document's state vector: an update that builds on what the document does not
have is refused before it can be held back. Standard library only.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Generator, Mapping, Sequence
from typing import Final, NamedTuple

from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import (
    DOCUMENT_CLIENTS_MAX,
    NESTING_MAX,
    NESTING_RUNS_MAX,
    SLICE_UNITS,
)
from protocol.yjs.report import Id, Run, UpdateReport

_UNKNOWN: Final = 0  # Levels start at 1.
_UNDER_WAY: Final = -1


class NestingPlan(NamedTuple):
    """What an update adds: per client its new end, and (start, depth) of new runs."""

    deepest: int
    additions: Mapping[int, tuple[int, Sequence[tuple[int, int]]]]
    run_count: int


class _Line:
    """One client's clocks: from ``starts[i]`` on they are ``depths[i]`` levels deep."""

    __slots__ = ("depths", "end", "starts")

    def __init__(self) -> None:
        self.starts = array("I")
        self.depths = bytearray()
        self.end = 0

    def depth_at(self, clock: int) -> int:
        return self.depths[bisect_right(self.starts, clock) - 1]

    def deepest(self, start: int) -> int:
        """Return the greatest depth from *start*, which is below the end, to the end."""
        return max(self.depths[bisect_right(self.starts, start) - 1 :])


class NestingIndex:
    """Depths of one document. Feed it every update that the document accepts, in that order."""

    def __init__(
        self,
        *,
        nesting_max: int = NESTING_MAX,
        runs_max: int = NESTING_RUNS_MAX,
        clients_max: int = DOCUMENT_CLIENTS_MAX,
    ) -> None:
        self._nesting_max = nesting_max
        self._runs_max = runs_max
        self._clients_max = clients_max
        self._lines: dict[int, _Line] = {}
        self._run_count = 0

    @property
    def state(self) -> dict[int, int]:
        """The document's state vector, as far as this index was told: client -> clocks known."""
        return {client: line.end for client, line in self._lines.items()}

    @property
    def run_count(self) -> int:
        """Runs remembered, over all clients; about 5 bytes each."""
        return self._run_count

    def depth_at(self, client: int, clock: int) -> int:
        """Return how many shared types the struct at *clock* lies in, its root included.

        Raises:
          KeyError: nothing is known there.
        """
        line = self._lines[client]
        if not 0 <= clock < line.end:
            raise KeyError((client, clock))
        return line.depth_at(clock)

    def plan(self, report: UpdateReport) -> NestingPlan:
        """Return what *report*'s update would add. Changes nothing.

        Raises:
          UpdateRefused: ``missing``, ``circular``, ``too_deep``, ``too_many_clients`` or
            ``too_fragmented``.
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
        if missing := self._missing(report.needs):
            client, clock = next(iter(missing.items()))
            raise UpdateRefused("missing", f"clock {clock} of {client}; clients: {len(missing)}")
        resolver = _Resolver(report, self._lines)
        additions: dict[int, tuple[int, Sequence[tuple[int, int]]]] = {}
        deepest = run_count = new_clients = units = 0
        for client, section in resolver.sections.items():
            units += 1
            if section.end <= section.known:
                continue  # All of it is old.
            new_clients += section.line is None
            last = section.line.depths[-1] if section.line is not None else _UNKNOWN
            fresh: list[tuple[int, int]] = []
            for index in range(section.first_new(), len(section.runs)):
                depth = section.depths[index]
                if depth <= _UNKNOWN:
                    units += resolver.resolve(section, index)
                    depth = section.depths[index]
                units += 1
                if units > SLICE_UNITS:
                    yield
                    units = 0
                if depth != last:
                    fresh.append((max(section.starts[index], section.known), depth))
                    last = depth
                    deepest = max(deepest, depth)
            additions[client] = (section.end, fresh)
            run_count += len(fresh)
        if deepest > self._nesting_max:
            raise UpdateRefused("too_deep", f"shared types deeper than {self._nesting_max}")
        if len(self._lines) + new_clients > self._clients_max:
            raise UpdateRefused("too_many_clients", f"more than {self._clients_max} in a document")
        if run_count and self._run_count + run_count > self._runs_max:
            raise UpdateRefused("too_fragmented", f"more than {self._runs_max} changes of depth")
        return NestingPlan(deepest, additions, run_count)

    def _missing(self, needs: Mapping[int, int]) -> dict[int, int]:
        lines = self._lines
        return {
            client: clock
            for client, clock in needs.items()
            if client not in lines or lines[client].end < clock
        }

    def commit(self, plan: NestingPlan) -> None:
        """Remember *plan*, made after the last commit; its update was applied to the document."""
        for client, (end, fresh) in plan.additions.items():
            line = self._lines.setdefault(client, _Line())
            assert line.end < end, "a plan was committed twice, or after another"
            for start, depth in fresh:
                line.starts.append(start)
                line.depths.append(depth)
            line.end = end
        self._run_count += plan.run_count


def levels_shown(report: UpdateReport) -> int:
    """Return the depth that *report* shows by itself, as if everything it builds on were a root."""
    resolver = _Resolver(report, {})
    for section in resolver.sections.values():
        for index in range(len(section.runs)):
            resolver.resolve(section, index)
    depths = (max(section.depths) for section in resolver.sections.values())
    return max(depths, default=0)


class _Section:
    """One client's part of an update: runs, where they start, and their depths once found."""

    __slots__ = ("depths", "end", "known", "line", "runs", "starts")

    def __init__(self, runs: Sequence[Run], end: int, line: _Line | None) -> None:
        self.runs = runs
        self.starts = [run[0] for run in runs]
        self.depths = [_UNKNOWN] * len(runs)
        self.end = end
        self.line = line
        self.known = 0 if line is None else line.end  # Clocks that the document has already.

    def first_new(self) -> int:
        """Return the first run that does not lie within what is known already."""
        return max(0, bisect_right(self.starts, self.known) - 1)

    def at_least_known(self, start: int, depth: int) -> int:
        """Return *depth*, or that of the run's beginning if the document has it and it is deeper.

        What the update says of structs that the document has already is ignored by the document,
        but those that follow lie beside the real ones.
        """
        if self.line is not None and start < self.known:
            return max(depth, self.line.deepest(start))
        return depth


class _Resolver:
    """Depths of one update's runs; a run may lean on runs that are read after it."""

    def __init__(self, report: UpdateReport, lines: Mapping[int, _Line]) -> None:
        self._lines = lines
        self.sections = {
            client: _Section(runs, report.clocks[client][1], lines.get(client))
            for client, runs in report.runs.items()
        }

    def resolve(self, section: _Section, index: int) -> int:
        """Find the depth of one run and of those it leans on; return how many runs were visited.

        Raises:
          UpdateRefused: ``circular``.
        """
        visits = 0
        stack = [(section, index)]
        while stack:
            visits += 1
            section, index = stack[-1]
            if section.depths[index] > _UNKNOWN:
                stack.pop()
                continue
            start, left, right, up = section.runs[index]
            depth = 0 if left or right else 1
            waits = False
            for ref in (left, right):
                if ref is None:
                    continue
                other = self.sections.get(ref[0])
                clock = ref[1]
                if other is None or not other.known <= clock or clock < other.starts[0]:
                    below = self._settled(ref)
                else:
                    at = bisect_right(other.starts, clock) - 1
                    below = other.depths[at]
                    if below <= _UNKNOWN:
                        if below == _UNDER_WAY:
                            raise UpdateRefused("circular", f"what builds on {ref[0]}, {clock}")
                        stack.append((other, at))
                        waits = True
                if below > depth:
                    depth = below
            section.depths[index] = (
                _UNDER_WAY if waits else section.at_least_known(start, depth + up)
            )
        return visits

    def _settled(self, ref: Id) -> int:
        """Return the depth of something that the document has, or 1 if there is no document."""
        line = self._lines.get(ref[0])
        return line.depth_at(ref[1]) if line is not None else 1
