"""Makes one shared type look like another: text, lists, maps, XML.

Text is compared by runs with their formatting, line by line; lists and XML by their children, of
which those that differ are looked into or replaced; maps by keys. What is the same before and
after stays as it is, with its history and its authors. Depth is bounded: a document that nests
deeper than ``NESTING_MAX`` was never let in.

Offsets are what pycrdt counts in texts: bytes of UTF-8; an embedded value counts one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import accumulate, groupby
from typing import Any, Final, NamedTuple

from pycrdt import Array, Map, Text, XmlElement, XmlFragment, XmlText

_PIECES_COMPARED_MAX: Final = 4_000  # Beyond, only a common beginning and end are kept.

_SHARED: Final = (Text, Array, Map, XmlText, XmlElement, XmlFragment)


class _Cell(NamedTuple):
    """One character, or one embedded value, with its look; equal if they read alike."""

    sign: str  # The character; or the value as JSON, with a mark before it.
    look: str  # As JSON.


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
    """Make *new* read like *old*, formatting and embedded values included."""
    have, want = list(_pieces(new)), list(_pieces(old))
    values = {_sign(value): value for value, _ in old.diff() if not isinstance(value, str)}
    starts = list(accumulate((sum(map(_len, piece)) for piece in have), initial=0))
    for tag, i1, i2, j1, j2 in reversed(_differences(have, want)):
        if tag != "equal":
            start = starts[i1]
            gone = [cell for piece in have[i1:i2] for cell in piece]
            come = [cell for piece in want[j1:j2] for cell in piece]
            _replace(new, start, gone, come, values)


def _pieces(text: Text | XmlText) -> Iterator[tuple[_Cell, ...]]:
    """Yield the cells, together as long as neither line nor look changes."""
    for value, look in _runs(text):
        if isinstance(value, str):
            for line in value.splitlines(keepends=True):
                yield tuple(_Cell(char, look) for char in line)
        else:
            yield (_Cell(_sign(value), look),)


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


def _sign(value: object) -> str:
    return "\0" + sign_of(value)


def _len(cell: _Cell) -> int:
    return len(cell.sign.encode()) if len(cell.sign) == 1 else 1


def _differences(
    have: Sequence[tuple[_Cell, ...]], want: Sequence[tuple[_Cell, ...]]
) -> Sequence[tuple[str, int, int, int, int]]:
    if len(have) + len(want) > _PIECES_COMPARED_MAX:
        return [("replace", 0, len(have), 0, len(want))]
    # Compared by number: a piece is hashed once instead of at every look. Pieces that come again
    # and again are no landmarks (autojunk): with them the comparison would be cubic.
    numbers: dict[tuple[_Cell, ...], int] = {}
    had, wanted = (
        [numbers.setdefault(piece, len(numbers)) for piece in side] for side in (have, want)
    )
    return SequenceMatcher(None, had, wanted, autojunk=True).get_opcodes()


def _replace(
    text: Text | XmlText,
    start: int,
    gone: Sequence[_Cell],
    come: Sequence[_Cell],
    values: Mapping[str, Any],
) -> None:
    """Replace the cells *gone*, at byte offset *start*; ends that are alike stay."""
    head = _common(gone, come)
    tail = _common(gone[head:][::-1], come[head:][::-1])
    start += sum(map(_len, gone[:head]))
    stop = start + sum(map(_len, gone[head : len(gone) - tail]))
    if stop > start:
        del text[start:stop]
    for (look, is_embedded), cells in groupby(come[head : len(come) - tail], _grouping):
        attributes = json.loads(look)
        if not is_embedded:
            words = "".join(cell.sign for cell in cells)
            text.insert(start, words, attributes)
            start += len(words.encode())
            continue
        for cell in cells:
            value = values[cell.sign]
            fresh = _empty(value)
            text.insert_embed(start, fresh, attributes)
            _alike(fresh, value)
            start += 1


def _grouping(cell: _Cell) -> tuple[str, bool]:
    return cell.look, len(cell.sign) > 1


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
            new.children[head + offset] = _empty(theirs)
            _alike(new.children[head + offset], theirs)
    kept = min(len(gone), len(come))
    if len(gone) > kept:
        del new.children[head + kept : head + len(gone)]
    for offset, theirs in enumerate(come[kept:], start=head + kept):
        _alike(new.children.insert(offset, _empty(theirs)), theirs)


def alike_array(new: Array[Any], old: Array[Any]) -> None:
    """Give *new* the items of *old*."""
    head, gone, come = _middle(list(new), list(old))
    if gone:
        del new[head : head + len(gone)]
    for at, theirs in enumerate(come, start=head):
        fresh = _empty(theirs)
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
        fresh = _empty(theirs)
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


def _empty(value: object) -> Any:
    """Return a new shared type of the same kind and name, still without content; or the value."""
    if isinstance(value, XmlElement):
        return XmlElement(value.tag)
    for shape in (XmlText, Text, Array, Map):
        if isinstance(value, shape):
            return shape()
    return value


def _alike(new: object, old: object) -> None:
    """Fill what :func:`_empty` made, or change what is alike in kind."""
    if isinstance(new, XmlElement | XmlText) and isinstance(old, XmlElement | XmlText):
        _alike_attributes(new, old)
    if isinstance(new, XmlElement) and isinstance(old, XmlElement):
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
