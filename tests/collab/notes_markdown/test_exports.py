"""What is exported, for documents as editors write them; and what cannot get out of them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from collab.notes.markdown import (
    NOTHING,
    export_state,
    from_markdown,
    import_update,
    main_root,
    to_html,
    to_markdown,
    to_text,
)

SAFE_TAGS = frozenset(
    re.findall(
        r"\w+", "p h1 h2 h3 h4 h5 h6 pre code hr blockquote ul ol li input a br img s em strong"
    )
)
SAFE_ATTRIBUTES = frozenset(
    re.findall(r"\w+", "class start type disabled checked href rel src alt style")
)


class Checker(HTMLParser):
    """Collects what a browser would see: tags, attributes, words."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SAFE_TAGS
        for name, value in attrs:
            assert name in SAFE_ATTRIBUTES
            if name in ("href", "src"):
                self.addresses.append(value or "")

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        self.words += data


def element(parent: XmlFragment | XmlElement, tag: str, **attributes: object) -> XmlElement:
    made = parent.children.append(XmlElement(tag))
    for name, value in attributes.items():
        made.attributes[name] = value
    return made


def words(parent: XmlElement, text: str, **look: object) -> None:
    node = parent.children.append(XmlText())
    node.insert(0, text, look)


def received(doc: Doc[Any]) -> Doc[Any]:
    """Return the document as a server has it: it was only told, and knows no types of roots."""
    copy = Doc[Any]()
    copy.apply_update(doc.get_update())
    return copy


def test_a_prosemirror_document_is_exported_with_its_structure() -> None:
    """[N7.1] Names of both of its families of schemas are understood."""
    doc = Doc[Any]()
    root = doc.get("prosemirror", type=XmlFragment)
    words(element(root, "heading", level=2), "Plan")
    for tag, item, mark in (
        ("bulletList", "listItem", "bold"),
        ("ordered_list", "list_item", "em"),
    ):
        words(element(element(element(root, tag), item), "paragraph"), "one", **{mark: {}})
    tasks = element(root, "taskList")
    words(element(element(tasks, "taskItem", checked=True), "paragraph"), "done")
    words(element(root, "code_block", params="py"), "x = 1\n")
    quoted = element(element(root, "blockquote"), "paragraph")
    words(quoted, "link", link={"href": "https://e.org/"})
    element(quoted, "hardBreak")
    words(quoted, "old", **{"strike--q1w2": {}})
    element(root, "horizontalRule")
    held = received(doc)
    assert to_markdown(held, "prosemirror") == (
        "## Plan\n\n- **one**\n\n1. _one_\n\n- [x] done\n\n```py\nx = 1\n\n```\n\n"
        "> [link](https://e.org/)\\\n> ~~old~~\n\n___\n"
    )
    assert to_text(held, "prosemirror") == (
        "Plan\n- one\n1. one\n- [x] done\nx = 1\n\n> link\n> old\n---\n"
    )
    assert "<h2>Plan</h2>" in to_html(held, "prosemirror")


def test_what_is_not_known_is_shown_by_its_words() -> None:
    """[N7.1] Tables, callouts and tomorrow's elements lose their look, never their words."""
    doc = Doc[Any]()
    root = doc.get("default", type=XmlFragment)
    row = element(element(root, "table"), "tableRow")
    for cell in ("left", "right"):
        words(element(element(row, "tableCell"), "paragraph"), cell)
    words(element(root, "callout"), "look")
    words(element(element(root, "blockGroup"), "bulletListItem"), "point")
    words(element(root, "paragraph"), "shiny", sparkle=True)
    assert to_text(received(doc), "default") == "left\nright\nlook\n- point\nshiny\n"


