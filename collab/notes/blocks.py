"""Reads the blocks of a document's own encoded state (Yjs update v1): who wrote which passage.

Not for bytes from clients: those go through ``protocol.yjs.walk``, which refuses what could do
harm. What is read here was written by the CRDT library from updates that were let in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from attrs import define

from protocol.yjs import Id

_GC: Final = 0
DELETED: Final = 1
JSON: Final = 2
BINARY: Final = 3
STRING: Final = 4
EMBED: Final = 5
FORMAT: Final = 6
TYPE: Final = 7
ANY: Final = 8
_SKIP: Final = 10

XML_ELEMENT: Final = 3  # A shared type's number; a name follows it.
_HAS_ORIGIN: Final = 0x80
_HAS_RIGHT: Final = 0x40
_HAS_KEY: Final = 0x20
_KIND: Final = 0x1F
# Values, by their first byte.
_BYTES: Final = 116
_LIST: Final = 117
_MAP: Final = 118
_WORDS: Final = 119
_INTEGER: Final = 125
_SIZES: Final[Mapping[int, int]] = MappingProxyType({124: 4, 123: 8, 122: 8})


@define(eq=False)
class Block:
    """One struct that is part of a list: a run of characters, a shared type, a gap left by some."""

    client: int
    clock: int
    length: int = 1  # Clocks: UTF-16 units of a text.
    origin: Id | None = None  # What it was put after,
    right_origin: Id | None = None  # and before.
    parent: str | Id | None = None  # A root, or the id of a shared type; None: its origins'.
    key: str | None = None  # Of a map or attribute: then it is in no list.
    text: str = ""  # Visible words.
    start: int = 0  # Where its bytes begin,
    content_start: int = 0  # where those of its content do,
    end: int = 0  # and where they end.
    content: int = 0  # Its number in the format: ``STRING``, ``TYPE`` ...
    ref: int | None = None  # Of a shared type: which.
    # Set when its place is found.
    home: str | Id | None = None  # The list that it is in,
    next: Block | None = None  # and what comes after it.

    @property
    def is_type(self) -> bool:
        """True for a shared type."""
        return self.ref is not None

    def cut(self, length: int) -> Block:
        """Keep the first *length* clocks; return the rest, which comes next."""
        units = self.text.encode("utf-16-le")
        rest = Block(
            self.client,
            self.clock + length,
            self.length - length,
            origin=(self.client, self.clock + length - 1),
            right_origin=self.right_origin,
            text=units[2 * length :].decode("utf-16-le", "surrogatepass"),
            content=self.content,
            home=self.home,
            next=self.next,
        )
        self.text = units[: 2 * length].decode("utf-16-le", "surrogatepass")
        self.length = length
        self.next = rest
        return rest


class _Source:
    """Takes bytes apart from front to end. They are trusted: a read past the end is a bug."""

    __slots__ = ("_bytes", "_pos")

    def __init__(self, source: bytes) -> None:
        self._bytes = source
        self._pos = 0

    @property
    def pos(self) -> int:
        return self._pos

    def byte(self) -> int:
        self._pos += 1
        return self._bytes[self._pos - 1]

    def number(self) -> int:
        value = shift = 0
        while (byte := self.byte()) > 127:
            value |= (byte & 127) << shift
            shift += 7
        return value | byte << shift

    def id(self) -> Id:
        return self.number(), self.number()

    def span(self) -> bytes:
        length = self.number()
        self._pos += length
        return self._bytes[self._pos - length : self._pos]

    def text(self) -> str:
        return self.span().decode()

    def skip(self, count: int) -> None:
        self._pos += count


def read_blocks(state: bytes) -> Iterator[Block]:
    """Yield every block but the garbage, by client, ascending clocks."""
    source = _Source(state)
    for _ in range(source.number()):
        count, client, clock = source.number(), source.number(), source.number()
        for _ in range(count):
            start = source.pos
            flags = source.byte()
            if flags in (_GC, _SKIP):
                clock += source.number()
                continue
            block = Block(client, clock, start=start)
            _read_place(source, flags, block)
            block.content_start = source.pos
            _read_content(source, flags & _KIND, block)
            block.end = source.pos
            yield block
            clock += block.length


def _read_place(source: _Source, flags: int, block: Block) -> None:
    if flags & _HAS_ORIGIN:
        block.origin = source.id()
    if flags & _HAS_RIGHT:
        block.right_origin = source.id()
    if flags & (_HAS_ORIGIN | _HAS_RIGHT):
        return
    block.parent = source.text() if source.byte() == 1 else source.id()
    if flags & _HAS_KEY:
        block.key = source.text()


def _read_content(source: _Source, kind: int, block: Block) -> None:
    block.content = kind
    if kind == STRING:
        block.text = source.text()
        block.length = len(block.text.encode("utf-16-le")) // 2
    elif kind == DELETED:
        block.length = source.number()
    elif kind == TYPE:
        block.ref = source.number()
        if block.ref == XML_ELEMENT:
            source.span()
    elif kind == FORMAT:
        source.span()
        source.span()
    elif kind in (EMBED, BINARY):
        source.span()
    elif kind == JSON:
        block.length = source.number()
        for _ in range(block.length):
            source.span()
    else:
        assert kind == ANY, f"content {kind} was let in"
        block.length = source.number()
        _skip_values(source, block.length)


def _skip_values(source: _Source, count: int) -> None:
    """Pass over values. ``open_``: of each list or map around, what is to come, and has it keys."""
    open_ = [(count, False)]
    while open_:
        left, is_keyed = open_.pop()
        if not left:
            continue
        open_.append((left - 1, is_keyed))
        if is_keyed:
            source.span()
        tag = source.byte()
        if tag in (_LIST, _MAP):
            open_.append((source.number(), tag == _MAP))
        elif tag in (_BYTES, _WORDS):
            source.span()
        elif tag == _INTEGER:
            while source.byte() > 127:
                pass
        else:
            source.skip(_SIZES.get(tag, 0))
