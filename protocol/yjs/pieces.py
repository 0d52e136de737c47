"""Cuts an update into smaller ones that together say the same, at the bounds of its structs.

The CRDT library applies an update in one go, however long that takes. Pieces of it can be applied
one after the other, with turns for others in between. A piece comes after those it leans on; where
pieces lean on each other, all of it is cut into single structs, which cannot.

::

    update  = section of client 9: a b c d e, section of client 4: f g, delete set
    pieces  = (9: a b c) (9: d e, 4: f) (4: g) (delete set) (delete set)

Bytes are copied, never built anew. Standard library only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterator, Mapping
from typing import Final, NamedTuple

from protocol.yjs._deletes import DeleteReader
from protocol.yjs._structs import StructReader
from protocol.yjs.limits import PIECE_RANGES, SLICE_UNITS, WalkLimits
from protocol.yjs.reader import varuint
from protocol.yjs.report import Span

NO_DELETIONS: Final = b"\0"
_WAITS: Final = 1
_DONE: Final = 2


class Piece(NamedTuple):
    """An update of its own."""

    update: bytes
    weight: int  # Its structs, or the ranges it deletes.
    needs: Mapping[int, int]  # Client of others -> the highest of its clocks that is named.
    ends: Mapping[int, int]  # Client -> where its clocks in here end.


def piece_steps(
    update: bytes, limits: WalkLimits, structs_max: int
) -> Generator[None, None, list[Piece]]:
    """Return the pieces of *update*, each of at most *structs_max* structs; None ends a slice.

    Raises:
      UpdateRefused: it was not walked before.
    """
    cut, pos = yield from _cut(update, limits, structs_max)
    ordered = yield from _order(cut)
    if ordered is None:  # Single structs never wait for each other.
        cut, pos = yield from _cut(update, limits, 1)
        ordered = yield from _order(cut)
        assert ordered is not None, "it was walked, but not planned"
    deletes = DeleteReader(update, limits, pos)
    deletes.units = SLICE_UNITS
    while not deletes.read_slice():
        yield
        deletes.units = SLICE_UNITS
    for client, spans in deletes.deletes.items():
        for first in range(0, len(spans), PIECE_RANGES):
            part = spans[first : first + PIECE_RANGES]
            ordered.append(Piece(_deletion(client, part), len(part), {}, {}))
    return ordered


def _cut(
    update: bytes, limits: WalkLimits, structs_max: int
) -> Generator[None, None, tuple[list[Piece], int]]:
    """Return the pieces as they come, and where the structs end."""
    cutter = _Cutter(update, limits, structs_max)
    cut: list[Piece] = []
    units = 0
    while cutter.read_on():
        if cutter.is_whole:
            cut += cutter.take()
        units += structs_max
        if units > SLICE_UNITS:
            yield
            units = 0
    cut += cutter.take()
    return cut, cutter.pos


def _deletion(client: int, spans: list[Span]) -> bytes:
    ranges = b"".join(varuint(start) + varuint(end - start) for start, end in spans)
    return b"\0\1" + varuint(client) + varuint(len(spans)) + ranges


def _order(cut: list[Piece]) -> Generator[None, None, list[Piece] | None]:
    """Put every piece behind those that it leans on; None: some lean on each other."""
    lines: dict[int, tuple[list[int], list[int]]] = {}  # Client: where its pieces end, and which.
    for at, piece in enumerate(cut):
        for client, end in piece.ends.items():
            ends, places = lines.setdefault(client, ([], []))
            ends.append(end)
            places.append(at)
    ordered: list[Piece] = []
    marks = bytearray(len(cut))  # Of those on the stack, and of those that are in order.
    units = 0
    for first in range(len(cut)):
        stack = [] if marks[first] else [(first, _before(cut[first], lines))]
        marks[first] = marks[first] or _WAITS
        while stack:
            units += 1
            if units > SLICE_UNITS:
                yield
                units = 0
            at, before = stack[-1]
            other = next((other for other in before if marks[other] != _DONE), None)
            if other is None:
                ordered.append(cut[at])
                marks[at] = _DONE
                stack.pop()
            elif marks[other] == _WAITS:
                if other != at:
                    return None
            else:
                marks[other] = _WAITS
                stack.append((other, _before(cut[other], lines)))
    return ordered


def _before(piece: Piece, lines: Mapping[int, tuple[list[int], list[int]]]) -> Iterator[int]:
    """Yield the places of pieces that should come before *piece*."""
    for client, end in piece.ends.items():
        ends, places = lines[client]
        at = bisect_left(ends, end)
        if at:
            yield places[at - 1]
    for client, clock in piece.needs.items():
        line = lines.get(client)
        if line is not None:
            at = bisect_right(line[0], clock)
            if at < len(line[1]):
                yield line[1][at]


class _Cutter(StructReader):
    """Reads structs as the walker does, and remembers where they were in the bytes."""

    __slots__ = (
        "_ends",
        "_part_clock",
        "_part_left",
        "_part_pos",
        "_parts",
        "_structs_max",
        "_weight",
    )

    def __init__(self, update: bytes, limits: WalkLimits, structs_max: int) -> None:
        super().__init__(update, limits, 0)
        self._structs_max = structs_max
        self._parts: list[bytes] = []  # Of sections: what the next piece is made of.
        self._ends: dict[int, int] = {}
        self._weight = 0
        self._begin_part()

    @property
    def is_whole(self) -> bool:
        """True between two structs, where a piece may end."""
        return not self._contents.pending

    def read_on(self) -> bool:
        """Read some structs more; return False at the end of all sections."""
        self.units = self._structs_max
        return not self.read_slice()

    def take(self) -> list[Piece]:
        """Return what was read since the last piece, if that is anything."""
        self._end_part()
        self._begin_part()
        if not self._parts:
            return []
        bare = varuint(len(self._parts)) + b"".join(self._parts) + NO_DELETIONS
        piece = Piece(bare, self._weight, self.far, self._ends)
        self._parts, self._weight, self.far, self._ends = [], 0, {}, {}
        return [piece]

    def _open_section(self) -> None:
        super()._open_section()
        self._begin_part()
        if self._left >= self._structs_max:
            self.units = 0  # Its pieces are its own: with others in them they could wait in turns.

    def _close_section(self) -> None:
        super()._close_section()
        if self._part_clock != self._start:
            self.units = 0
        self._end_part()
        self._begin_part()

    def _begin_part(self) -> None:
        self._part_left, self._part_clock, self._part_pos = self._left, self._clock, self.pos

    def _end_part(self) -> None:
        count = self._part_left - self._left
        if count:
            head = varuint(count) + self._own + varuint(self._part_clock)
            self._parts.append(head + self._update[self._part_pos : self.pos])
            self._ends[self._client] = self._clock
            self._weight += count