def test_quill_text_is_exported_with_its_structure() -> None:
    """[N7.1] A line's end says what the line is; lists nest by indent."""
    doc = Doc[Any]()
    text = doc.get("quill", type=Text)
    pieces: list[tuple[object, dict[str, object]]] = [
        ("Plan", {}), ("\n", {"header": 1}),
        ("bold", {"bold": True}), (" not\n", {}),
        ("a", {}), ("\n", {"list": "bullet"}), ("b", {}), ("\n", {"list": "bullet", "indent": 1}),
        ("c", {}), ("\n", {"list": "ordered"}), ("d", {}), ("\n", {"list": "checked"}),
        ("quoted", {}), ("\n", {"blockquote": True}),
        ("code", {}), ("\n", {"code-block": True}), ("more", {}), ("\n", {"code-block": True}),
        ({"image": "https://e.org/i.png"}, {}), ({"formula": "x"}, {}), ("\n", {}),
    ]  # fmt: skip
    for piece, look in pieces:
        if isinstance(piece, str):
            text.insert(len(text), piece, look)
        else:
            text.insert_embed(len(text), piece, look)
    assert to_markdown(received(doc), "quill") == (
        "# Plan\n\n**bold** not\n\n- a\n  - b\n\n1. c\n\n- [x] d\n\n> quoted\n\n"
        "```\ncode\nmore\n```\n\n![](https://e.org/i.png)\n"
    )


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "java\tscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "",
        7,
        None,
    ],
)
def test_an_address_that_could_run_something_is_no_link(url: object) -> None:
    """[N7.3] The words stay; the address is in no export, of links and pictures alike."""
    doc = Doc[Any]()
    root = doc.get("default", type=XmlFragment)
    words(element(root, "paragraph"), "click", link={"href": url})
    element(element(root, "paragraph"), "image", src=url or 7, alt="picture")
    assert to_html(doc, "default") == "<p>click</p>\n<p>picture</p>\n"
    assert to_markdown(doc, "default") == "click\n\npicture\n"


NASTY = ["<script>alert(1)</script>", '"><img onerror=x>', "</pre>", "&lt;b&gt;", "'", "<!-- -->"]
nasty = st.lists(st.sampled_from(NASTY) | st.text(max_size=4), min_size=1).map("".join)


@settings(deadline=None)
@given(nasty, nasty, nasty)
def test_nothing_in_a_note_becomes_markup(text: str, name: str, address: str) -> None:
    """[N7.3] Words, attribute values and addresses are escaped wherever they stand."""
    doc = Doc[Any]()
    root = doc.get("default", type=XmlFragment)
    words(element(root, "paragraph"), text, link={"href": address}, **{name: name})
    words(element(root, "codeBlock", language=name), text)
    element(element(root, "paragraph"), "image", src=address, alt=name)
    element(element(root, "paragraph"), "mention", label=text)
    words(element(root, "heading", level=name), text)
    doc.get("plain", type=Text).insert(0, text)
    for held in ("default", "plain"):
        checker = Checker()
        checker.feed(to_html(doc, held))
        checker.close()
        for found in checker.addresses:
            assert not re.match(r"\s*(javascript|data|vbscript|file):", found, re.IGNORECASE)
        shown = "".join(char for char in text if char.isalnum())
        assert shown in "".join(char for char in checker.words if char.isalnum())


@settings(deadline=None)
@given(nasty)
def test_imported_html_is_words(text: str) -> None:
    """[N7.3] Markdown may hold HTML; a note does not."""
    doc = Doc[Any]()
    from_markdown(doc, "default", text)
    Checker().feed(to_html(doc, "default"))


def test_a_root_without_text_is_empty() -> None:
    """[N7.1] Nothing there, a map, an array: empty exports, and no new root."""
    doc = Doc[Any]()
    doc.get("map", type=Map)["a"] = 1
    doc.get("array", type=Array).append(1)
    for root in ("map", "array", "nowhere"):
        assert to_markdown(doc, root) == to_html(doc, root) == to_text(doc, root) == ""
    assert sorted(doc.keys()) == ["array", "map"]


def test_too_deep_nesting_is_refused_and_changes_nothing() -> None:
    """[N7.5] Better nothing than a part."""
    doc = Doc[Any]()
    from_markdown(doc, "default", "here")
    with pytest.raises(ValueError, match="nested deeper"):
        from_markdown(doc, "default", "> " * 200 + "deep")
    assert to_text(doc, "default") == "here\n"


def test_the_root_that_is_meant_is_the_only_one_or_the_first() -> None:
    """[N7.1] Who has one text need not name it."""
    doc = Doc[Any]()
    assert main_root(doc) == "default"
    doc.get("b", type=Text).insert(0, "b")
    assert main_root(doc) == "b"
    doc.get("a", type=Text)
    assert main_root(doc) == "b"
    doc.get("default", type=Text)
    assert main_root(doc) == "default"


def test_exports_and_imports_work_on_bytes() -> None:
    """[N7.1] A worker thread has its own document; an import is one update of the writer's."""
    root, update = import_update(NOTHING, None, "# hello", client_id=7)
    assert (root, export_state(update, None, "markdown")) == ("default", "# hello\n")
    assert export_state(update, "default", "html") == "<h1>hello</h1>\n"
    assert export_state(update, "default", "text") == "hello\n"
    assert import_update(update, "default", "# hello", client_id=8) == ("default", NOTHING)
