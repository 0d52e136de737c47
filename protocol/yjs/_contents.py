"""The contents of structs: checked, measured, never built.

A reader takes the position after the struct's head and returns ``(length, position)``: how many
clocks the content covers, and where it ends. Values of ``any`` and ``json`` content can be many
and deep, so they are not read by recursion but from a stack of what is still to come:
``read_values`` takes a slice of them and is called until ``pending`` is empty.
"""

from __future__ import annotations

from typing import Final, NoReturn

from protocol.yjs._json import BadJson, TooDeepJson, json_depth
from protocol.yjs._varint import finish_varuint, read_varuint, skip_varint
from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import JSON_BYTES_PER_UNIT, TEXT_BYTES_PER_UNIT, WalkLimits

GC: Final = 0
DELETED: Final = 1
JSON: Final = 2
BINARY: Final = 3
STRING: Final = 4
EMBED: Final = 5
FORMAT: Final = 6
TYPE: Final = 7
ANY: Final = 8
DOC: Final = 9
SKIP: Final = 10

_MANY: Final = frozenset({JSON, ANY})  # Content of several values, each a clock.

# Shared types. 5 is a hook: Yjs reads a name after it, yrs does not. Above 6 only yrs has types.
XML_ELEMENT: Final = 3
XML_TEXT: Final = 6
_TYPES: Final = frozenset({0, 1, 2, XML_ELEMENT, 4, XML_TEXT})

# Values of ``any`` content, by their first byte.
_BINARY_VALUE: Final = 116
_LIST: Final = 117
_MAP: Final = 118
_CONTAINERS: Final = frozenset({_LIST, _MAP})
_TEXT: Final = 119
_INTEGER: Final = 125
# bigint and float64, float32; then false, true, null, undefined.
_SIZES: Final = {122: 8, 123: 8, 124: 4, 120: 0, 121: 0, 126: 0, 127: 0}.get


class ContentReader:
    """Reads the contents of one update. See the module."""

    __slots__ = ("_limits", "_size", "_update", "pending", "units", "value_depth")

    def __init__(self, update: bytes, limits: WalkLimits) -> None:
        self._update = update
        self._size = len(update)
        self._limits = limits
        self.units = 0  # What was used since the walker last looked; it resets it.
        self.value_depth = 0
        # What is open, outermost first: twice the number of values still to come; odd: they have
        # keys. Minus the number of JSON texts, which are never nested.
        self.pending: list[int] = []

    def read(self, kind: int, pos: int) -> tuple[int, int]:
        """Read content *kind*, except strings, at *pos*; return its length and its end."""
        if kind == TYPE:
            return 1, self._type(pos)
        if kind in _MANY:
            count, pos = read_varuint(self._update, pos)
            if count > self._size - pos:
                self._truncated()
            if count:
                self.pending.append(count * 2 if kind == ANY else -count)
            return count, pos
        if kind == FORMAT:
            return 1, self._json(self.key(pos, self._limits.key_bytes_max))
        if kind == DELETED:
            return read_varuint(self._update, pos)
        if kind == EMBED:
            return 1, self._json(pos)
        if kind == BINARY:
            return 1, self._span(pos)[1]
        if kind == DOC:
            raise UpdateRefused("subdocument", "subdocuments are not allowed")
        raise UpdateRefused("unknown_content", f"content {kind}")

    def key(self, pos: int, bytes_max: int, code: str = "key_too_long") -> int:
        """Check a name at *pos* and return its end."""
        length, pos = read_varuint(self._update, pos)
        if length > bytes_max:
            raise UpdateRefused(code, f"{length} bytes; {bytes_max} are allowed")
        end = pos + length
        if end > self._size:
            self._truncated()
        raw = self._update[pos:end]
        if not raw.isascii():
            raw.decode()
        return end

    def _truncated(self) -> NoReturn:
        raise UpdateRefused("truncated", f"the update ends at {self._size}")

    def _span(self, pos: int) -> tuple[int, int]:
        """Return start and end of the bytes whose number is at *pos*."""
        length, pos = read_varuint(self._update, pos)
        if length > self._size - pos:
            self._truncated()
        return pos, pos + length

    def _text(self, pos: int) -> int:
        pos, end = self._span(pos)
        raw = self._update[pos:end]
        if not raw.isascii():
            raw.decode()
        self.units += (end - pos) // TEXT_BYTES_PER_UNIT
        return end

    def _type(self, pos: int) -> int:
        ref = self._update[pos]
        if ref not in _TYPES:
            raise UpdateRefused("unknown_type", f"shared type {ref}")
        pos += 1
        return self.key(pos, self._limits.key_bytes_max) if ref == XML_ELEMENT else pos

    def _json(self, pos: int) -> int:
        pos, end = self._span(pos)
        limits = self._limits
        try:
            depth = json_depth(
                self._update[pos:end],
                elements_max=limits.json_elements_max,
                nesting_max=limits.nesting_max,
            )
        except BadJson as error:
            raise UpdateRefused("bad_json", str(error)) from None
        except TooDeepJson:
            raise UpdateRefused("too_deep", f"JSON deeper than {limits.nesting_max}") from None
        self.units += (end - pos) // JSON_BYTES_PER_UNIT
        if depth > self.value_depth:
            self.value_depth = depth
        return end

    def read_values(self, pos: int, units: int) -> int:
        """Read values from *pos* until none is pending or about *units* are used."""
        if self.pending[0] < 0:
            return self._json_values(pos, units)
        update = self._update
        pending = self.pending
        while pending and self.units < units:
            self.units += 1
            pending[-1] -= 2
            if pending[-1] & 1:
                pos = self.key(pos, self._limits.key_bytes_max)
            tag = update[pos]
            pos += 1
            size = _SIZES(tag)
            if size is not None:
                pos += size
            elif tag == _TEXT:
                pos = self._text(pos)
            elif tag == _INTEGER:
                pos = skip_varint(update, pos)
            elif tag in _CONTAINERS:
                pos = self._open(pos, tag)
            elif tag == _BINARY_VALUE:
                _, pos = self._span(pos)
            else:
                raise UpdateRefused("bad_value", f"a value of type {tag}")
            while pending and pending[-1] < 2:
                pending.pop()
        if pos > self._size:
            self._truncated()
        return pos

    def _open(self, pos: int, tag: int) -> int:
        """Open a list or map: push how many values it has."""
        count = self._update[pos]
        pos += 1
        if count > 127:
            count, pos = finish_varuint(self._update, pos, count)
        has_keys = tag == _MAP
        if count * (1 + has_keys) > self._size - pos:
            self._truncated()
        depth = len(self.pending)
        if depth > self._limits.nesting_max:
            raise UpdateRefused("too_deep", f"values deeper than {self._limits.nesting_max}")
        if depth > self.value_depth:
            self.value_depth = depth
        self.pending.append(count * 2 + has_keys)
        return pos

    def _json_values(self, pos: int, units: int) -> int:
        """Read the JSON texts of ``json`` content, which old versions of Yjs wrote."""
        left = -self.pending[0]
        while left and self.units < units:
            left -= 1
            self.units += 1
            if self._update.startswith(b"\x09undefined", pos):
                pos += 10
            else:
                pos = self._json(pos)
        if left:
            self.pending[0] = -left
        else:
            self.pending.clear()
        return pos
