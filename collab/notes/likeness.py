"""Makes one shared type look like another: text, lists, maps, XML.

Text is compared by runs with their formatting, line by line; lists and XML by their children, of
which those that differ are looked into or replaced; maps by keys. What is the same before and
after stays as it is, with its history and its authors. Depth is bounded: a document that nests
deeper than ``NESTING_MAX`` was never let in.

Offsets are what pycrdt counts in texts: bytes of UTF-8; an embedded value counts one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import accumulate, groupby
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pycrdt import Array, Map, Text, XmlElement, XmlFragment, XmlText

from collab.errors import Conflict

_PIECES_COMPARED_MAX: Final = 4_000  # Beyond, only a common beginning and end are kept.

_SHARED: Final = (Text, Array, Map, XmlText, XmlElement, XmlFragment)
_PLAIN: Final = frozenset({Text, Array, Map})
_NODES: Final = frozenset({XmlText, XmlElement})
# What the library can put where, beside plain values.
_WRITABLE: Final[Mapping[type[Any], frozenset[type[Any]]]] = MappingProxyType(
    {
        Text: _PLAIN,
        XmlText: _PLAIN | _NODES,
        Array: _PLAIN | {XmlFragment},
        Map: _PLAIN | {XmlFragment},
        XmlElement: _NODES,
        XmlFragment: _NODES,
    }
)


class Unwritable(Conflict):
    """A shared type stands where the CRDT library reads it, but cannot put a new one."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the document cannot be written like that: {what}")


class _Piece(NamedTuple):
    """Words of one line and one look, or an embedded value; equal if they read alike."""

    sign: str  # The words; or the value as JSON.
    look: str  # As JSON.
    is_value: bool

    @property
    def size(self) -> int:
        """Return what it takes of a text."""
        return 1 if self.is_value else len(self.sign.encode())


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def sign_of(value: object) -> str:
    """Return a text that is the same for two values or shared types that read alike."""
    return _json(_plain_or_same(value))


def _plain(value: object) -> object:
    """Return a shared type as something that tells it from others."""
    if isinstance(value, XmlElement):
        children = [_plain(child) for child in value.children]
        return {"tag": value.tag, "attributes": _attributes(value), "children": children}
    if isinstance(value, XmlFragment):
        return {"children": [_plain(child) for child in value.children]}
    if isinstance(value, Text | XmlText):
        more = _attributes(value) if isinstance(value, XmlText) else {}
        return {"text": list(_runs(value)), "attributes": more}
    if isinstance(value, Array):
        return [_plain_or_same(item) for item in value]
    if isinstance(value, Map):
        return {key: _plain_or_same(value[key]) for key in value.keys()}  # noqa: SIM118
    return repr(value)


def _plain_or_same(value: object) -> object:
    return _plain(value) if isinstance(value, _SHARED) else value


def _attributes(node: XmlElement | XmlText) -> dict[str, Any]:
    return dict(node.attributes)  # type: ignore[call-overload,no-any-return]


def _is_same(new: object, old: object) -> bool:
    return type(new) is type(old) and sign_of(new) == sign_of(old)


# ---------------------------------------------------------------- text


def alike_text(new: Text | XmlText, old: Text | XmlText) -> None:
    """Make *new* read like *old*, formatting and embedded values included.

    Raises:
      Unwritable: *old* holds what cannot be written.
    """
    have, want = list(_pieces(new)), list(_pieces(old))
    values = {sign_of(value): value for value, _ in old.diff() if not isinstance(value, str)}
    starts = list(accumulate((piece.size for piece in have), initial=0))
    # From the end on, so that places before it stay what they are.
    for i1, i2, j1, j2 in reversed(list(_swaps(have, want))):
        _swap(new, starts[i1], have[i1:i2], want[j1:j2], values)


def _pieces(text: Text | XmlText) -> Iterator[_Piece]:
    """Yield the words, together as long as neither line nor look changes, and the values."""
    for value, look in _runs(text):
        if isinstance(value, str):
            for line in value.splitlines(keepends=True):
                yield _Piece(line, look, is_value=False)
        else:
            yield _Piece(sign_of(value), look, is_value=True)


