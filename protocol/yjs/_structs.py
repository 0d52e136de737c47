"""The structs of an update: who wrote which clocks, and what they build on.

``walker`` shows the grammar and calls this reader, section by section, slice by slice.
"""

from __future__ import annotations

from itertools import compress
from typing import Final

from protocol.yjs._contents import (
    ANY,
    BINARY,
    DELETED,
    EMBED,
    FORMAT,
    GC,
    JSON,
    SKIP,
    STRING,
    TYPE,
    XML_ELEMENT,
    XML_TEXT,
    ContentReader,
)
from protocol.yjs._cursor import Cursor
from protocol.yjs._varint import finish_varuint, read_varuint
from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import CLOCK_MAX, TEXT_BYTES_PER_UNIT, WalkLimits
from protocol.yjs.report import CONTENT_NAMES, Id, RootKind, Run, Span

_HAS_ORIGIN: Final = 0x80
_HAS_RIGHT: Final = 0x40
_HAS_KEY: Final = 0x20
_ORIGINS: Final = _HAS_ORIGIN | _HAS_RIGHT
_KIND: Final = 0x1F  # Yjs looks at five bits, yrs at four: the fifth must be clear.
_NOWHERE: Final = CLOCK_MAX + 1  # A run that no clock is in.
_ROOT: Final = (-1, -1)  # Stands for any root as the parent of a run.
_LISTED: Final = frozenset({JSON, BINARY, TYPE, ANY})  # Without a key, these make a list.
_BLANK: Final = frozenset({GC, SKIP})
# High byte of a UTF-16 code unit -> 1 if it is the second half of a character.
_IS_LOW_SURROGATE: Final = bytes(0xDC <= byte <= 0xDF for byte in range(256))


