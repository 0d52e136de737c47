"""Puts a tree, or plain text, into a root of a document: as one edit, and changing little.

What the root holds already stays: text at the beginning and at the end that is the same is not
touched, nor are an XML fragment's children. So an import of what was exported before changes only
what was changed in between, and others' cursors stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, cast

from pycrdt import Doc, Text, XmlElement, XmlFragment, XmlText

from collab.notes.markdown.delta import Piece, delta_of_blocks
from collab.notes.markdown.elements import blocks_of_elements
from collab.notes.markdown.marks import look_of
from collab.notes.markdown.tree import (
    Block,
    Break,
    CodeBlock,
    Heading,
    Image,
    Inline,
    Listing,
    ListItem,
    Paragraph,
    Quote,
    Rule,
    Span,
)

Grow = Callable[[Any], None]  # Makes a node's children, once it is part of a document.


def write_text(doc: Doc[Any], root: str, text: str) -> None:
    """Make *text* the content of the plain *root*."""
    held = doc.get(root, type=Text)
    # Indices are UTF-8 bytes, and an edit must not cut a character.
    old, new = str(held), text
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    start = len(old[:head].encode())
    stop = len(old[: len(old) - tail].encode())
    with doc.transaction():
        if stop > start:
            del held[start:stop]
        if added := new[head : len(new) - tail]:
            held.insert(start, added)


def write_delta(doc: Doc[Any], root: str, blocks: Sequence[Block]) -> None:
    """Make *blocks* the content of the rich *root*."""
    held = doc.get(root, type=Text)
    old, new = held.diff(), _compact(delta_of_blocks(blocks))
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    start = sum(map(_len, old[:head]))
    stop = sum(map(_len, old[: len(old) - tail]))
    with doc.transaction():
        if stop > start:
            del held[start:stop]
        for piece, look in new[head : len(new) - tail]:
            if isinstance(piece, str):
                held.insert(start, piece, look or {})
            else:
                held.insert_embed(start, piece, look or {})
            start += _len((piece, look))


def write_elements(doc: Doc[Any], root: str, blocks: Sequence[Block]) -> None:
    """Make *blocks* the content of the XML fragment *root*, as Tiptap writes them."""
    children = doc.get(root, type=XmlFragment).children
    old = [blocks_of_elements([children[n]]) for n in range(len(children))]
    new = [(block,) for block in _apart(blocks)]
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    with doc.transaction():
        for at in range(len(old) - tail - 1, head - 1, -1):
            del children[at]
        for at, (block,) in enumerate(new[head : len(new) - tail], start=head):
            node, grow = _element(block)
            children.insert(at, node)
            grow(children[at])


def _common(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Return how many elements *first* and *second* begin with alike."""
    length = min(len(first), len(second))
    return next((n for n in range(length) if first[n] != second[n]), length)


def _compact(pieces: Sequence[Piece]) -> list[Piece]:
    """Join neighbours that look alike, as a document does."""
    joined: list[Piece] = []
    for piece, look in pieces:
        if joined and isinstance(piece, str) and isinstance(joined[-1][0], str):
            before, before_look = joined[-1]
            if before_look == look:
                joined[-1] = (before + piece, look)
                continue
        joined.append((piece, look))
    return joined


def _len(piece: Piece) -> int:
    return len(piece[0].encode()) if isinstance(piece[0], str) else 1


# ---------------------------------------------------------------- blocks to elements


def _node(tag: str, **attributes: Any) -> XmlElement:
    """Make an element; values keep their types, although the library's signature says texts."""
    return XmlElement(tag, cast("dict[str, str]", attributes))


def _element(block: Block) -> tuple[XmlElement, Grow]:
    if isinstance(block, Heading):
        return _node("heading", level=block.level), _words(block.inlines)
    if isinstance(block, CodeBlock):
        look = {"language": block.language} if block.language else {}
        return _node("codeBlock", **look), _words((Span(block.text),))
    if isinstance(block, Rule):
        return _node("horizontalRule"), _nothing
    if isinstance(block, Quote):
        return _node("blockquote"), _blocks(block.blocks or (Paragraph(),))
    if isinstance(block, Paragraph):
        return _node("paragraph"), _words(block.inlines)
    is_tasks = block.start is None and _is_task(block.items[0])
    name = "taskList" if is_tasks else "bulletList" if block.start is None else "orderedList"
    start = {"start": block.start} if name == "orderedList" and block.start != 1 else {}
    items = [_item(item, is_numbered=block.start is not None) for item in block.items]
    return _node(name, **start), _grown(items)


def _is_task(item: ListItem) -> bool:
    return item.is_done is not None


def _apart(blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield *blocks*, with tasks and other points in listings of their own, as editors want it."""
    for block in blocks:
        if isinstance(block, Listing) and block.start is None:
            for _is_tasks, items in groupby(block.items, _is_task):
                yield Listing(tuple(items))
        else:
            yield block


def _item(item: ListItem, *, is_numbered: bool) -> tuple[XmlElement, Grow]:
    """Make a point; editors want a paragraph first. A numbered task shows its box as words."""
    blocks = item.blocks
    if not blocks or not isinstance(blocks[0], Paragraph):
        blocks = (Paragraph(), *blocks)
    if item.is_done is not None and not is_numbered:
        return _node("taskItem", checked=item.is_done), _blocks(blocks)
    if item.is_done is not None:
        assert isinstance(blocks[0], Paragraph)
        box = Span("[x] " if item.is_done else "[ ] ")
        blocks = (Paragraph((box, *blocks[0].inlines)), *blocks[1:])
    return _node("listItem"), _blocks(blocks)


def _nothing(_node: Any) -> None:
    """A node without children."""


def _blocks(blocks: Sequence[Block]) -> Grow:
    return _grown([_element(block) for block in _apart(blocks)])


def _grown(nodes: Sequence[tuple[XmlElement, Grow]]) -> Grow:
    def grow(parent: Any) -> None:
        for node, grow_node in nodes:
            grow_node(parent.children.append(node))

    return grow


def _words(inlines: Sequence[Inline]) -> Grow:
    """Write runs of spans as one text each, with elements for breaks and pictures between."""

    def grow(parent: Any) -> None:
        for run in _runs(inlines):
            if isinstance(run, Break):
                parent.children.append(_node("hardBreak"))
            elif isinstance(run, Image):
                parent.children.append(_node("image", src=run.src, alt=run.alt))
            else:
                text = parent.children.append(XmlText())
                at = 0
                for span in run:
                    text.insert(at, span.text, look_of(span.marks, is_xml=True))
                    at += len(span.text.encode())

    return grow


def _runs(inlines: Sequence[Inline]) -> Iterator[list[Span] | Break | Image]:
    spans: list[Span] = []
    for inline in inlines:
        if isinstance(inline, Span):
            if inline.text:
                spans.append(inline)
            continue
        if spans:
            yield spans
            spans = []
        yield inline
    if spans:
        yield spans
