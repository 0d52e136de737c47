"""Cuts an update into smaller ones that together say the same, at the bounds of its structs.

The CRDT library applies an update in one go, however long that takes: each struct may have to pass
all that came before it. Pieces can be applied one after the other, with turns for others in
between; a piece is as large as that allows, so the first ones are larger than the last.

::

    update  = section of client 9: a b c d e, section of client 4: f g, delete set
    pieces  = (9: a b c) (9: d e, 4: f) (4: g) (delete set) (delete set)

A line of structs is gone along until one leans on what is to come; then that comes first, as far
as it is needed, which is how the library itself goes about it. Bytes are copied, never built anew.
Standard library only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping, Sequence
from math import isqrt
from typing import Final, NamedTuple

from protocol.yjs._contents import GC, SKIP, STRING
from protocol.yjs._deletes import DeleteReader
from protocol.yjs._structs import StructReader
from protocol.yjs._varint import finish_varuint, read_varuint
from protocol.yjs.limits import (
    PIECE_PASSES,
    PIECE_RANGES,
    PIECE_STRUCTS,
    SLICE_UNITS,
    TEXT_BYTES_PER_UNIT,
    WalkLimits,
)
from protocol.yjs.reader import varuint
from protocol.yjs.report import Span

NO_STRUCTS: Final = b"\0"
NO_DELETIONS: Final = b"\0"
_HAS_ORIGIN: Final = 0x80
_HAS_RIGHT: Final = 0x40
_HAS_KEY: Final = 0x20
_ORIGINS: Final = _HAS_ORIGIN | _HAS_RIGHT
_KIND: Final = 0x1F
_GAP: Final = -1  # Stands for a client where a line has a gap.
_PIECE_UNITS: Final = 6  # Of a slice.


class Piece(NamedTuple):
    """An update of its own."""

    update: bytes
    weight: int  # Its structs, or the ranges it deletes.


def piece_steps(
    update: bytes,
    limits: WalkLimits,
    *,
    passes_max: int = PIECE_PASSES,
    structs_min: int = PIECE_STRUCTS,
) -> Generator[None, None, list[Piece]]:
    """Return the pieces of *update*; None ends a slice.

    Args:
      passes_max: The structs of a piece may together pass so many others, if each passes all;
      structs_min: but so many go into it even so.

    Raises:
      UpdateRefused: it was not walked before.
    """
    scanner = _Scanner(update, limits)
    scanner.units = SLICE_UNITS
    while not scanner.read_slice():
        yield
        scanner.units = SLICE_UNITS
    pieces: list[Piece] = []
    units = 0
    for piece in _pieces(update, scanner.lines, passes_max, structs_min):
        pieces.append(piece)
        units += _PIECE_UNITS
        if units > SLICE_UNITS:
            yield
            units = 0
    deletes = DeleteReader(update, limits, scanner.pos)
    deletes.units = SLICE_UNITS
    while not deletes.read_slice():
        yield
        deletes.units = SLICE_UNITS
    pieces += _deletions(deletes.deletes)
    return pieces


def _deletions(deletes: Mapping[int, Sequence[Span]]) -> Iterator[Piece]:
    """Put ranges together to pieces of ``PIECE_RANGES`` at most."""
    parts: list[bytes] = []
    room = PIECE_RANGES
    for client, spans in deletes.items():
        first = 0
        while first < len(spans):
            part = spans[first : first + room]
            ranges = b"".join(varuint(start) + varuint(end - start) for start, end in part)
            parts.append(varuint(client) + varuint(len(part)) + ranges)
            room -= len(part)
            first += len(part)
            if not room:
                yield _deletion(parts, PIECE_RANGES)
                parts, room = [], PIECE_RANGES
    if parts:
        yield _deletion(parts, PIECE_RANGES - room)


def _deletion(parts: Sequence[bytes], weight: int) -> Piece:
    return Piece(b"".join((NO_STRUCTS, varuint(len(parts)), *parts)), weight)


class _Line:
    """The structs of one client, and how many of them are in pieces already."""

    __slots__ = ("clocks", "leans", "leant", "own", "starts", "taken")

    def __init__(self, own: bytes) -> None:
        self.own = own  # The client id as it is written.
        self.starts: list[int] = []  # Where each begins in the bytes, and where the last one ends.
        self.clocks: list[int] = []
        # What is to come before them: which struct, client and clock of another line; or a gap.
        self.leans: list[tuple[int, int, int]] = []
        self.taken = 0
        self.leant = 0

    def has(self, clock: int) -> bool:
        """Say whether all up to *clock* was taken; what is in no piece, the document has."""
        return self.taken == len(self.clocks) or self.clocks[self.taken] > clock


def _pieces(
    update: bytes, lines: Mapping[int, _Line], passes_max: int, structs_min: int
) -> Iterator[Piece]:
    """Put stretches of structs together to pieces of the size that may be."""
    before = 0  # Structs of the pieces that there are.
    parts: dict[bytes, tuple[_Line, int, int]] = {}
    room = size = max(structs_min, isqrt(passes_max))
    for line, first, end in _stretches(lines):
        while first < end:
            known = parts.get(line.own)
            if not room or (known is not None and known[2] != first):
                yield _piece(update, parts, size - room)
                before += size - room
                parts, known = {}, None
                room = size = max(structs_min, (isqrt(before**2 + 4 * passes_max) - before) // 2)
            upto = min(end, first + room)
            parts[line.own] = line, first if known is None else known[1], upto
            room -= upto - first
            first = upto
    if parts:
        yield _piece(update, parts, size - room)


def _piece(update: bytes, parts: Mapping[bytes, tuple[_Line, int, int]], weight: int) -> Piece:
    written = [varuint(len(parts))]
    for line, first, end in parts.values():
        head = varuint(end - first) + line.own + varuint(line.clocks[first])
        written += (head, update[line.starts[first] : line.starts[end]])
    return Piece(b"".join((*written, NO_DELETIONS)), weight)


def _stretches(lines: Mapping[int, _Line]) -> Iterator[tuple[_Line, int, int]]:
    """Yield stretches of lines, first struct and end, each behind those that it leans on."""
    for first in lines.values():
        wanted: list[tuple[_Line, int | None]] = [(first, None)]  # Up to which clock; None: all.
        while wanted:
            assert len(wanted) <= len(lines), "it was walked, but not planned"
            line, clock = wanted[-1]
            end = len(line.clocks) if clock is None else bisect_right(line.clocks, clock)
            start = line.taken
            if start >= end:
                wanted.pop()
                continue
            waits_for = None
            while line.leant < len(line.leans):
                at, client, upto = line.leans[line.leant]
                if at >= end:
                    break
                other = lines.get(client)
                if client == _GAP or (other is not None and not other.has(upto)):
                    end, waits_for = at, other
                    break
                line.leant += 1
            if end > start:
                yield line, start, end
            line.taken = end
            if waits_for is not None:
                wanted.append((waits_for, upto))
            elif line.leant < len(line.leans) and line.leans[line.leant][:2] == (end, _GAP):
                line.taken += 1
                line.leant += 1


class _Scanner(StructReader):
    """Reads structs as the walker does, but only where each is and what it leans on."""

    __slots__ = ("_line", "lines")

    def __init__(self, update: bytes, limits: WalkLimits) -> None:
        super().__init__(update, limits, 0)
        self.lines: dict[int, _Line] = {}
        self._line = _Line(b"")

    def _open_section(self) -> None:
        super()._open_section()
        self._line = self.lines[self._client] = _Line(self._own)

    def _close_section(self) -> None:
        super()._close_section()
        self._line.starts.append(self.pos)

    def _read_structs(self) -> None:
        """Read structs until the slice is used up, values are pending or the section ends."""
        update, contents, line = self._update, self._contents, self._line
        starts, clocks = line.starts, line.clocks
        pos, clock, left, units = self.pos, self._clock, self._left, self.units
        while left and units > 0 and not contents.pending:
            left -= 1
            units -= 1
            starts.append(pos)
            clocks.append(clock)
            flags = update[pos]
            pos += 1
            if flags in (GC, SKIP):
                length, pos = read_varuint(update, pos)
                if flags == SKIP:
                    line.leans.append((len(starts) - 1, _GAP, 0))
            else:
                if not flags & _ORIGINS:
                    pos = self._pass_parent(flags, pos)
                else:
                    if flags & _HAS_ORIGIN:
                        pos = self._lean(pos)
                    if flags & _HAS_RIGHT:
                        pos = self._lean(pos)
                if flags & _KIND == STRING:
                    length, pos = read_varuint(update, pos)
                    text = update[pos : pos + length]
                    pos += length
                    units -= length // TEXT_BYTES_PER_UNIT
                    if not text.isascii():
                        length = len(text.decode().encode("utf-16-le")) >> 1
                else:
                    length, pos = contents.read(flags & _KIND, pos)
                    units -= contents.units
                    contents.units = 0
            clock += length
        self.pos, self._clock, self._left, self.units = pos, clock, left, units

    def _pass_parent(self, flags: int, pos: int) -> int:
        is_root = self._update[pos]
        pos += 1
        if is_root:
            length, pos = read_varuint(self._update, pos)
            pos += length
        else:
            pos = self._lean(pos)
        if flags & _HAS_KEY:
            length, pos = read_varuint(self._update, pos)
            pos += length
        return pos

    def _lean(self, pos: int) -> int:
        """Note the id at *pos*, if it is another's, and return its end."""
        update = self._update
        if update.startswith(self._own, pos):
            pos += len(self._own)
            clock = update[pos]
            return pos + 1 if clock < 128 else finish_varuint(update, pos + 1, clock)[1]
        client, pos = read_varuint(update, pos)
        clock, pos = read_varuint(update, pos)
        if client != self._client:  # Written in more bytes than it needs, it may be.
            self._line.leans.append((len(self._line.starts) - 1, client, clock))
        return pos
