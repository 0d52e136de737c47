"""A tree as Markdown that reads back as the same tree, but for empty lines.

Lists are tight where their points are single paragraphs, as people write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from collab.notes.markdown.inline_markdown import markdown_of_inlines
from collab.notes.markdown.tree import (
    Block,
    CodeBlock,
    Heading,
    Listing,
    ListItem,
    Paragraph,
    Quote,
    Rule,
    merged,
)


def markdown_of_blocks(blocks: Iterable[Block]) -> str:
    """Return *blocks* as Markdown, with a line end at the end; "" for no blocks."""
    lines = _lines(blocks)
    return "\n".join(lines) + "\n" if lines else ""


def _lines(blocks: Iterable[Block]) -> list[str]:
    """Return the lines of *blocks* with an empty line between two; empty paragraphs have none."""
    lines: list[str] = []
    for block in merged(block for block in blocks if not _is_blank(block)):
        if lines:
            lines.append("")
        lines += _block_lines(block)
    return lines


def _is_blank(block: Block) -> bool:
    return isinstance(block, Paragraph) and not block.inlines


def _block_lines(block: Block) -> list[str]:
    if isinstance(block, Paragraph):
        return markdown_of_inlines(block.inlines).split("\n")
    if isinstance(block, Heading):
        words = markdown_of_inlines(block.inlines, breaks=False)
        if words.endswith("#"):
            words = words[:-1] + "\\#"  # A heading may end with signs that are not shown.
        return [f"{'#' * block.level} {words}".rstrip()]
    if isinstance(block, CodeBlock):
        return _code_lines(block)
    if isinstance(block, Rule):
        return ["___"]  # Dashes and stars may be taken for a list's point.
    if isinstance(block, Quote):
        return [f"> {line}" if line else ">" for line in _lines(block.blocks) or [""]]
    return _listing_lines(block)


def _code_lines(block: CodeBlock) -> list[str]:
    longest = max((len(run) for run in re.findall("`+", block.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + block.language, *(block.text.split("\n") if block.text else []), fence]


def _listing_lines(listing: Listing) -> list[str]:
    is_tight = all(_is_tight(item) for item in listing.items)
    lines: list[str] = []
    for number, item in enumerate(listing.items):
        if lines and not is_tight:
            lines.append("")
        sign = "-" if listing.start is None else f"{listing.start + number}."
        lines += _item_lines(item, sign, is_tight=is_tight)
    return lines


def _is_tight(item: ListItem) -> bool:
    """Say whether the point is a paragraph, perhaps with one tight list right below it.

    An empty point, or a number other than 1, does not interrupt a paragraph.
    """
    blocks = _shown(item)
    if len(blocks) == 2 and isinstance(below := blocks[1], Listing):
        begins_well = below.start in (None, 1) and bool(_shown(below.items[0]))
        return isinstance(blocks[0], Paragraph) and begins_well and all(map(_is_tight, below.items))
    return len(blocks) <= 1 and all(isinstance(block, Paragraph) for block in blocks)


def _shown(item: ListItem) -> Sequence[Block]:
    return [block for block in item.blocks if not _is_blank(block)]


def _item_lines(item: ListItem, sign: str, *, is_tight: bool) -> list[str]:
    lines: list[str] = []
    for block in merged(_shown(item)):
        if lines and not is_tight:
            lines.append("")
        lines += _block_lines(block)
    indent = " " * (len(sign) + 1)
    if item.is_done is not None:
        box = "[x]" if item.is_done else "[ ]"
        if lines and isinstance(_shown(item)[0], Paragraph):
            lines[0] = f"{box} {lines[0]}"
        else:
            lines = [box, "", *lines] if lines else [box]
    elif lines and isinstance(_shown(item)[0], Listing):
        lines.insert(0, "")  # Side by side, signs of empty points would read as a rule.
    return [
        f"{sign if n == 0 else indent[:-1]} {line}".rstrip() if not line else _put(n, sign, line)
        for n, line in enumerate(lines or [""])
    ]


def _put(number: int, sign: str, line: str) -> str:
    return f"{sign} {line}" if number == 0 else f"{' ' * (len(sign) + 1)}{line}"
