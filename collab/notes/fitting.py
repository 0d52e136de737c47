"""Updates that cut characters of a document in two, made to fit it. See ``halving`` for why.

::

    cuts_of(doc, report)     which characters the update cuts: of the document, or of itself
    fit_steps(...)           the document and the update as Yjs would have them, side by side
    fitted(whole, update)    the same from bytes, for documents that nobody has open

The document that results is another one, built anew: the caller puts it in the place of the old
one together with the update, or drops it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

import pycrdt
from attrs import frozen

from collab.notes.document import OWN_LIMITS, SharedDoc
from collab.notes.guarding import no_panic, own_bytes
from collab.notes.halving import grouped, halve, halve_steps, may_be_cut
from protocol.yjs import Id, NestingIndex, UpdateReport, walk, walk_steps

T = TypeVar("T")


@frozen
class Fitted:
    """An update that cuts characters, and the document that it can be applied to."""

    seq: int  # Of the event after which the document was like this.
    cuts: list[Id]
    doc: SharedDoc
    update: bytes
    report: UpdateReport


def cuts_of(doc: SharedDoc, report: UpdateReport) -> list[Id]:
    """Return the characters that an update, which says what *report* tells, cuts; mostly none.

    An update that builds on what is not here is not looked at: it is refused anyway.
    """
    index = doc.index
    if not (report.halves or index.has_halves) or report.missing_from(doc.clocks):
        return []
    return index.cuts(report)


def fit_steps(
    seq: int, doc: SharedDoc, update: bytes, cuts: list[Id]
) -> Generator[None, None, Fitted]:
    """Build what :class:`Fitted` says, in slices of at most about 2 ms.

    Raises:
      UpdateRefused: *update* cannot be read.
      DocumentFault: it cannot be built.
    """
    by_client = grouped(cuts)
    with own_bytes():
        halved = SharedDoc((yield from halve_steps(doc.whole(), by_client)))
        yield from halved.open_steps()
    fitting = yield from halve_steps(update, by_client)
    return Fitted(seq, cuts, halved, fitting, (yield from walk_steps(fitting)))


def fitted(whole: bytes, update: bytes) -> tuple[bytes, bytes]:
    """Return *whole*, and what *update* adds to it, so that the CRDT library can put them together.

    Raises:
      UpdateRefused: *update* is none that the document could bear.
      DocumentFault: *whole* cannot be read.
    """
    if not (may_be_cut(whole) or may_be_cut(update)):
        return whole, update
    index = NestingIndex()
    with own_bytes():
        index.commit(index.plan(walk(whole, OWN_LIMITS)))
    cuts = grouped(index.cuts(walk(update, OWN_LIMITS)))
    with no_panic():
        # What both have may read differently, see ``replaying.Part``.
        return halve(whole, cuts), pycrdt.get_update(halve(update, cuts), pycrdt.get_state(whole))


def exhaust(steps: Generator[None, None, T]) -> T:
    """Return what *steps* returns, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
