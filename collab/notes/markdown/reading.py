"""Reads a root of a document as a tree, in each of the three shapes that editors use.

::

    plain   text without formatting (CodeMirror, Monaco)      its text is the note, to the letter
    rich    text with formatting and embeds (Quill)           a line's end carries its block's look
    xml     a fragment of elements (ProseMirror, Tiptap)      elements are blocks, formats are marks

The shape is what the content says: a document that was only received does not know the type that
an editor gave a root. What a reader does not know is shown by the words in it, never dropped.
"""

from __future__ import annotations

from typing import Any, Literal

from attrs import frozen
from pycrdt import Doc, Text, XmlElement, XmlText

from collab.notes.markdown.delta import blocks_of_delta
from collab.notes.markdown.elements import blocks_of_elements
from collab.notes.markdown.tree import Block

Shape = Literal["empty", "plain", "rich", "xml"]


@frozen
class Note:
    """One root, read. ``text`` holds a plain root's words to the letter; else it is empty."""

    shape: Shape
    text: str = ""
    blocks: tuple[Block, ...] = ()


def read_note(doc: Doc[Any], root: str) -> Note:
    """Return what *root* of *doc* says; a root that does not exist, or holds no text, is empty."""
    if root not in doc.keys():  # noqa: SIM118 - iterating a Doc is not iterating its keys.
        return Note("empty")
    pieces = doc.get(root, type=Text).diff()
    if any(isinstance(piece, XmlElement | XmlText) for piece, _look in pieces):
        # Words beside elements are shown too, although no editor writes them.
        return Note("xml", blocks=blocks_of_elements([piece for piece, _look in pieces]))
    if not pieces:
        return Note("empty")
    if all(isinstance(piece, str) and not look for piece, look in pieces):
        return Note("plain", text="".join(str(piece) for piece, _look in pieces))
    return Note("rich", blocks=blocks_of_delta(pieces))
