"""What a document shows, whatever its roots are taken for, as one text that can be compared.

The server never says what type a root is, and a hostile update may give one root children of every
kind: so each root is read as a rich text and as a map. Of lists only the length is read: the CRDT
library never comes back from reading an item of a list that holds text, which only an attacker puts
there. ``tests/clients/test_equivalence.py`` reads honest lists.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pycrdt

_TAG: Final = re.compile(r"<([^<>]*)>")


def shown(update: bytes) -> str:
    """Return all that the document *update* shows. Numbers are floats, keys are sorted."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(update)
    roots = {}
    for name in sorted(doc.keys()):
        text: pycrdt.Text = doc.get(name, type=pycrdt.Text)
        entries: pycrdt.Map[Any] = doc.get(name, type=pycrdt.Map)
        items: pycrdt.Array[Any] = doc.get(name, type=pycrdt.Array)
        roots[name] = (_plain(text), _plain(entries), len(items))
    return repr({name: seen for name, seen in roots.items() if seen != ([], {}, 0)})


def _plain(value: Any) -> Any:
    """Return *value* without shared types. Documents are at most 64 levels deep."""
    if isinstance(value, pycrdt.Text | pycrdt.XmlText):
        return _joined(
            (_plain(part), sorted((looks or {}).items())) for part, looks in value.diff()
        )
    if isinstance(value, pycrdt.XmlElement | pycrdt.XmlFragment):
        return _TAG.sub(lambda tag: repr(sorted(tag[1])), str(value))  # Attributes in any order.
    if isinstance(value, pycrdt.Array):
        return len(value)
    if isinstance(value, pycrdt.Map):
        return {key: _plain(value.get(key)) for key in sorted(value.keys())}
    return value


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