class StructReader(Cursor):
    """Reads the sections of one update. See the module."""

    __slots__ = (
        "_client",
        "_clock",
        "_clock_max",
        "_contents",
        "_own",
        "_run_has_right",
        "_run_is_plain",
        "_run_parent",
        "_run_start",
        "_section_runs",
        "_start",
        "blanks",
        "clocks",
        "counts",
        "far",
        "gaps",
        "halves",
        "longs",
        "rights",
        "roots",
        "runs",
        "splits",
        "struct_count",
        "types",
    )

    def __init__(self, update: bytes, limits: WalkLimits, pos: int) -> None:
        super().__init__(update, limits, pos)
        self._contents = ContentReader(update, limits)
        # The whole update.
        self.struct_count = 0
        self.counts = [0] * len(CONTENT_NAMES)
        self.clocks: dict[int, Span] = {}
        self.gaps: dict[int, list[Span]] = {}
        self.roots: dict[str, set[RootKind]] = {}
        self.runs: dict[int, list[Run]] = {}
        self.types: dict[int, list[int]] = {}
        self.blanks: dict[int, list[Span]] = {}
        self.rights: dict[int, list[int]] = {}
        self.longs: dict[int, list[Span]] = {}
        self.halves: dict[int, list[int]] = {}
        self.splits: dict[int, list[int]] = {}
        self.far: dict[int, int] = {}  # client -> highest clock that others' structs name
        # The section at hand.
        self._client = 0
        self._own = b""  # The client id as it is written: most ids are recognised by their bytes.
        self._start = 0
        self._clock = 0
        self._clock_max = 0
        self._section_runs: list[Run] = []
        self._run_start = _NOWHERE
        self._run_parent: tuple[Id, bool] | None = None  # And if keyed; None: as origins say.
        self._run_has_right = False
        self._run_is_plain = False  # Known to hold no entries of maps.

    @property
    def value_depth(self) -> int:
        """Depth of the deepest value so far."""
        return self._contents.value_depth

    def read_slice(self) -> bool:
        """Read on until the slice is used up (False) or all sections were read (True)."""
        contents = self._contents
        while self.units > 0:
            if self._left or contents.pending:
                if contents.pending:
                    self.pos = contents.read_values(self.pos, self.units)
                else:
                    self._read_structs()
                if contents.units:
                    self.units -= contents.units
                    contents.units = 0
                if not self._left and not contents.pending:
                    self._close_section()
            elif self._sections:
                self._sections -= 1
                self.units -= 2  # Opening and closing one costs that much more than a struct.
                self._open_section()
            else:
                return True
        return False

    def _open_section(self) -> None:
        """Read a section's head."""
        left = self._left = self.count(self._limits.structs_max, "too_many_structs")
        if not left:
            raise UpdateRefused("empty_section", "a section without structs")
        self.struct_count += left
        if self.struct_count > self._limits.structs_max:
            raise UpdateRefused("too_many_structs", f"more than {self._limits.structs_max}")
        start = self.pos
        client, pos = read_varuint(self._update, start)
        if client in self.clocks:
            raise UpdateRefused("duplicate_client", f"client {client} has two sections")
        self._client = client
        self._own = self._update[start:pos]
        self._start, self.pos = read_varuint(self._update, pos)
        self._clock = self._start
        self._clock_max = min(CLOCK_MAX, self._start + self._limits.clock_leap_max)
        self._section_runs = self.runs[client] = []
        self.splits.setdefault(client, [])
        self._run_start = _NOWHERE
        self._run_parent = None

    def _close_section(self) -> None:
        """Note what the section covered."""
        client, clock = self._client, self._clock
        self.clocks[client] = (self._start, clock)
        gaps = self.gaps.get(client)
        if gaps and gaps[-1][1] == clock:
            raise UpdateRefused("misplaced_skip", f"at the end of client {client}")

    def _read_structs(self) -> None:
        """Read structs until the slice is used up, values are pending or the section ends."""
        update, size = self._update, self._size
        contents, counts = self._contents, self.counts
        client, clock_max = self._client, self._clock_max
        pos, clock, left, units = self.pos, self._clock, self._left, self.units
        while left and units > 0 and not contents.pending:
            left -= 1
            units -= 1
            flags = update[pos]
            pos += 1
            kind = flags & _KIND
            if flags in _BLANK:
                length, pos = self._read_blank(flags, pos, clock)
            else:
                if flags & _ORIGINS:
                    pos = self._read_origins(flags, pos, clock)
                else:
                    pos = self._read_parent(flags, pos, clock)
                if kind == STRING:
                    length = update[pos]
                    pos += 1
                    if length > 127:
                        length, pos = finish_varuint(update, pos, length)
                        units -= length // TEXT_BYTES_PER_UNIT
                    text = update[pos : pos + length]
                    pos += length
                    if pos > size:
                        raise UpdateRefused("truncated", f"the update ends at {size}")
                    if not text.isascii():
                        length = self._note_text(text, clock)
                else:
                    length, pos = contents.read(kind, pos)
                    units -= contents.units
                    contents.units = 0
                    if kind == TYPE:
                        self.types.setdefault(client, []).append(clock)
                    elif kind == DELETED:
                        self._note_blank(clock, clock + length)
                if length > 1 and kind != DELETED and not self._run_is_plain:
                    self.longs.setdefault(client, []).append((clock, clock + length))
            if not length:
                raise UpdateRefused("zero_length", f"a struct at {client}, {clock}")
            clock += length
            if clock > clock_max:
                self._refuse_clock(clock)
            counts[kind] += 1
        self.pos, self._clock, self._left, self.units = pos, clock, left, units

    def _refuse_clock(self, clock: int) -> None:
        if clock > CLOCK_MAX:
            raise UpdateRefused("clock_overflow", f"client {self._client} would reach {clock}")
        raise UpdateRefused("clock_leap", f"client {self._client} from {self._start} to {clock}")

    def _read_blank(self, flags: int, pos: int, clock: int) -> tuple[int, int]:
        """Read a garbage struct or a gap at *pos*; return its length and its end."""
        length, pos = read_varuint(self._update, pos)
        if flags == SKIP:
            gaps = self.gaps.setdefault(self._client, [])
            if clock == self._start or (gaps and gaps[-1][1] == clock):
                raise UpdateRefused("misplaced_skip", f"at {self._client}, {clock}")
            gaps.append((clock, clock + length))
            self._run_start = _NOWHERE
            self._run_parent = None
        else:
            self._note_blank(clock, clock + length)
            if self._run_parent != (_ROOT, False):  # It lies nowhere now; a root is as good.
                self._start_run(Run(clock, None, None, None, is_keyed=False), (_ROOT, False))
        return length, pos

    def _read_origins(self, flags: int, pos: int, clock: int) -> int:
        """Read the origin and right origin, of which there is at least one."""
        origin = right = None
        is_near = True
        if flags & _HAS_ORIGIN:
            origin, pos = self._read_id(pos, clock)
            client, at = origin
            self.splits[client].append(at + 1)
            is_near = client == self._client and at >= self._run_start
        if flags & _HAS_RIGHT:
            right, pos = self._read_id(pos, clock)
            client, at = right
            self.splits[client].append(at)
            if client != self._client or at < self._run_start:
                is_near = False
            if right == origin:
                raise UpdateRefused("bad_origin", f"{self._client}, {clock}")
        if not is_near:
            self._start_run(Run(clock, origin, right, None, is_keyed=False), None)
        if right is not None and not self._run_has_right:
            self._run_has_right = True
            self.rights.setdefault(self._client, []).append(clock)
        return pos

    def _read_id(self, pos: int, clock: int) -> tuple[Id, int]:
        """Read the id of something that the struct at *clock* builds on."""
        update = self._update
        if update.startswith(self._own, pos):
            client = self._client
            pos += len(self._own)
        else:
            client, pos = read_varuint(update, pos)
        at = update[pos]
        pos += 1
        if at > 127:
            at, pos = finish_varuint(update, pos, at)
        if client == self._client:
            if at >= clock:
                raise UpdateRefused("forward_reference", f"{client}, {clock} builds on {at}")
        elif at > self.far.get(client, -1):
            if at >= CLOCK_MAX:
                raise UpdateRefused("clock_overflow", f"a reference to {client}, {at}")
            self.far[client] = at
            self.splits.setdefault(client, [])
        return (client, at), pos

    def _read_parent(self, flags: int, pos: int, clock: int) -> int:
        """Read the parent, and the key if there is one, of a struct without origins."""
        update = self._update
        flag = update[pos]
        if flag > 1:
            raise UpdateRefused("bad_parent", f"parent flag {flag}")
        pos += 1
        is_keyed = flags & _HAS_KEY != 0
        name = None
        if flag:
            end = self._contents.key(pos, self._limits.root_bytes_max, "root_too_long")
            _, pos = read_varuint(update, pos)
            name = update[pos:end].decode()
            pos = end
            if self._run_parent != (_ROOT, is_keyed):
                self._start_run(Run(clock, None, None, None, is_keyed), (_ROOT, is_keyed))
        else:
            parent, pos = self._read_id(pos, clock)
            if self._run_parent != (parent, is_keyed):
                self._start_run(Run(clock, None, None, parent, is_keyed), (parent, is_keyed))
        if is_keyed:
            pos = self._contents.key(pos, self._limits.key_bytes_max)
        if name is not None:
            self._note_root(name, flags, update[pos])
        return pos

    def _note_text(self, text: bytes, clock: int) -> int:
        """Remember where *text*, which is not all ASCII, must not be cut; return its length."""
        characters = text.decode()
        coded = characters.encode("utf-16-le")
        length = len(coded) >> 1
        if length != len(characters):  # Some take two clocks: the second one is a half.
            low_surrogates = coded[1::2].translate(_IS_LOW_SURROGATE)
            halves = compress(range(clock, clock + length), low_surrogates)
            self.halves.setdefault(self._client, []).extend(halves)
        return length

    def _note_blank(self, start: int, end: int) -> None:
        """Remember that nothing is known of these clocks but that they were used."""
        blanks = self.blanks.setdefault(self._client, [])
        if blanks and blanks[-1][1] == start:
            start = blanks.pop()[0]
        blanks.append((start, end))

    def _note_root(self, name: str, flags: int, first: int) -> None:
        """Remember what a child tells of root *name*; *first* is the first byte of its content."""
        kinds = self.roots.get(name)
        if kinds is None:
            if len(self.roots) == self._limits.roots_max:
                raise UpdateRefused("too_many_roots", f"more than {self._limits.roots_max}")
            kinds = self.roots[name] = set()
        kind = flags & _KIND
        if flags & _HAS_KEY:
            kinds.add(RootKind.MAP)
        elif kind in (STRING, FORMAT, EMBED):
            kinds.add(RootKind.TEXT)
        elif kind == TYPE and first in (XML_ELEMENT, XML_TEXT):
            kinds.add(RootKind.XML)
        elif kind in _LISTED:
            kinds.add(RootKind.ARRAY)

    def _start_run(self, run: Run, parent: tuple[Id, bool] | None) -> None:
        self._section_runs.append(run)
        self._run_has_right = False
        self._run_is_plain = parent is not None and not parent[1]
        self._run_start = run.start
        self._run_parent = parent
