"""Documents of one's own from bytes, for worker threads: built piece by piece.

The CRDT library keeps the interpreter's lock while it applies an update, however long that takes;
between pieces others get their turn. And what takes one moment in the order in which the library
wrote a document down can take for ever in another: whatever is put together here for the first
time has an allowance. See ``loading``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pycrdt
from pycrdt import Doc

from collab.errors import LimitExceeded
from collab.notes.document import OWN_LIMITS, exhaust
from collab.notes.guarding import no_panic
from collab.notes.loading import Allowance, Load, load_steps, weigh
from collab.notes.replaying import Live, replay_steps
from protocol.yjs import UpdateRefused
from protocol.yjs.pieces import Piece, piece_steps


def doc_of(*updates: bytes, client_id: int | None = None, keeps_all: bool = False) -> Doc[Any]:
    """Return a document of *updates*, which together were one before.

    Args:
      keeps_all: deleted content too, as undo needs it.

    Raises:
      DocumentFault: an update cannot be applied.
    """
    with no_panic():
        doc = Doc[Any](client_id=client_id, skip_gc=keeps_all or None)
        for update in updates:
            for piece in pieces_of(update):
                doc.apply_update(piece.update)
    return doc


def pieces_of(update: bytes) -> Iterable[Piece]:
    """Return *update* in pieces; one that is small enough whatever it is, as it is."""
    weight = weigh(update)
    if Load().is_light(weight):
        return [Piece(update, weight.structs + weight.ranges)]
    return exhaust(piece_steps(update, OWN_LIMITS))


def replayed(base: bytes, updates: Iterable[bytes]) -> bytes:
    """Return the state *base* after *updates*, which were applied to it one by one.

    Raises:
      DocumentFault: an update cannot be applied.
    """
    live = Live()
    live.doc, live.load = exhaust(load_steps(base, None))
    exhaust(replay_steps(live, list(updates)))
    with no_panic():
        return live.doc.get_update()


@contextmanager
def within_allowance() -> Iterator[None]:
    """Say so if it is used up. Raises: LimitExceeded."""
    try:
        yield
    except UpdateRefused as refusal:
        raise LimitExceeded(str(refusal)) from None


def together(*updates: bytes) -> bytes:
    """Return the document that *updates* make, which were never put together before.

    Raises:
      LimitExceeded: too many changes cross at one place.
      DocumentFault: an update cannot be applied.
    """
    with no_panic():
        both = pycrdt.merge_updates(*updates)
    with within_allowance():
        doc, _load = exhaust(load_steps(both, Allowance()))
    with no_panic():
        return doc.get_update()
