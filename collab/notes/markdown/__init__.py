"""Notes out and in: Markdown, HTML and plain text of a document's root, and Markdown into one.

::

    a root of a Doc  --reading-->  tree  --as_markdown, as_html, as_text-->  words
    Markdown         --parsing-->  tree  --writing-->  a root of a Doc

A plain root (CodeMirror, Monaco) is its text: exports hold it to the letter, and imported
Markdown is put into it as it is. Rich text and XML are read as what they show.

A long note takes long (100,000 characters: 0.1 to 0.3 s), so servers call :func:`export_state` and
:func:`import_update` in a worker thread: they work on bytes and on a document of their own.
"""

from __future__ import annotations

from typing import Any, Final, Literal, assert_never

from pycrdt import Doc

from collab.notes.document import observed
from collab.notes.markdown.as_html import html_of_blocks, html_of_text, html_page
from collab.notes.markdown.as_markdown import markdown_of_blocks
from collab.notes.markdown.as_text import text_of_blocks
from collab.notes.markdown.parsing import parse_markdown
from collab.notes.markdown.reading import Note, Shape, read_note
from collab.notes.markdown.writing import write_delta, write_elements, write_text
from collab.notes.misplaced import readable

Format = Literal["markdown", "html", "text"]

DEFAULT_ROOT: Final = "default"  # What Tiptap and Hocuspocus call theirs.
NOTHING: Final = b"\x00\x00"  # The update that changes nothing.


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


def export_state(state: bytes, root: str | None, form: Format) -> str:
    """Return a root of the document with the whole *state* (an update), as :func:`to_markdown` etc.

    Args:
      root: None means :func:`main_root`.

    Raises:
      DocumentFault: the document cannot be built.
    """
    doc = readable(state, is_judging_roots=False)
    root = main_root(doc) if root is None else root
    if form == "markdown":
        return to_markdown(doc, root)
    if form == "html":
        return to_html(doc, root)
    if form == "text":
        return to_text(doc, root)
    assert_never(form)


def import_update(
    state: bytes, root: str | None, markdown: str, *, client_id: int
) -> tuple[str, bytes]:
    """Return the root that was meant, and the update by *client_id* that puts *markdown* into it.

    Raises:
      ValueError: see :func:`from_markdown`.
      DocumentFault: the document cannot be built.
    """
    doc = readable(state, client_id=client_id)
    root = main_root(doc) if root is None else root
    updates: list[bytes] = []
    with observed(doc, lambda event: updates.append(event.update)):
        from_markdown(doc, root, markdown)
    return root, updates[0] if updates else NOTHING


__all__ = [
    "DEFAULT_ROOT",
    "NOTHING",
    "Format",
    "Note",
    "Shape",
    "export_state",
    "from_markdown",
    "html_page",
    "import_update",
    "main_root",
    "read_note",
    "to_html",
    "to_markdown",
    "to_text",
]
