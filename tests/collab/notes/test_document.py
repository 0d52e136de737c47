"""The one place around the CRDT library."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pycrdt
import pytest

from collab.notes.document import EMPTY, SharedDoc
from collab.notes.errors import DocumentFault
from collab.notes.markdown import import_update
from collab.notes.rewriting import change_to
from collab.notes.taking_back import Played, undone
from protocol.yjs import walk
from tests.collab.notes.pad import Editor


def test_an_update_that_does_not_arrive_is_a_fault() -> None:
    """[N3.6] After applying, the clocks of everybody who wrote must have advanced."""
    doc, update = SharedDoc(), Editor(1).write(0, "hello")
    report = walk(update)
    with pytest.raises(DocumentFault, match="did not advance"):
        doc.apply(EMPTY, report, doc.index.plan(report))
    with pytest.raises(DocumentFault):
        doc.apply(b"\xff", report, doc.index.plan(report))


def test_a_document_with_something_held_back_is_never_saved() -> None:
    """[N2.3] What the library holds back it would drop from the encoded state."""
    doc, ann = SharedDoc(), Editor(1)
    ann.write(0, "one")
    doc.take_in(ann.write(3, "two"))  # As if it had been let in, by a bug or a damaged journal.
    doc.index  # noqa: B018 - builds the document
    assert doc.whole() == EMPTY
    with pytest.raises(DocumentFault, match="held back"):
        doc.settle()


def test_reading_one_at_rest_builds_nothing() -> None:
    """[N1.2] The first view of a saved document is its saved bytes."""
    saved = Editor(1)
    saved.write(0, "hello")
    doc = SharedDoc(saved.whole())
    assert doc.whole() is doc.saved
    assert doc.since(b"") is doc.saved
    assert not doc.is_ready
    doc.settle()
    assert doc.saved == saved.whole()


def test_a_cold_document_is_opened_in_slices() -> None:
    """[N1.7] Saved state, replayed updates and index, with turns for others in between."""
    ann = Editor(1)
    doc = SharedDoc()
    for n in range(2_000):
        doc.take_in(ann.write(n, str(n % 10)))
    assert sum(1 for _ in doc.open_steps()) >= 5
    assert doc.is_ready
    assert doc.whole() == ann.whole()


def _documents() -> weakref.WeakSet[pycrdt.Doc[Any]]:
    """Return those that are alive."""
    gc.collect()
    return weakref.WeakSet(one for one in gc.get_objects() if isinstance(one, pycrdt.Doc))


def test_a_document_that_is_dropped_leaves_memory() -> None:
    """[N1.8] Neither an edited document nor a draft is kept alive by what looked at its changes."""
    ann = Editor(1)
    first, second = ann.write(0, "hello"), ann.write(5, " you")
    before = _documents()
    doc = SharedDoc()
    for update in (first, second):
        report = walk(update)
        assert doc.apply(update, report, doc.index.plan(report))
        doc.take_in(update)
    assert change_to(doc.whole(), first, {"t": "text"}, 7) != EMPTY
    assert undone(first, [Played(True, second)], doc.whole(), "t", 8) != EMPTY
    assert import_update(doc.whole(), "t", "else", client_id=9)[1] != EMPTY
    assert _documents() - before
    del doc
    assert not _documents() - before
