"""A tree as plain text: a line for a line, with signs only where the meaning hangs on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collab.notes.markdown.tree import (
    Block,
    Break,
    CodeBlock,
    Image,
    Inline,
    Listing,
    ListItem,
    Quote,
    Rule,
    Span,
)


def text_of_blocks(blocks: Iterable[Block]) -> str:
    """Return the words of *blocks*, each in lines of its own; "" for no blocks."""
    return "".join(f"{line}\n" for line in _lines(blocks))


def _lines(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Listing):
            yield from _listing_lines(block)
        elif isinstance(block, Quote):
            yield from (f"> {line}" for line in _lines(block.blocks))
        elif isinstance(block, Rule):
            yield "---"
        elif isinstance(block, CodeBlock):
            yield from block.text.split("\n")
        else:
            yield from _words(block.inlines).split("\n")


def _listing_lines(listing: Listing) -> Iterator[str]:
    for number, item in enumerate(listing.items):
        sign = "-" if listing.start is None else f"{listing.start + number}."
        yield from _item_lines(item, f"{sign} ")


def _item_lines(item: ListItem, sign: str) -> Iterator[str]:
    box = "" if item.is_done is None else "[x] " if item.is_done else "[ ] "
    first, *rest = list(_lines(item.blocks)) or [""]
    yield f"{sign}{box}{first}"
    for line in rest:
        yield f"{' ' * len(sign)}{line}"


def _words(inlines: Iterable[Inline]) -> str:
    words = []
    for inline in inlines:
        if isinstance(inline, Span):
            words.append(inline.text)
        elif isinstance(inline, Break):
            words.append("\n")
        elif isinstance(inline, Image):
            words.append(inline.alt or inline.src)
    return "".join(words)
