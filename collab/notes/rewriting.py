"""Updates of our own making: from one document to what another one shows, and undo.

Everything here works on documents of its own, made from bytes, and never on the live one; so it may
run in a worker thread. What it returns is an ordinary update under one client id (a *pen*), which
is let in, journaled and broadcast like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import pycrdt
from pycrdt import Array, Doc, Map, Text, XmlFragment

from collab.notes.document import EMPTY, no_panic, observed
from collab.notes.fitting import fitted
from collab.notes.likeness import alike_array, alike_children, alike_map, alike_text

_FOR_EVER_MS: Final = 2**40  # All of a burst is taken back in one step.


def doc_of(*updates: bytes, client_id: int | None = None, keeps_all: bool = False) -> Doc[Any]:
    """Return a document of its own. *keeps_all*: deleted content too, as undo needs it.

    Raises:
      DocumentFault: an update cannot be applied.
    """
    with no_panic():
        doc = Doc[Any](client_id=client_id, skip_gc=keeps_all or None)
        for update in updates:
            doc.apply_update(update)
    return doc


def change_to(whole: bytes, wanted: bytes, roots: dict[str, str], pen: int) -> bytes:
    """Return the update by *pen* that makes the document *whole* show what *wanted* shows.

    Args:
      roots: name to kind; those of no known kind are left as they are.

    Raises:
      DocumentFault: a document cannot be built.
    """
    doc, old = doc_of(whole, client_id=pen), doc_of(wanted)

    def rewrite() -> None:
        with doc.transaction():
            for name, kind in roots.items():
                if kind in _ROOTS:
                    shape, alike = _ROOTS[kind]
                    alike(doc.get(name, type=shape), old.get(name, type=shape))

    return _change_of(doc, rewrite)


def undone(
    base: bytes,
    steps: Iterable[tuple[bool, bytes]],
    whole: bytes,
    roots: dict[str, str],
    pen: int,
) -> bytes:
    """Return the update by *pen* that takes back the own ones among *steps*, and no others.

    Args:
      base: The document before the first of *steps*.
      steps: Updates, and whether they are to be taken back, in the order in which they happened.
      whole: The document now.

    Raises:
      DocumentFault: a document cannot be built.
    """
    doc = doc_of(base, client_id=pen, keeps_all=True)
    with no_panic():
        undo = pycrdt.UndoManager(
            scopes=[
                doc.get(name, type=_ROOTS[kind][0])
                for name, kind in roots.items()
                if kind in _ROOTS
            ],
            capture_timeout_millis=_FOR_EVER_MS,
            timestamp=lambda: 1,  # 0 would say that nothing was captured yet.
        )
        undo.include_origin("own")
        for is_own, update in steps:
            with doc.transaction(origin="own" if is_own else "others"):
                doc.apply_update(update)
        with doc.transaction(origin="others"):
            doc.apply_update(whole)
    return _change_of(doc, undo.undo)


def joined(whole: bytes, branch: bytes) -> bytes:
    """Return the document that both make together. Raises: DocumentFault."""
    doc = doc_of(*fitted(whole, branch))
    with no_panic():
        return doc.get_update()


def _change_of(doc: Doc[Any], work: Callable[[], object]) -> bytes:
    """Return what *work* changes in *doc*, in one transaction."""
    updates: list[bytes] = []
    with no_panic(), observed(doc, lambda event: updates.append(event.update)):
        work()
    assert len(updates) <= 1, "one transaction"
    return updates[0] if updates else EMPTY


_ROOTS: Final[Mapping[str, tuple[type[Any], Callable[[Any, Any], None]]]] = MappingProxyType(
    {
        "text": (Text, alike_text),
        "xml": (XmlFragment, alike_children),
        "array": (Array, alike_array),
        "map": (Map, alike_map),
    }
)