def _runs(text: Text | XmlText) -> Iterator[tuple[Any, str]]:
    """Yield words that look alike, however they came together, and embedded values."""
    for (look, is_words), run in groupby(text.diff(), _look_of):
        values = [value for value, _ in run]
        if is_words:
            yield "".join(values), look
        else:
            yield from ((value, look) for value in values)


def _look_of(run: tuple[Any, dict[str, Any] | None]) -> tuple[str, bool]:
    value, look = run
    return _json(look or {}), isinstance(value, str)


def _swaps(have: Sequence[_Piece], want: Sequence[_Piece]) -> Iterator[tuple[int, int, int, int]]:
    """Yield which pieces are to give way to which: of *have* from, to; of *want* from, to.

    Lines that changed are swapped one by one, so that of each only what differs is touched.
    """
    if len(have) + len(want) > _PIECES_COMPARED_MAX:
        head = _common(have, want)
        tail = _common(have[head:][::-1], want[head:][::-1])
        yield head, len(have) - tail, head, len(want) - tail
        return
    # Compared by number: a piece is hashed once instead of at every look. Pieces that come again
    # and again are no landmarks (autojunk): with them the comparison would be cubic.
    numbers: dict[_Piece, int] = {}
    had, wanted = (
        [numbers.setdefault(piece, len(numbers)) for piece in side] for side in (have, want)
    )
    matcher = SequenceMatcher(None, had, wanted, autojunk=True)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            pairs = min(i2 - i1, j2 - j1)
            for n in range(pairs):
                yield i1 + n, i1 + n + 1, j1 + n, j1 + n + 1
            yield i1 + pairs, i2, j1 + pairs, j2


def _swap(
    text: Text | XmlText,
    start: int,
    gone: Sequence[_Piece],
    come: Sequence[_Piece],
    values: Mapping[str, Any],
) -> None:
    """Replace the pieces *gone*, at byte offset *start*; ends that are alike stay."""
    stop = start + sum(piece.size for piece in gone)
    if gone and come:
        head, first = _kept(gone[0], come[0], _common_start)
        come = [first, *come[1:]]
        # What is kept at the front cannot be kept at the back as well.
        last = gone[-1] if len(gone) > 1 else _cut(gone[0], head)
        tail, rest = _kept(last, come[-1], _common_end)
        come = [*come[:-1], rest]
        start, stop = start + head, stop - tail
    if stop > start:
        del text[start:stop]
    for (look, is_value), pieces in groupby(come, lambda piece: (piece.look, piece.is_value)):
        attributes = json.loads(look)
        if not is_value:
            words = "".join(piece.sign for piece in pieces)
            if words:
                text.insert(start, words, attributes)
                start += len(words.encode())
            continue
        for piece in pieces:
            value = values[piece.sign]
            fresh = _fresh(value, text)
            text.insert_embed(start, fresh, attributes)
            _alike(fresh, value)
            start += 1


def _kept(
    gone: _Piece, come: _Piece, common: Callable[[str, str], tuple[int, str]]
) -> tuple[int, _Piece]:
    """Return how many bytes of *gone* stay, and what of *come* is left to be put beside them."""
    if gone.is_value or come.is_value or gone.look != come.look:
        return 0, come
    count, rest = common(gone.sign, come.sign)
    kept = len(come.sign.encode()) - len(rest.encode()) if count else 0
    return kept, come._replace(sign=rest)


def _cut(piece: _Piece, head: int) -> _Piece:
    """Return *piece* without its first *head* bytes."""
    return piece if piece.is_value else piece._replace(sign=piece.sign.encode()[head:].decode())


def _common_start(first: str, second: str) -> tuple[int, str]:
    """Return how many characters both begin with, and the rest of *second*."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low, second[low:]


def _common_end(first: str, second: str) -> tuple[int, str]:
    """Return how many characters both end with, and the rest of *second*."""
    count, rest = _common_start(first[::-1], second[::-1])
    return count, rest[::-1]


def _common(first: Sequence[object], second: Sequence[object]) -> int:
    """Return how many items the two begin with alike."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


