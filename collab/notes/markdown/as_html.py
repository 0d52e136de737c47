"""A tree as HTML. Every word is escaped and every address is safe: nothing in a note can run."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import groupby

from collab.notes.markdown.tree import (
    Block,
    Break,
    CodeBlock,
    Heading,
    Image,
    Inline,
    Listing,
    ListItem,
    Marks,
    Paragraph,
    Quote,
    Rule,
    Span,
)


def html_of_text(text: str) -> str:
    """Return plain *text* to the letter: line ends and rows of spaces stay."""
    # The parser drops a line end right behind the tag, so there is one more.
    return f'<pre style="white-space: pre-wrap">\n{escape(text)}</pre>\n' if text else ""


def html_of_blocks(blocks: Iterable[Block]) -> str:
    """Return *blocks* as a fragment of a page, one element in a line."""
    return "".join(f"{_block(block)}\n" for block in blocks)


def html_page(title: str, body: str) -> str:
    """Return *body*, made here, as a page of its own."""
    return (
        '<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{_inlines(block.inlines)}</p>"
    if isinstance(block, Heading):
        return f"<h{block.level}>{_inlines(block.inlines)}</h{block.level}>"
    if isinstance(block, CodeBlock):
        language = f' class="language-{escape(block.language)}"' if block.language else ""
        return f"<pre><code{language}>{escape(block.text)}\n</code></pre>"
    if isinstance(block, Rule):
        return "<hr>"
    if isinstance(block, Quote):
        return f"<blockquote>\n{html_of_blocks(block.blocks)}</blockquote>"
    return _listing(block)


def _listing(listing: Listing) -> str:
    tag = "ul" if listing.start is None else "ol"
    start = "" if listing.start in (None, 1) else f' start="{listing.start}"'
    return f"<{tag}{start}>\n{''.join(map(_item, listing.items))}</{tag}>"


def _item(item: ListItem) -> str:
    box = ""
    if item.is_done is not None:
        box = f'<input type="checkbox" disabled{" checked" if item.is_done else ""}> '
    if len(item.blocks) == 1 and isinstance(only := item.blocks[0], Paragraph):
        return f"<li>{box}{_inlines(only.inlines)}</li>\n"
    return f"<li>{box}{html_of_blocks(item.blocks)}</li>\n"


def _inlines(inlines: Iterable[Inline]) -> str:
    """Wrap inlines of the same link together, so that a link with bold words is one link."""
    parts = []
    for link, members in groupby(inlines, _link_of):
        inner = "".join(map(_inline, members))
        parts.append(f'<a href="{escape(link)}" rel="noopener">{inner}</a>' if link else inner)
    return "".join(parts)


def _link_of(inline: Inline) -> str | None:
    if isinstance(inline, Span):
        return inline.marks.link
    return inline.link if isinstance(inline, Image) else None


def _inline(inline: Inline) -> str:
    if isinstance(inline, Break):
        return "<br>"
    if isinstance(inline, Image):
        return f'<img src="{escape(inline.src)}" alt="{escape(inline.alt)}">'
    return _marked(escape(inline.text), inline.marks)


def _marked(html: str, marks: Marks) -> str:
    if marks.code:
        html = f"<code>{html}</code>"
    if marks.strike:
        html = f"<s>{html}</s>"
    if marks.italic:
        html = f"<em>{html}</em>"
    return f"<strong>{html}</strong>" if marks.bold else html
