"""Rich text, as Quill writes it: pieces with looks, where a line's end carries its block's look.

A line looks like one block; lines of a list or of code that stand together are one block.
``indent`` nests points of a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from collab.notes.markdown.elements import language_of
from collab.notes.markdown.marks import look_of, marks_of
from collab.notes.markdown.tree import (
    HEADING_LEVEL_MAX,
    NESTING_MAX,
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
    clean,
    merged,
    safe_url,
    tidy,
)

Look = Mapping[str, Any]
Piece = tuple[Any, dict[str, Any] | None]

_TASKS: Final = ("checked", "unchecked")


@frozen
class _Line:
    inlines: tuple[Inline, ...]
    look: Look


# ---------------------------------------------------------------- reading


def blocks_of_delta(pieces: Sequence[Piece]) -> tuple[Block, ...]:
    """Return the blocks that *pieces*, a text's diff, stand for."""
    lines = list(_lines(pieces))
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        until = at + 1
        while until < len(lines) and _is_together(lines[at].look, lines[until].look):
            until += 1
        blocks += _blocks(lines[at:until])
        at = until
    return tuple(merged(blocks))


def _lines(pieces: Iterable[Piece]) -> Iterator[_Line]:
    inlines: list[Inline] = []
    for piece, look in pieces:
        if not isinstance(piece, str):
            inlines += _embed(piece, look)
            continue
        first, *rest = clean(piece).split("\n")
        inlines.append(Span(first, marks_of(look)))
        for text in rest:
            yield _Line(tidy(inlines), look or {})
            inlines = [Span(text, marks_of(look))]
    if last := tidy(inlines):
        yield _Line(last, {})  # Quill ends with a line end; other writers may not.


def _embed(piece: object, look: Look | None) -> Iterator[Inline]:
    if isinstance(piece, Mapping):
        src = safe_url(piece.get("image"))
        if src is not None:
            yield Image(src, str((look or {}).get("alt") or ""), marks_of(look).link)
        elif isinstance(mention := piece.get("mention"), Mapping):
            yield Span("@" + clean(str(mention.get("value") or "")))


def _is_together(first: Look, second: Look) -> bool:
    if first.get("code-block"):
        return bool(second.get("code-block"))
    if first.get("blockquote"):
        return bool(second.get("blockquote"))
    return bool(first.get("list") and second.get("list"))


def _blocks(lines: Sequence[_Line]) -> Iterator[Block]:
    """Yield what *lines*, which look alike, stand for."""
    look = lines[0].look
    level = look.get("header")
    if look.get("code-block"):
        text = "\n".join(_words(line.inlines) for line in lines)
        language = look["code-block"]
        yield CodeBlock(text, language_of(language) if isinstance(language, str) else "")
    elif look.get("blockquote"):
        yield Quote(tuple(Paragraph(line.inlines) for line in lines))
    elif look.get("list"):
        yield from _split_by_kind(lines, 0)
    elif isinstance(level, int | float) and 1 <= level <= HEADING_LEVEL_MAX:
        yield Heading(int(level), lines[0].inlines)
    else:
        yield Paragraph(lines[0].inlines)


def _words(inlines: Iterable[Inline]) -> str:
    return "".join(inline.text for inline in inlines if isinstance(inline, Span))


def _indent(line: _Line) -> int:
    indent = line.look.get("indent")
    return int(indent) if isinstance(indent, int | float) and 0 < indent <= NESTING_MAX else 0


def _listing(lines: Sequence[_Line], depth: int) -> Listing:
    """Return the points at *depth*, with what is indented deeper inside the point before it."""
    is_ordered = lines[0].look.get("list") == "ordered"
    items: list[ListItem] = []
    at = 0
    while at < len(lines):
        until = at + 1
        while until < len(lines) and _indent(lines[until]) > depth:
            until += 1
        kind = lines[at].look.get("list")
        inner = _split_by_kind(lines[at + 1 : until], depth + 1)
        done = kind == "checked" if kind in _TASKS else None
        items.append(ListItem((Paragraph(lines[at].inlines), *inner), done))
        at = until
    return Listing(tuple(items), 1 if is_ordered else None)


def _split_by_kind(lines: Sequence[_Line], depth: int) -> Iterator[Block]:
    """Yield a listing for each run of *lines* that are numbered, or not, alike."""
    at = 0
    while at < len(lines):
        is_ordered = lines[at].look.get("list") == "ordered"
        until = at + 1
        while until < len(lines) and (
            _indent(lines[until]) > depth
            or (lines[until].look.get("list") == "ordered") == is_ordered
        ):
            until += 1
        yield _listing(lines[at:until], depth)
        at = until


# ---------------------------------------------------------------- writing


def delta_of_blocks(blocks: Sequence[Block]) -> list[Piece]:
    """Return the pieces that show *blocks* in Quill, each line with its end.

    What it has no line for is shown by its words: a quote's inside is quoted paragraphs, a rule
    three dashes.
    """
    return list(_pieces(blocks, {}, 0))


def _pieces(blocks: Iterable[Block], look: Look, depth: int) -> Iterator[Piece]:
    for block in blocks:
        if isinstance(block, Listing):
            yield from _list_pieces(block, depth)
        elif isinstance(block, Quote):
            yield from _pieces(block.blocks, {"blockquote": True}, depth)
        elif isinstance(block, CodeBlock):
            for line in block.text.split("\n"):
                yield from _line_pieces((Span(line),), {"code-block": block.language or True})
        elif isinstance(block, Heading):
            yield from _line_pieces(block.inlines, {"header": block.level})
        elif isinstance(block, Rule):
            yield from _line_pieces((Span("---"),), look)
        else:
            yield from _line_pieces(block.inlines, look)


def _list_pieces(listing: Listing, depth: int) -> Iterator[Piece]:
    for item in listing.items:
        kind = "bullet" if listing.start is None else "ordered"
        if item.is_done is not None:
            kind = "checked" if item.is_done else "unchecked"
        look = {"list": kind} | ({"indent": depth} if depth else {})
        first, *rest = item.blocks or (Paragraph(),)
        if not isinstance(first, Paragraph):
            yield from _line_pieces((), look)
            rest = list(item.blocks)
        else:
            yield from _line_pieces(first.inlines, look)
        yield from _pieces(rest, look, depth + 1)


def _line_pieces(inlines: Iterable[Inline], look: Look) -> Iterator[Piece]:
    end = dict(look) or None
    for inline in inlines:
        if isinstance(inline, Break):
            yield "\n", end
        elif isinstance(inline, Image):
            link = {"link": inline.link} if inline.link else {}
            alt = {"alt": inline.alt} if inline.alt else {}
            yield {"image": inline.src}, link | alt or None
        elif inline.text:
            yield inline.text, look_of(inline.marks, is_xml=False) or None
    yield "\n", end
