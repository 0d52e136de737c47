"""Making one document like another."""

from __future__ import annotations

import random
from types import MappingProxyType
from typing import Any, Final

import pycrdt
import pytest
from pycrdt import Array, Map, Text, XmlElement, XmlFragment, XmlText

from collab.notes.likeness import sign_of
from collab.notes.playing import doc_of
from collab.notes.rewriting import change_to

ROOTS: Final = MappingProxyType({"t": "text", "x": "xml", "m": "map", "a": "array"})
SHAPES: Final = MappingProxyType({"t": Text, "x": XmlFragment, "m": Map, "a": Array})


def _shown(state: bytes) -> list[str]:
    doc = doc_of(state)
    return [sign_of(doc.get(name, type=shape)) for name, shape in SHAPES.items()]


def _edit_text(rng: random.Random, text: Text) -> None:
    cells = [words for words, _ in text.diff() for words in words]
    if any(not isinstance(cell, str) for cell in cells):
        return
    words = "".join(cells)
    at = rng.randint(0, len(words))
    start = len(words[:at].encode())
    if rng.random() < 0.25 and at < len(words):
        del text[start : start + len(words[at].encode())]
    else:
        look = rng.choice((None, {}, {"bold": True}, {"link": {"href": "u"}}))
        text.insert(start, rng.choice(("é", "abc\n", "x", "🙂")), look)


def _edit_tree(rng: random.Random, tree: XmlFragment) -> None:
    count = len(tree.children)
    if count and rng.random() < 0.5:
        at = rng.randrange(count)
        element = tree.children[at]
        assert isinstance(element, XmlElement)
        if rng.random() < 0.3:
            del tree.children[at]
            return
        element.attributes["level"] = str(rng.random())
        words = element.children[0]
        assert isinstance(words, XmlText)
        words.insert(0, "+", {"em": {}})
        return
    deep = XmlElement("b", {}, [XmlText("deep")])
    fresh = XmlElement(rng.choice("pq"), {"a": "1"}, [XmlText("one"), deep])
    tree.children.insert(rng.randint(0, count), fresh)


def _edit(rng: random.Random, doc: pycrdt.Doc[Any]) -> None:
    kind = rng.randrange(8)
    if kind < 3:
        _edit_text(rng, doc.get("t", type=Text))
    elif kind < 6:
        _edit_tree(rng, doc.get("x", type=XmlFragment))
    elif kind == 6:
        values = (1, "s", None, Map({"z": Array([1])}), Array([Text("q")]))
        doc.get("m", type=Map)[rng.choice("abc")] = rng.choice(values)
    else:
        items = doc.get("a", type=Array)
        items.insert(rng.randint(0, len(items)), rng.choice((1.5, "w", Map({"k": 2}))))


@pytest.mark.parametrize("seed", range(30))
def test_any_document_is_made_like_any_earlier_one(seed: int) -> None:
    """[N5.8] Text with looks, elements with attributes, nested maps and lists: by one update."""
    rng = random.Random(seed)
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
    states = [doc.get_update()]
    for _ in range(30):
        _edit(rng, doc)
        states.append(doc.get_update())
    for wanted in rng.sample(states, 3):
        update = change_to(states[-1], wanted, dict(ROOTS), pen=77)
        assert _shown(doc_of(states[-1], update).get_update()) == _shown(wanted)


def test_what_is_alike_is_not_touched() -> None:
    """[N5.8] A change in one line leaves the other lines to their authors."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
    text: Text = doc.get("t", type=Text)
    text.insert(0, "".join(f"line {n}\n" for n in range(500)))
    before = doc.get_update()
    text.insert(len("line 0\nline "), "!")
    update = change_to(doc.get_update(), before, {"t": "text"}, pen=77)
    assert len(update) < 20


def test_embedded_values_come_back() -> None:
    """[N5.8] Images and shared types within a text."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
    text: Text = doc.get("t", type=Text)
    text.insert(0, "ab")
    text.insert_embed(1, {"image": "x"}, {"width": 3})
    text.insert_embed(1, Map({"k": Array([1])}))
    before = doc.get_update()
    del text[0:4]
    update = change_to(doc.get_update(), before, {"t": "text"}, pen=77)
    assert _shown(doc_of(doc.get_update(), update).get_update()) == _shown(before)
