"""Documents in which something is where no editor puts it are read and restored all the same."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

import pytest
from pycrdt import Array, Map, Text, XmlElement, XmlFragment, XmlText

from collab.errors import Conflict
from collab.limits import NOTES_UNDO_PAUSE_MS
from collab.notes.commands import (
    ExportNotes,
    GetBranch,
    ImportNotes,
    MergeBranch,
    NotesAt,
    RestoreNotes,
    UndoNotes,
)
from collab.notes.errors import NotesForeignClient
from collab.notes.misplaced import Layout, shapes_of
from protocol.yjs.reader import varstring
from tests.collab.notes.pad import Editor, PadStage, reader_of
from tests.protocol.yjs import building as b

NULL: Final = b"\x7e"
EVE: Final = 66
BOLD: Final = varstring("bold") + varstring("true")
MARK: Final = 6

# What Eve puts, and what root it goes into. A paragraph's id is (1, 0).
STRAYS: Final = MappingProxyType(
    {
        "an emoji in a list": b.text("x😀y", parent="a"),
        "words in a list": b.text("xy", parent="a"),
        "a mark in a list": b.item(BOLD, kind=MARK, parent="a"),
        "a value in a text": b.values(NULL, parent="t"),
        "bytes in a text": b.item(varstring("abc"), kind=3, parent="t"),
        "a mark in a map": b.item(BOLD, kind=MARK, parent="m", key="k"),
        "a value among elements": b.values(NULL, parent="x"),
        "words among elements": b.text("x😀y", parent="x"),
        "a map among elements": b.shared(1, parent="x"),
        "a value in an element": b.values(NULL, parent=(1, 0)),
        "an emoji in an element": b.text("x😀y", parent=(1, 0)),
        "a text in an element": b.shared(2, parent=(1, 0)),
        "a mark as an attribute": b.item(BOLD, kind=MARK, parent=(1, 0), key="k"),
        "words as an attribute": b.text("w", parent=(1, 0), key="k"),
        "an element in a text": b.shared(3, "p", parent="t"),
        "an element in a list": b.shared(3, "p", parent="a"),
        "a text in a map": b.shared(6, parent="m", key="k"),
        "a list where a map is": b.values(NULL, parent="m"),
    }
)


ROOTS: Final = MappingProxyType({"t": "text", "x": "xml", "a": "array", "m": "map"})


def _pad() -> tuple[PadStage, Editor]:
    """Return a pad with all shared types, and who wrote it: first a paragraph, with id (1, 0)."""
    pad, ann = PadStage(), Editor(1)
    tree: XmlFragment = ann.doc.get("x", type=XmlFragment)
    tree.children.append(XmlElement("p", {}, [XmlText("par")]))
    ann.text.insert(0, "héllo 🙂 wörld")
    ann.doc.get("a", type=Array).extend([1, "two", Map({"k": 3})])
    ann.doc.get("m", type=Map)["key"] = "value"
    for update in ann.sent:
        pad.edit("ann", update)
    ann.sent.clear()
    pad.now_ms += NOTES_UNDO_PAUSE_MS + 1
    return pad, ann


def _seen(update: bytes) -> list[str]:
    """Return what the roots read. Of a list only the beginning: strays can end a reading."""
    doc = reader_of(update)
    text: Text = doc.get("t", type=Text)
    items: Array[Any] = doc.get("a", type=Array)
    tree: XmlFragment = doc.get("x", type=XmlFragment)
    entries: Map[Any] = doc.get("m", type=Map)
    return [str(text), str(tree), str(entries), str(items[0]), str(items[1])]


@pytest.mark.parametrize("what", STRAYS)
async def test_whatever_stands_where_it_does_not_belong_can_be_restored_away(what: str) -> None:
    """[N5.12] The document is what it was, to the letter; and the restore can be undone."""
    pad, ann = _pad()
    seq, before = pad.seq, _seen(pad.whole)
    pad.edit("eve", b.one(STRAYS[what], client=EVE))
    pad.edit("ann", ann.write(0, "more "))
    await pad.act("ann", RestoreNotes(seq=seq))
    assert _seen(pad.whole) == before
    assert not Layout(pad.whole).misplaced(ROOTS)
    await pad.act("ann", UndoNotes())
    assert _seen(pad.whole)[0].startswith("more ")
    await pad.act("ann", UndoNotes())
    assert not _seen(pad.whole)[0].startswith("more ")


@pytest.mark.parametrize("what", STRAYS)
async def test_a_document_is_shown_and_changed_whatever_stands_in_it(what: str) -> None:
    """[N5.13] Exports, moments, imports and merges see what readers can see, and no word less."""
    pad, ann = _pad()
    lost = Editor(1)  # What Ann wrote, and the server forgot.
    lost.take(ann.whole())
    pad.edit("eve", b.one(STRAYS[what], client=EVE))
    for root in "txam":
        for form in ("markdown", "html", "text"):
            await pad.look("ann", ExportNotes(root=root, format=form))
    shown = await pad.look("ann", ExportNotes(root="x", format="text"))
    assert "par" in shown["content"]
    if what == "words among elements":
        assert "x😀y" in shown["content"]
    assert "wörld" in (await pad.look("ann", NotesAt(seq=pad.seq)))["text"]["t"]
    lost.take(lost.write(0, "lost "))
    with pytest.raises(NotesForeignClient):
        pad.edit("ben", lost.whole())
    (branch_id,) = pad.state.notes.branches
    seen = await pad.look("ben", GetBranch(id=branch_id))
    assert seen["text"]["t"].startswith("lost ")
    await pad.act("ben", MergeBranch(id=branch_id))
    assert _seen(pad.whole)[0].startswith("lost héllo")
    for root in "tx":
        await pad.act("ann", ImportNotes(markdown="héllo\n", root=root))
        shown = await pad.look("ann", ExportNotes(root=root, format="text"))
        assert "héllo" in shown["content"]


async def test_what_the_library_cannot_write_anew_is_brought_back_by_undoing() -> None:
    """[N5.12] An element in a map, a fragment in a text: editors may have put them there."""
    pad, ann = _pad()
    structs = (
        b.shared(3, "p", parent="m", key="el"),
        b.shared(6, parent=(EVE, 0)),
        b.text("words", parent=(EVE, 1)),
        b.shared(4, parent="t"),
        b.shared(6, parent=(EVE, 7)),
        b.text("more words", parent=(EVE, 8)),
    )
    pad.edit("eve", b.update(b.section(EVE, 0, *structs)))
    seq, before = pad.seq, _words(pad.whole)
    assert before == ["<p>words</p>", "more words"]
    pad.edit("eve", b.update(deletes=[b.deletions(EVE, (0, 1), (7, 1))]))
    assert _words(pad.whole) == []
    pad.edit("ann", ann.write(0, "on "))
    await pad.act("ann", RestoreNotes(seq=seq))
    assert _words(pad.whole) == before
    assert not pad.text().startswith("on ")
    await pad.act("ann", UndoNotes())
    assert _words(pad.whole) == []


def _words(update: bytes) -> list[str]:
    doc = reader_of(update)
    entries: Map[Any] = doc.get("m", type=Map)
    text: Text = doc.get("t", type=Text)
    found = [str(entries[key]) for key in entries.keys() if key == "el"]  # noqa: SIM118
    return found + [str(part) for part, _ in text.diff() if isinstance(part, XmlFragment)]


async def test_a_branch_that_cannot_be_written_is_refused_and_stays() -> None:
    """[N5.13] Never a crash: who merges it is told, and nothing is lost."""
    pad, ann = _pad()
    lost = Editor(1)
    lost.take(ann.whole())
    clock = pad.state.notes.doc.clocks[1]
    lost.take(b.one(b.shared(3, "p", parent="m", key="el"), client=1, clock=clock))
    with pytest.raises(NotesForeignClient):
        pad.edit("ben", lost.whole())
    (branch_id,) = pad.state.notes.branches
    before = pad.whole
    with pytest.raises(Conflict, match="cannot be written"):
        await pad.act("ben", MergeBranch(id=branch_id))
    assert pad.whole == before
    assert branch_id in pad.state.notes.branches


def test_no_word_of_an_honest_text_is_misplaced() -> None:
    """[N5.14] What a root is its content tells, if its first child misled."""

    def shape(kind: str, *structs: bytes) -> str:
        layout = Layout(b.update(b.section(1, 0, *structs)))
        return shapes_of([layout], {"t": kind})["t"]

    element, map_, words = b.shared(3, "p"), b.shared(1), b.text("w")
    assert shape("array", map_) == "array"
    assert shape("array", map_, words) == "text"
    assert shape("xml", element) == "xml"
    assert shape("xml", element, words) == "text"
    assert shape("map", b.values(NULL, key="k"), words) == "text"
    assert shape("map", b.values(NULL, key="k"), element) == "xml"
    assert shape("", b.values(NULL)) == "array"
    assert shape("text", words, b.values(NULL)) == "text"
    assert shape("array", b.values(NULL), words) == "array", "an attacker's words"
