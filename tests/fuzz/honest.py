"""Editors of honest people: real documents of their own, edited at random, in all shared types.

What they send depends on the seed alone. The library keeps looks and attributes in tables whose
order differs from run to run, and writes what it finds in that order: so no single call here gives
it two looks, or two new keys, to write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Final

import pycrdt

from collab.notes.document import observed

WORDS: Final = ("a", "é", "🙂", "word ", "\n", "some more words, ", "한글")
_LOOKS: Final[Sequence[dict[str, Any]]] = (
    {"bold": True},
    {"bold": None},
    {"link": {"href": "x"}},
    {"link": None},
)
PLACES_MAX: Final = 400  # A text longer than that is cut, so that rounds stay quick.
CLIENT_ID_MAX: Final = 2**32


class Editor:
    """One client's document; ``sent`` are its own updates that nobody has taken yet.

    It is observed only while it is edited, so that thousands of them leave memory.
    """

    def __init__(self, client_id: int) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
        self.sent: list[bytes] = []

    def take(self, update: bytes) -> bool:
        """Apply what others wrote; return False if the editor broke.

        In what an attacker wrote the library may look for a neighbour that comes later, and divide
        by zero when it has a single character of that client. It depends on what a client has
        already; the server takes every update at once, and a panic there is a finding.
        """
        with _breaking() as broke:
            self.doc.apply_update(update)
        return not broke

    def everything(self) -> bytes | None:
        """Return all that it has; None if the editor broke, see :meth:`take`.

        A character that the server has cut in two it holds whole, and what builds on its second
        half breaks it. Our own client is told of cuts (``notes.halved``) and builds its document
        anew; Yjs cuts by itself.
        """
        with _breaking() as broke:
            whole = self.doc.get_update()
        return None if broke else whole

    @property
    def text(self) -> pycrdt.Text:
        text: pycrdt.Text = self.doc.get("t", type=pycrdt.Text)
        return text


def new_editor(rng: Random, whole: bytes) -> Editor:
    """Return an editor who has just opened the document *whole*."""
    editor = Editor(rng.randrange(1_000, CLIENT_ID_MAX))
    editor.take(whole)
    return editor


def scribble(rng: Random, editor: Editor) -> bool:
    """Make one edit of a text, a list, a map or a tree; return False if the editor broke.

    The library's typed access to a document fails where an attacker put what does not belong there
    (words among list items). That is trouble of a client which reads; its document is dropped.
    """
    edit = rng.choice((_write, _write, _write, _draw, _note, _list))
    with _breaking() as broke, observed(editor.doc, lambda event: editor.sent.append(event.update)):
        edit(rng, editor)
    return not broke


@contextmanager
def _breaking() -> Iterator[list[BaseException]]:
    """Catch what the library raises, panics too, into the list that the block gets."""
    broke: list[BaseException] = []
    try:
        yield broke
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        broke.append(error)


def _places(text: pycrdt.Text | pycrdt.XmlText) -> list[int]:
    """Return the offsets, in bytes, between characters; what is embedded counts as one."""
    places, at = [0], 0
    for part, _looks in text.diff():
        for character in part if isinstance(part, str) else " ":
            at += len(character.encode())
            places.append(at)
    return places


def _write(rng: Random, editor: Editor) -> None:
    text = editor.text
    places = _places(text)
    if len(places) > PLACES_MAX:
        del text[places[0] : places[PLACES_MAX // 2]]
        return
    first = rng.randrange(len(places))
    last = min(len(places) - 1, first + rng.randrange(1, 6))
    match rng.randrange(8):
        case 0 | 1 if last > first:
            del text[places[first] : places[last]]
        case 2 if last > first:
            text.format(places[first], places[last], rng.choice(_LOOKS))
        case 3:
            text.insert_embed(places[first], {"image": rng.random()})
        case _:
            _type(text, places[first], rng.choice(WORDS), rng.choice((None, None, *_LOOKS)))


def _type(text: pycrdt.Text, at: int, words: str, looks: dict[str, Any] | None) -> None:
    """Insert *words*, and give them *looks*, in one transaction.

    Inserted with their looks at once, they would have all others around them ended as well.
    """
    with text.doc.transaction():
        text.insert(at, words)
        if looks is not None:
            text.format(at, at + len(words.encode()), looks)


def _holds_words(editor: Editor, root: str) -> bool:
    """Say whether an attacker put words among the items of *root*.

    The library never comes back from some of them. That hangs whoever edits with it, not the
    server, which only applies and encodes; so honest editors stay away.
    """
    as_text: pycrdt.Text = editor.doc.get(root, type=pycrdt.Text)
    return any(isinstance(part, str) for part, _looks in as_text.diff())


def _draw(rng: Random, editor: Editor) -> None:
    if _holds_words(editor, "x"):
        return
    tree: pycrdt.XmlFragment = editor.doc.get("x", type=pycrdt.XmlFragment)
    count = len(tree.children)
    if count and rng.random() < 0.3:
        del tree.children[rng.randrange(count)]
        return
    child = tree.children[rng.randrange(count)] if count else None
    if isinstance(child, pycrdt.XmlElement) and rng.random() < 0.5:
        child.attributes[rng.choice("ab")] = rng.choice(WORDS)
        child.children.insert(0, pycrdt.XmlText(rng.choice(WORDS)))
        return
    element = pycrdt.XmlElement("p", {"n": "1"}, [pycrdt.XmlText(rng.choice(WORDS))])
    tree.children.insert(rng.randint(0, count), element)


def _note(rng: Random, editor: Editor) -> None:
    entries: pycrdt.Map[Any] = editor.doc.get("m", type=pycrdt.Map)
    key = rng.choice("abc")
    if key in entries and rng.random() < 0.2:
        del entries[key]
        return
    entries[key] = rng.choice((1, None, "é", [1, {"k": []}], pycrdt.Map({"in": pycrdt.Text("z")})))


def _list(rng: Random, editor: Editor) -> None:
    if _holds_words(editor, "a"):
        return
    items: pycrdt.Array[Any] = editor.doc.get("a", type=pycrdt.Array)
    count = len(items)
    if count and rng.random() < 0.4:
        del items[rng.randrange(count)]
        return
    items.insert(rng.randint(0, count), rng.choice((1, "s", True, pycrdt.Array([1, 2]))))
