"""Markdown to a tree: CommonMark with ``~~strike~~`` and ``- [ ] tasks``.

HTML in it is words like any other: nothing that is imported can become markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve
from markdown_it import MarkdownIt
from markdown_it.token import Token

from collab.notes.markdown.elements import language_of
from collab.notes.markdown.tree import (
    LIST_START_MAX,
    PLAIN,
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
    clean,
    merged,
    safe_url,
    tidy,
)

# Levels of Markdown become levels of elements; a document takes 64, paragraph and words included.
PARSER_NESTING_MAX: Final = 60
_TASK: Final = re.compile(r"\[([ xX])\](?: |$)")


def parse_markdown(text: str) -> tuple[Block, ...]:
    """Return the blocks of *text*. Any text is Markdown.

    Raises:
      ValueError: quotes and lists are nested deeper than ``PARSER_NESTING_MAX``.
    """
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": PARSER_NESTING_MAX})
    parser.enable("strikethrough")
    tokens = parser.parse(clean(text))
    if any(token.level >= PARSER_NESTING_MAX - 1 for token in tokens):
        # The parser leaves out what is nested deeper; better nothing than a part.
        raise ValueError(f"nested deeper than {PARSER_NESTING_MAX} levels")
    return _Blocks(tokens).read_all()


class _Blocks:
    """Turns the flat list of tokens back into what it was before."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def read_all(self) -> tuple[Block, ...]:
        """Return all blocks up to the end of the block that the reader stands in."""
        blocks = []
        while self._at < len(self._tokens) and self._tokens[self._at].nesting >= 0:
            block = self._read()
            if block is not None:
                blocks.append(block)
        self._at += 1
        return tuple(merged(blocks))

    def _read(self) -> Block | None:
        token = self._tokens[self._at]
        self._at += 1
        if token.type == "paragraph_open":
            return Paragraph(self._inlines())
        if token.type == "heading_open":
            return Heading(int(token.tag[1:]), self._inlines())
        if token.type in ("fence", "code_block"):
            language = token.info.strip().partition(" ")[0]
            return CodeBlock(token.content.removesuffix("\n"), language_of(language))
        if token.type == "hr":
            return Rule()
        if token.type == "blockquote_open":
            return Quote(self.read_all())
        if token.type == "bullet_list_open":
            return Listing(tuple(self._items()))
        if token.type == "ordered_list_open":
            start = int(token.attrGet("start") or 0) if "start" in token.attrs else 1
            return Listing(tuple(self._items()), min(start, LIST_START_MAX))
        return None

    def _items(self) -> Iterator[ListItem]:
        while self._tokens[self._at].type == "list_item_open":
            self._at += 1
            task = self._task()
            blocks = self.read_all()
            yield ListItem(blocks) if task is None else _as_task(blocks, task)
        self._at += 1

    def _task(self) -> re.Match[str] | None:
        """Look at the source of the point that begins here: ``\\[ ]`` is no task."""
        if self._tokens[self._at].type != "paragraph_open":
            return None
        return _TASK.match(self._tokens[self._at + 1].content)

    def _inlines(self) -> tuple[Inline, ...]:
        children = self._tokens[self._at].children or []
        self._at += 2  # The inline token, and the end of what holds it.
        return tidy(_read_inlines(children))


def _as_task(blocks: tuple[Block, ...], task: re.Match[str]) -> ListItem:
    """Take the box off the first words; ``[x]`` may be a link that is defined elsewhere."""
    first, *rest = blocks
    box = first.inlines[0] if isinstance(first, Paragraph) and first.inlines else None
    if not isinstance(first, Paragraph) or not isinstance(box, Span) or box.text[:1] != "[":
        return ListItem(blocks)
    words = evolve(box, text=box.text[len(task[0]) :])
    paragraph = Paragraph(tidy([words, *first.inlines[1:]]))
    return ListItem((paragraph, *rest) if paragraph.inlines else tuple(rest), task[1] != " ")


def _read_inlines(tokens: Sequence[Token]) -> Iterator[Inline]:
    marks: list[Marks] = [PLAIN]
    for token in tokens:
        now = marks[-1]
        if token.type == "text":
            yield Span(token.content, now)
        elif token.type == "code_inline":
            yield Span(token.content, evolve(now, code=True))
        elif token.type == "softbreak":
            yield Span(" ", now)
        elif token.type == "hardbreak":
            yield Break()
        elif token.type == "image":
            src = safe_url(token.attrGet("src"))
            alt = "".join(child.content for child in token.children or [])
            yield Image(src, alt, now.link) if src else Span(alt, now)
        elif token.nesting > 0:
            marks.append(_opened(now, token))
        elif token.nesting < 0:
            marks.pop()


def _opened(marks: Marks, token: Token) -> Marks:
    if token.type == "strong_open":
        return evolve(marks, bold=True)
    if token.type == "em_open":
        return evolve(marks, italic=True)
    if token.type == "s_open":
        return evolve(marks, strike=True)
    if token.type == "link_open":
        return evolve(marks, link=safe_url(token.attrGet("href")))
    return marks
