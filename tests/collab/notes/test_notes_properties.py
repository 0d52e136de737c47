"""Whatever the order, duplication and splitting of updates, whenever it crashes: one document."""

from __future__ import annotations

import random
from typing import Any

import pycrdt
import pytest

from collab.errors import CollabError
from collab.notes.errors import NotesMissingHistory
from tests.collab.notes.pad import Editor, PadStage, reader_of

_USERS = ("ann", "ben", "cyd")
_WORDS = ("a", "é", "🙂", "word ", "\n")


def _scribble(rng: random.Random, editor: Editor) -> None:
    """Make one edit of text, XML or a map."""
    kind = rng.randrange(10)
    if kind < 6:
        text = str(editor.text)
        at = rng.randint(0, len(text))
        start = len(text[:at].encode())
        if text and rng.random() < 0.3:
            end = min(len(text), at + rng.randint(1, 4))
            if end > at:
                del editor.text[start : len(text[:end].encode())]
            return
        look = rng.choice((None, {"bold": True}))
        editor.text.insert(start, rng.choice(_WORDS), look)
    elif kind < 8:
        root: pycrdt.XmlFragment = editor.doc.get("x", type=pycrdt.XmlFragment)
        if len(root.children) and rng.random() < 0.3:
            del root.children[rng.randrange(len(root.children))]
        else:
            element = pycrdt.XmlElement("p", {"n": "1"}, [pycrdt.XmlText(rng.choice(_WORDS))])
            root.children.insert(rng.randint(0, len(root.children)), element)
    else:
        entries: pycrdt.Map[object] = editor.doc.get("m", type=pycrdt.Map)
        entries[rng.choice("abc")] = rng.choice((1, "s", pycrdt.Array([1, 2])))


def _shown(doc: pycrdt.Doc[Any]) -> tuple[str, str, str]:
    tree: pycrdt.XmlFragment = doc.get("x", type=pycrdt.XmlFragment)
    entries: pycrdt.Map[object] = doc.get("m", type=pycrdt.Map)
    return (
        str(doc.get("t", type=pycrdt.Text)),
        str(tree),
        repr(sorted((entries.to_py() or {}).items())),
    )


def _held(pad: PadStage) -> tuple[object, ...]:
    """Return what the server's document shows, and its clocks.

    Not its bytes: how deleted content is written down depends on what was collected when.
    """
    return *_shown(reader_of(pad.whole)), dict(pad.state.notes.doc.clocks)


def _deliver(rng: random.Random, pad: PadStage, who: str, editor: Editor, update: bytes) -> None:
    """Send an update, perhaps twice; do as a client does when history is missing."""
    for _ in range(rng.choice((1, 1, 2))):
        try:
            pad.edit(who, update)
        except NotesMissingHistory:
            pad.edit(who, editor.whole())


@pytest.mark.parametrize("seed", range(25))
def test_any_order_duplication_and_splitting_converges_across_crashes(seed: int) -> None:
    """[N1.1] Three editors, a server that crashes and restarts: the same document everywhere."""
    rng = random.Random(seed)
    pad = PadStage()
    editors = {who: Editor(n + 1) for n, who in enumerate(_USERS)}
    for _ in range(80):
        who, editor = rng.choice(list(editors.items()))
        _scribble(rng, editor)
        if rng.random() < 0.4:
            waiting = editor.sent
            if rng.random() < 0.3:
                waiting = [pycrdt.merge_updates(*waiting)] if waiting else []
            rng.shuffle(waiting)
            for update in waiting:
                _deliver(rng, pad, who, editor, update)
            editor.sent.clear()
        if rng.random() < 0.3:
            editor.take(pad.state.notes.doc.since(editor.doc.get_state()))
        if rng.random() < 0.1:
            before = _held(pad)
            rng.choice((pad.crash, pad.restart))()
            assert _held(pad) == before
    for who, editor in editors.items():
        pad.edit(who, editor.whole())
    for editor in editors.values():
        editor.take(pad.whole)
    assert {_shown(editor.doc) for editor in editors.values()} == {_shown(reader_of(pad.whole))}
    held = _held(pad)
    pad.crash()
    assert _held(pad) == held


@pytest.mark.parametrize("seed", range(25))
def test_damaged_updates_never_harm_the_document(seed: int) -> None:
    """[N3.8] Bytes changed, ends cut: refused or applied whole, and the journal replays to it."""
    rng = random.Random(1000 + seed)
    pad, ann, ben = PadStage(), Editor(1), Editor(2)
    for _ in range(120):
        who, editor = rng.choice((("ann", ann), ("ben", ben)))
        editor.take(pad.whole)
        _scribble(rng, editor)
        for update in editor.sent:
            pad.edit(who, update)
            damaged = bytearray(update)
            for _ in range(rng.randint(1, 3)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            try:
                pad.edit("eve", bytes(damaged[: rng.choice((None, rng.randrange(len(damaged))))]))
            except CollabError:
                continue
        editor.sent.clear()
    held = _held(pad)
    pad.crash()
    assert _held(pad) == held
    pad.restart()
    assert pad.state.notes.doc.index.state == pad.state.notes.doc.clocks, "it can be built again"
    assert _held(pad) == held
