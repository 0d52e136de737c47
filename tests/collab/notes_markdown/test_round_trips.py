"""What goes out comes back in as it was."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Text, XmlFragment

from collab.notes.markdown import from_markdown, to_html, to_markdown, to_text
from collab.notes.markdown.as_markdown import markdown_of_blocks
from collab.notes.markdown.parsing import parse_markdown
from collab.notes.markdown.reading import read_note
from collab.notes.markdown.tree import Block, Heading, Span
from collab.notes.markdown.writing import write_delta, write_elements
from tests.collab.notes_markdown.trees import documents, lines


@settings(deadline=None)
@given(documents)
def test_markdown_reads_back_as_what_it_shows(blocks: tuple[Block, ...]) -> None:
    """[N7.4] Whatever the words and their looks, an export is read as the same note."""
    assert parse_markdown(markdown_of_blocks(blocks)) == blocks


@settings(deadline=None)
@given(documents)
def test_an_editors_document_holds_what_was_imported(blocks: tuple[Block, ...]) -> None:
    """[N7.4] Written as elements and read again; what is already there is not written twice."""
    doc = Doc[XmlFragment]()
    write_elements(doc, "default", blocks)
    held = read_note(doc, "default").blocks
    assert markdown_of_blocks(held) == markdown_of_blocks(blocks)
    before = doc.get_update()
    write_elements(doc, "default", held)
    assert doc.get_update() == before


@settings(deadline=None)
@given(lines)
def test_rich_text_holds_what_was_imported(blocks: tuple[Block, ...]) -> None:
    """[N7.4] Written as rich text and read again; what is already there is not written twice."""
    blocks = (Heading(1, (Span("rich"),)), *blocks)
    doc = Doc[Text]()
    doc.get("quill", type=Text).insert(0, "before", {"bold": True})
    write_delta(doc, "quill", blocks)
    held = read_note(doc, "quill").blocks
    assert markdown_of_blocks(held) == markdown_of_blocks(blocks)
    before = doc.get_update()
    write_delta(doc, "quill", held)
    assert doc.get_update() == before


@settings(deadline=None)
@given(st.text(), st.text(min_size=1))
def test_plain_text_is_exported_and_imported_to_the_letter(before: str, text: str) -> None:
    """[N7.2] A plain root is its text, in Markdown and as text, whatever is in it."""
    doc = Doc[Text]()
    doc.get("codemirror", type=Text).insert(0, before + "x")
    from_markdown(doc, "codemirror", text)
    assert to_markdown(doc, "codemirror") == to_text(doc, "codemirror") == text


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1), st.text())
def test_an_import_leaves_alone_what_is_the_same(head: str, tail: str, middle: str) -> None:
    """[N7.5] Somebody who types at the end while another imports a changed middle loses nothing."""
    ann, ben = Doc[Text](), Doc[Text]()
    ann.get("t", type=Text).insert(0, f"{head}-{tail}")
    ben.apply_update(ann.get_update())
    from_markdown(ann, "t", f"{head}{middle}-{tail}")
    typed = ben.get("t", type=Text)
    typed.insert(len(typed), "typed")
    ann.apply_update(ben.get_update())
    assert to_text(ann, "t") == f"{head}{middle}-{tail}typed"


@settings(deadline=None)
@given(documents)
def test_no_export_of_any_note_fails(blocks: tuple[Block, ...]) -> None:
    """[N7.1] Every note has all three exports."""
    doc = Doc[XmlFragment]()
    write_elements(doc, "default", blocks)
    for export in (to_markdown, to_html, to_text):
        assert isinstance(export(doc, "default"), str)
