"""What no editor put where it is: words in a list of values, values in a text, marks in a map.

The bytes of an update may give any shared type children of every kind, and a document bears them;
typed reading does not. The CRDT library never comes back from reading a list that holds an emoji
as text, lists a map's key whose value is a mark and cannot read it, ends a list of elements at the
first child that is none, and counts values in a text that it does not show. So before a document is
read as what it is, this says what in it is misplaced, and the reader does without.

What a root is nobody says: ``log.roots`` knows what its first child looked like, and its content
has the last word, so that no words of an honest text are ever misplaced.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from pycrdt import Doc

from collab.notes.blocks import (
    ANY,
    BINARY,
    DELETED,
    EMBED,
    FORMAT,
    JSON,
    STRING,
    TYPE,
    Block,
    read_blocks,
)
from collab.notes.deletions import Spans, deleting, united
from collab.notes.playing import doc_of
from protocol.yjs import Id

Home: TypeAlias = str | Id

# Shared types, by their number in the format.
_ARRAY: Final = "array"
_MAP: Final = "map"
_TEXT: Final = "text"
_XML: Final = "xml"
_SHAPES: Final[Mapping[int | None, str]] = MappingProxyType(
    {0: _ARRAY, 1: _MAP, 2: _TEXT, 3: _XML, 4: _XML, 6: _TEXT}
)
_XML_REFS: Final = frozenset({3, 4, 6})  # Elements, fragments, texts.
_VALUES: Final = frozenset({JSON, BINARY, ANY})
_WORDS: Final = frozenset({STRING, EMBED})


class Layout:
    """Which block of a document lies in which shared type."""

    def __init__(self, state: bytes) -> None:
        self._lines: dict[int, tuple[list[int], list[Block]]] = {}
        self._nowhere: set[int] = set()  # Blocks, by ``id``: what they were put beside is gone.
        for block in read_blocks(state):
            clocks, line = self._lines.setdefault(block.client, ([], []))
            clocks.append(block.clock)
            line.append(block)
        # By root: the contents in its list, and of shared types whether they are XML.
        self.listed: dict[str, set[int]] = {}
        self._suspects: list[Block] = []
        for _, line in self._lines.values():
            for block in line:
                if block.content != DELETED:
                    self._place(block)

    def misplaced(self, roots: Mapping[str, str]) -> Spans:
        """Return what no typed reader can show. *roots*: name to shape; others are not judged."""
        spans = [
            {block.client: [(block.clock, block.clock + block.length)]}
            for block in self._suspects
            if _is_misplaced(block, self._shape(block.home, roots))
        ]
        return united(spans) if spans else {}

    def _place(self, block: Block) -> None:
        self._find_home(block)
        home = block.home
        if home is None:
            return
        if type(home) is str and block.key is None:
            content = _XML_CHILD if block.ref in _XML_REFS else block.content
            self.listed.setdefault(home, set()).add(content)
        self._suspects.append(block)

    def _find_home(self, block: Block) -> None:
        """Set where it lies, and its key: as what it was put beside."""
        chain: list[Block] = []
        at: Block | None = block
        while at is not None and at.home is None and at.parent is None:
            if id(at) in self._nowhere:
                at = None
                break
            chain.append(at)
            at = self._holding(at.origin) or self._holding(at.right_origin)
        if at is not None and at.home is None:
            at.home = at.parent
        if at is None:
            self._nowhere.update(map(id, chain))
            return
        for beside in chain:
            beside.home, beside.key = at.home, at.key

    def _holding(self, ref: Id | None) -> Block | None:
        if ref is None or ref[0] not in self._lines:
            return None
        clocks, line = self._lines[ref[0]]
        at = bisect_right(clocks, ref[1]) - 1
        if at < 0 or ref[1] >= line[at].clock + line[at].length:
            return None
        return line[at]

    def _shape(self, home: Home | None, roots: Mapping[str, str]) -> str:
        if isinstance(home, str):
            return roots.get(home, "")
        parent = self._holding(home)
        return "" if parent is None else _SHAPES.get(parent.ref, "")


_XML_CHILD: Final = -TYPE  # In ``Layout.listed``: a shared type of the XML kind.


def _is_misplaced(block: Block, shape: str) -> bool:
    if block.key is not None:
        return block.content == FORMAT
    if shape == _TEXT:
        return block.content in _VALUES
    if shape == _ARRAY:
        return block.content == STRING
    return shape == _XML and block.ref not in _XML_REFS


def readable(
    state: bytes, *, client_id: int | None = None, is_judging_roots: bool = True
) -> Doc[Any]:
    """Return a document of its own with *state*, without what is misplaced in it.

    Args:
      is_judging_roots: take roots for XML or text, as exports do; otherwise leave what is directly
        in them, for those who read them piece by piece.

    Raises:
      DocumentFault: it cannot be built.
    """
    layout = Layout(state)
    roots = (
        {root: _XML if _XML_CHILD in listed else _TEXT for root, listed in layout.listed.items()}
        if is_judging_roots
        else {}
    )
    return doc_of(state, deleting(layout.misplaced(roots)), client_id=client_id)


def shapes_of(layouts: Iterable[Layout], recorded: Mapping[str, str]) -> dict[str, str]:
    """Return what each root is to be read as, from what it looked like at first and what it holds.

    An attacker may put words into a list, but no values are in an honest text; and words beside
    elements are a text with elements embedded.
    """
    shapes: dict[str, str] = {}
    layouts = list(layouts)
    for root, kind in recorded.items():
        listed = set[int]().union(*(layout.listed.get(root, ()) for layout in layouts))
        shapes[root] = _shape_of(kind, listed)
    return shapes


def _shape_of(kind: str, listed: set[int]) -> str:
    if kind == _TEXT or not listed:
        return kind or _TEXT
    if kind == _XML:
        return _TEXT if listed & _WORDS else _XML
    if listed & _VALUES:
        return kind or _ARRAY
    if listed & _WORDS:
        return _TEXT
    if _XML_CHILD in listed:
        return _XML
    return _ARRAY if TYPE in listed else kind or _TEXT
