"""Undo: the update that takes back some of a document's changes, and no others.

The CRDT library does it, in a document of its own that keeps what was deleted: everything that is
to be taken back is played as one step of its undo, everything else between as others' work. No
shared type is read for it. So it also brings a document back to an earlier moment, all changes
since taken back, where that cannot be read as what it is (``misplaced``) or not be written anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import pycrdt
from pycrdt import Doc, Text

from collab.notes.blocks import Block, read_blocks
from collab.notes.document import no_panic
from collab.notes.errors import DocumentFault
from collab.notes.loading import Allowance
from collab.notes.playing import doc_of, pieces_of, within_allowance
from collab.notes.rewriting import change_of
from protocol.yjs.reader import varuint

_FOR_EVER_MS: Final = 2**40  # All is taken back in one step.


class Played(NamedTuple):
    """One change of the document, in the order in which they happened."""

    is_taken_back: bool
    update: bytes


def undone(
    base: bytes, steps: Sequence[Played], whole: bytes, roots: Iterable[str], pen: int
) -> bytes:
    """Return the update by *pen* that takes back those of *steps* that are to be.

    Args:
      base: The document before the first of *steps*.
      whole: The document now.
      roots: Those in which anything is taken back.

    Raises:
      LimitExceeded: played one by one, they would take for ever.
      DocumentFault: a document cannot be built.
    """
    try:
        return _undone(base, steps, whole, roots, pen)
    except DocumentFault:
        # In the live document a child of deleted words was collected with them. Here they are
        # kept, and the library refuses a parent that is no shared type.
        return _undone(base, list(_without_strays(base, steps)), whole, roots, pen)


def _undone(
    base: bytes, steps: Sequence[Played], whole: bytes, roots: Iterable[str], pen: int
) -> bytes:
    doc, later = _begun(base, steps, pen)
    allowance = Allowance()
    with no_panic():
        undo = pycrdt.UndoManager(
            # Any type will do: what a root is was never said.
            scopes=[doc.get(name, type=Text) for name in roots],
            capture_timeout_millis=_FOR_EVER_MS,
            timestamp=lambda: 1,  # 0 would say that nothing was captured yet.
        )
        undo.include_origin("taken back")
        for is_taken_back, update in later:
            origin = "taken back" if is_taken_back else "kept"
            for piece in pieces_of(update):
                started = allowance.clock()
                with doc.transaction(origin=origin):
                    doc.apply_update(piece.update)
                with within_allowance():
                    allowance.spend(allowance.clock() - started, piece.weight)
        with doc.transaction(origin="kept"):
            doc.apply_update(whole)
    return change_of(doc, undo.undo)


def _begun(base: bytes, steps: Sequence[Played], pen: int) -> tuple[Doc[Any], Sequence[Played]]:
    """Return the document before the first step that is to be taken back, and those from it on."""
    count = next((n for n, step in enumerate(steps) if step.is_taken_back), len(steps))
    with no_panic():
        both = pycrdt.merge_updates(base, *(step.update for step in steps[:count]))
    return doc_of(both, client_id=pen, keeps_all=True), steps[count:]


def _without_strays(base: bytes, steps: Iterable[Played]) -> Iterator[Played]:
    """Yield *steps* with garbage in the place of whatever lies in what is no shared type."""
    types = {(block.client, block.clock) for block in read_blocks(base) if block.is_type}
    for is_taken_back, update in steps:
        blocks = list(read_blocks(update))
        types.update((block.client, block.clock) for block in blocks if block.is_type)
        strays = [
            block
            for block in blocks
            if isinstance(block.parent, tuple) and block.parent not in types
        ]
        yield Played(is_taken_back, _collected(update, strays) if strays else update)


def _collected(update: bytes, blocks: Sequence[Block]) -> bytes:
    """Return *update* with garbage in the place of *blocks*, which are in its order."""
    out, at = bytearray(), 0
    for block in blocks:
        out += update[at : block.start] + b"\0" + varuint(block.length)
        at = block.end
    return bytes(out + update[at:])
