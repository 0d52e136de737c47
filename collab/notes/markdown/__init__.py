"""Notes out and in: Markdown, HTML and plain text of a document's root, and Markdown into one.

::

    a root of a Doc  --reading-->  tree  --as_markdown, as_html, as_text-->  words
    Markdown         --parsing-->  tree  --writing-->  a root of a Doc

A plain root (CodeMirror, Monaco) is its text: exports hold it to the letter, and imported
Markdown is put into it as it is. Rich text and XML are read as what they show.
"""

from __future__ import annotations

from typing import Any, Final

from pycrdt import Doc

from collab.notes.markdown.as_html import html_of_blocks, html_of_text, html_page
from collab.notes.markdown.as_markdown import markdown_of_blocks
from collab.notes.markdown.as_text import text_of_blocks
from collab.notes.markdown.parsing import parse_markdown
from collab.notes.markdown.reading import Note, Shape, read_note
from collab.notes.markdown.writing import write_delta, write_elements, write_text

DEFAULT_ROOT: Final = "default"  # What Tiptap and Hocuspocus call theirs.


def main_root(doc: Doc[Any]) -> str:
    """Return the root that is meant when none is named: the only one, or ``default``.

    Of several, the first by name that is not empty.
    """
    roots = sorted(doc.keys())
    if DEFAULT_ROOT in roots:
        return DEFAULT_ROOT
    shown = [root for root in roots if read_note(doc, root).shape != "empty"]
    return (shown or roots or [DEFAULT_ROOT])[0]


def to_markdown(doc: Doc[Any], root: str) -> str:
    """Return *root* as Markdown; a plain root to the letter."""
    note = read_note(doc, root)
    return note.text if note.shape == "plain" else markdown_of_blocks(note.blocks)


def to_html(doc: Doc[Any], root: str) -> str:
    """Return *root* as a fragment of HTML in which nothing can run."""
    note = read_note(doc, root)
    return html_of_text(note.text) if note.shape == "plain" else html_of_blocks(note.blocks)


def to_text(doc: Doc[Any], root: str) -> str:
    """Return the words of *root*; a plain root to the letter."""
    note = read_note(doc, root)
    return note.text if note.shape == "plain" else text_of_blocks(note.blocks)


def from_markdown(doc: Doc[Any], root: str, markdown: str) -> None:
    """Make *markdown* the content of *root*, in the shape that it has, in one transaction.

    A root that is empty becomes an XML fragment, as Tiptap reads it. What is the same before and
    after stays as it is, with its history.

    Raises:
      ValueError: lists and quotes are nested too deeply. Nothing has changed.
    """
    shape = read_note(doc, root).shape
    if shape == "plain":
        write_text(doc, root, markdown)
    elif shape == "rich":
        write_delta(doc, root, parse_markdown(markdown))
    else:
        write_elements(doc, root, parse_markdown(markdown))


__all__ = [
    "DEFAULT_ROOT",
    "Note",
    "Shape",
    "from_markdown",
    "html_page",
    "main_root",
    "read_note",
    "to_html",
    "to_markdown",
    "to_text",
]
