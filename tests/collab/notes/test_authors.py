"""Who wrote which passage."""

from __future__ import annotations

import random
from typing import Any

import pycrdt
import pytest

from collab.notes.authors import passages_of
from collab.notes.commands import NotesAuthors
from tests.collab.notes.pad import Editor, PadStage


def _spelled(shown: Any) -> list[tuple[str, str]]:
    """Return the passages as (user, words)."""
    text = shown["text"]
    return [(p["user"], text[p["start"] : p["end"]]) for p in shown["passages"]]


async def test_every_passage_has_its_author() -> None:
    """[N5.1] In code points; what is deleted is nobody's; neighbours of one author are one."""
    pad, ann, ben = PadStage(), Editor(1), Editor(2)
    pad.edit("ann", ann.write(0, "héllo 🙂 world"))
    ben.take(pad.whole)
    pad.edit("ben", ben.write(len("héllo ".encode()), "BEN"))
    ann.take(pad.whole)
    pad.edit("ann", ann.delete(0, len("hé".encode())))
    pad.edit("ann", ann.write(0, "x"))
    shown = await pad.look("eve", NotesAuthors(root="t"))
    assert shown["text"] == pad.text() == "xllo BEN🙂 world"
    assert _spelled(shown) == [("ann", "xllo "), ("ben", "BEN"), ("ann", "🙂 world")]
    assert (await pad.look("eve", NotesAuthors(root="other")))["passages"] == []


async def test_rich_text_has_authors_too() -> None:
    """[N5.1] Words of XML, in document order; every element with words ends a line."""
    pad, ann, ben = PadStage(), Editor(1), Editor(2)
    root: pycrdt.XmlFragment = ann.doc.get("x", type=pycrdt.XmlFragment)
    with ann.doc.transaction():
        for words in ("one", "two"):
            root.children.append(pycrdt.XmlElement("p", {"a": "b"}, [pycrdt.XmlText(words)]))
    pad.edit("ann", ann.sent.pop())
    ben.take(pad.whole)
    theirs: pycrdt.XmlFragment = ben.doc.get("x", type=pycrdt.XmlFragment)
    paragraph = theirs.children[0]
    assert isinstance(paragraph, pycrdt.XmlElement)
    text = paragraph.children[0]
    assert isinstance(text, pycrdt.XmlText)
    text.insert(3, "!", {"bold": {}})
    pad.edit("ben", ben.sent.pop())
    shown = await pad.look("eve", NotesAuthors(root="x"))
    assert shown["text"] == "one!\ntwo"
    assert _spelled(shown) == [("ann", "one"), ("ben", "!"), ("ann", "two")]


@pytest.mark.parametrize("seed", range(30))
def test_the_order_of_passages_is_the_librarys_own(seed: int) -> None:
    """[N5.2] Concurrent inserts and deletions of four editors: the text is theirs to the letter."""
    rng = random.Random(seed)
    editors = {client: Editor(client) for client in (7, 3, 11, 5)}
    wrote = {7: "a", 3: "b", 11: "c", 5: "é"}
    for _ in range(60):
        client, editor = rng.choice(list(editors.items()))
        text = str(editor.text)
        if text and rng.random() < 0.25:
            at = rng.randrange(len(text))
            start, stop = len(text[:at].encode()), len(text[: at + 1].encode())
            editor.delete(start, stop)
        else:
            at = rng.randint(0, len(text))
            editor.write(len(text[:at].encode()), wrote[client] * rng.randint(1, 3))
        if rng.random() < 0.3:
            editor.take(rng.choice(list(editors.values())).whole())
    whole = Editor(99)
    for editor in editors.values():
        whole.take(editor.whole())
    shown = passages_of(whole.whole(), "t", wrote)
    assert shown["text"] == str(whole.text)
    for passage in shown["passages"]:
        assert set(shown["text"][passage["start"] : passage["end"]]) == {passage["user"]}
