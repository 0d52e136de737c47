"""Updates of our own making: from one document to what another one shows.

Everything here works on documents of its own, made from bytes, and never on the live one; so it may
run in a worker thread. What it returns is an ordinary update under one client id (a *pen*), which
is let in, journaled and broadcast like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pycrdt import Array, Doc, Map, Text, XmlFragment

from collab.notes.deletions import deleting
from collab.notes.document import EMPTY, no_panic, observed
from collab.notes.fitting import fitted
from collab.notes.likeness import (
    Unwritable,
    alike_array,
    alike_children,
    alike_map,
    alike_text,
)
from collab.notes.misplaced import Layout, shapes_of
from collab.notes.playing import doc_of, together


def change_to(
    whole: bytes, wanted: bytes, roots: Mapping[str, str], pen: int, *, is_exact: bool = False
) -> bytes:
    """Return the update by *pen* that makes the document *whole* show what *wanted* shows.

    What is misplaced in *whole* stays there, and in *wanted* it is not seen.

    Args:
      roots: name to kind, as first seen.
      is_exact: refuse what would leave something misplaced behind.

    Raises:
      Unwritable: *wanted* holds what cannot be written, or (*is_exact*) something is misplaced.
      DocumentFault: a document cannot be built.
    """
    now, then = Layout(whole), Layout(wanted)
    shapes = shapes_of((now, then), roots)
    strays = now.misplaced(shapes), then.misplaced(shapes)
    if is_exact and any(strays):
        raise Unwritable("something is where no editor puts it")
    doc = doc_of(whole, deleting(strays[0]), client_id=pen)
    old = doc_of(wanted, deleting(strays[1]))

    def rewrite() -> None:
        with doc.transaction():
            for name, kind in shapes.items():
                shape, alike = _ROOTS[kind]
                alike(doc.get(name, type=shape), old.get(name, type=shape))

    return change_of(doc, rewrite)


def joined(whole: bytes, branch: bytes) -> bytes:
    """Return the document that both make together.

    Raises:
      LimitExceeded: it would take for ever.
      DocumentFault: it cannot be built.
    """
    return together(*fitted(whole, branch))


def change_of(doc: Doc[Any], work: Callable[[], object]) -> bytes:
    """Return what *work* changes in *doc*, in one transaction. Raises: DocumentFault."""
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