# ---------------------------------------------------------------- lists, maps, XML


def alike_children(new: XmlFragment | XmlElement, old: XmlFragment | XmlElement) -> None:
    """Give *new* the children of *old*."""
    have, want = list(new.children), list(old.children)
    head, gone, come = _middle(have, want)
    for offset, (mine, theirs) in enumerate(zip(gone, come, strict=False)):
        if _is_alike_in_kind(mine, theirs):
            _alike(mine, theirs)
        else:
            new.children[head + offset] = _fresh(theirs, new)
            _alike(new.children[head + offset], theirs)
    kept = min(len(gone), len(come))
    if len(gone) > kept:
        del new.children[head + kept : head + len(gone)]
    for offset, theirs in enumerate(come[kept:], start=head + kept):
        _alike(new.children.insert(offset, _fresh(theirs, new)), theirs)


def alike_array(new: Array[Any], old: Array[Any]) -> None:
    """Give *new* the items of *old*."""
    head, gone, come = _middle(list(new), list(old))
    if gone:
        del new[head : head + len(gone)]
    for at, theirs in enumerate(come, start=head):
        fresh = _fresh(theirs, new)
        new.insert(at, fresh)
        _alike(fresh, theirs)


def alike_map(new: Map[Any], old: Map[Any]) -> None:
    """Give *new* the keys and values of *old*."""
    for key in set(new.keys()) - set(old.keys()):
        del new[key]
    for key in old.keys():  # noqa: SIM118 - a Map's own iteration is untyped
        theirs = old[key]
        if key in new and _is_same(new[key], theirs):
            continue
        fresh = _fresh(theirs, new)
        new[key] = fresh
        _alike(fresh, theirs)


def _middle(have: list[Any], want: list[Any]) -> tuple[int, list[Any], list[Any]]:
    """Return where the two lists begin to differ, and what differs until they end alike."""
    first, second = [_identity(item) for item in have], [_identity(item) for item in want]
    head = _common(first, second)
    tail = _common(first[head:][::-1], second[head:][::-1])
    return head, have[head : len(have) - tail], want[head : len(want) - tail]


def _identity(value: object) -> tuple[type, str]:
    return type(value), sign_of(value)


def _is_alike_in_kind(new: object, old: object) -> bool:
    """Say whether *new* can be made like *old* without being replaced."""
    if isinstance(new, XmlElement) and isinstance(old, XmlElement):
        return new.tag == old.tag
    return isinstance(new, XmlText) and isinstance(old, XmlText)


def _fresh(value: object, into: object) -> Any:
    """Return a new shared type of the same kind and name, still without content; or the value.

    Raises:
      Unwritable: there is no way to put it *into* that.
    """
    if not isinstance(value, _SHARED):
        return value
    shape = type(value)
    if shape not in _WRITABLE[type(into)]:
        raise Unwritable(f"{shape.__name__} in {type(into).__name__}")
    return XmlElement(value.tag) if isinstance(value, XmlElement) else shape()


def _alike(new: object, old: object) -> None:
    """Fill what :func:`_fresh` made, or change what is alike in kind."""
    if isinstance(new, XmlElement | XmlText) and isinstance(old, XmlElement | XmlText):
        _alike_attributes(new, old)
    if isinstance(new, XmlElement | XmlFragment) and isinstance(old, XmlElement | XmlFragment):
        alike_children(new, old)
    elif isinstance(new, Text | XmlText) and isinstance(old, Text | XmlText):
        alike_text(new, old)
    elif isinstance(new, Array) and isinstance(old, Array):
        alike_array(new, old)
    elif isinstance(new, Map) and isinstance(old, Map):
        alike_map(new, old)


def _alike_attributes(new: XmlElement | XmlText, old: XmlElement | XmlText) -> None:
    have, want = _attributes(new), _attributes(old)
    for key in have.keys() - want.keys():
        del new.attributes[key]
    for key, value in want.items():
        if key not in have or have[key] != value:
            new.attributes[key] = value
