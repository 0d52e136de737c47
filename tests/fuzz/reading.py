"""What a document shows, whatever its roots are taken for, as one text that can be compared.

The server never says what type a root is, and a hostile update may give one root children of every
kind: so each root is read as a rich text and as a map. Of lists only the length is read: the CRDT
library never comes back from reading an item of a list that holds text, which only an attacker puts
there. ``tests/clients/test_equivalence.py`` reads honest lists.

The library keeps keys, attributes and looks in tables whose order is drawn anew in every process,
sometimes in every document: what is compared here must not depend on it at any depth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pycrdt
from attrs import frozen

_TAG: Final = re.compile(r"<[^<>]*>")
_OPENED: Final = re.compile(r"(?:<[^/<>][^<>]*>){2,}")  # Looks are nested in any order,
_CLOSED: Final = re.compile(r"(?:</[^<>]*>){2,}")  # and so they end.


@frozen
class Sight:
    """What a document shows: all of it; and of each root what no other order can change."""

    whole: str
    letters: Mapping[str, tuple[int, str]]  # By root: its length, its characters in order.


def sight_of(*updates: bytes) -> Sight:
    """Return what a client sees that takes *updates* in turn. Numbers are floats, keys sorted."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    for update in updates:
        doc.apply_update(update)
    roots, letters = {}, {}
    for name in sorted(doc.keys()):
        text: pycrdt.Text = doc.get(name, type=pycrdt.Text)
        entries: pycrdt.Map[Any] = doc.get(name, type=pycrdt.Map)
        items: pycrdt.Array[Any] = doc.get(name, type=pycrdt.Array)
        parts = _plain(text)
        roots[name] = (parts, _plain(entries), len(items))
        # Looks go where their marks go: in another order of neighbours others are bold.
        words = "".join(_TAG.sub("", part) for part, _looks in parts if isinstance(part, str))
        letters[name] = len(items), "".join(sorted(words))
    whole = repr({name: seen for name, seen in roots.items() if seen != ([], {}, 0)})
    return Sight(whole, {name: seen for name, seen in letters.items() if seen != (0, "")})


def _plain(value: Any) -> Any:
    """Return *value* without shared types. Documents are at most 64 levels deep."""
    if isinstance(value, pycrdt.Text | pycrdt.XmlText):
        return _joined(
            (_plain(part), sorted(_plain(looks or {}).items())) for part, looks in value.diff()
        )
    if isinstance(value, pycrdt.XmlElement | pycrdt.XmlFragment):
        return _steady(str(value))
    if isinstance(value, pycrdt.Array):
        return len(value)
    if isinstance(value, pycrdt.Map):
        return {key: _plain(value.get(key)) for key in sorted(value.keys())}
    if isinstance(value, dict):  # A plain value, not a shared type; of one look, or an entry.
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def _steady(xml: str) -> str:
    """Return *xml* with attributes, and tags that follow each other, in alphabetical order."""
    xml = _TAG.sub(lambda tag: _with_ordered_attributes(tag[0]), xml)
    for run in (_OPENED, _CLOSED):
        xml = run.sub(lambda tags: "".join(sorted(_TAG.findall(tags[0]))), xml)
    return xml


def _with_ordered_attributes(tag: str) -> str:
    """Return ``<name b="…" a="…">`` with its attributes in order; values are cut at blanks too."""
    name, *attributes = tag[1:-1].split(" ")
    return f"<{' '.join((name, *sorted(attributes)))}>"


def _joined(parts: Any) -> list[Any]:
    """Return *parts* with neighbours of one look as one: where the library cuts them is its own."""
    joined: list[Any] = []
    for part, looks in parts:
        last, last_looks = joined[-1] if joined else (None, None)
        if isinstance(part, str) and isinstance(last, str) and looks == last_looks:
            joined[-1] = last + part, looks
        else:
            joined.append((part, looks))
    return joined
