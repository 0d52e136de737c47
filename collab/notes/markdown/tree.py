"""What a note says, whichever editor wrote it: blocks of spans. Readers make it, writers show it.

::

    document = blocks
    block    = Paragraph | Heading | CodeBlock | Quote | Listing | Rule
    inline   = Span (words with marks) | Break | Image

A tree is *tidy*: neighbouring spans with equal marks are one, nothing is empty except paragraphs,
and every address in it is safe to follow. :func:`tidy` makes it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import evolve, frozen

NESTING_MAX: Final = 32  # Deeper lists and quotes are shown flat; no page is readable beyond.
HEADING_LEVEL_MAX: Final = 6
LIST_START_MAX: Final = 999_999_999  # Nine digits are what Markdown takes.

# Whatever does not name a scheme stays on its own site; of the others only these run nothing.
_SAFE_SCHEMES: Final = frozenset({"http", "https", "mailto", "tel"})
_SCHEME: Final = re.compile(r"\s*([^/?#:]*):")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@frozen
class Marks:
    """How words look. ``link`` is a safe address."""

    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    link: str | None = None


PLAIN: Final = Marks()


@frozen
class Span:
    """Words that look alike."""

    text: str
    marks: Marks = PLAIN


@frozen
class Break:
    """A new line within a paragraph."""


@frozen
class Image:
    """A picture at a safe address."""

    src: str
    alt: str = ""
    link: str | None = None


Inline = Span | Break | Image


@frozen
class Paragraph:
    """Inlines; none: an empty line that somebody left on purpose."""

    inlines: tuple[Inline, ...] = ()


@frozen
class Heading:
    """A title of level 1 to 6."""

    level: int
    inlines: tuple[Inline, ...] = ()


@frozen
class CodeBlock:
    """Lines that are shown as they are."""

    text: str
    language: str = ""


@frozen
class Rule:
    """A line across the page."""


@frozen
class Quote:
    """Somebody else's blocks."""

    blocks: tuple[Block, ...] = ()


@frozen
class ListItem:
    """One point of a listing. ``is_done`` is None unless it is a task."""

    blocks: tuple[Block, ...] = ()
    is_done: bool | None = None


@frozen
class Listing:
    """Points, numbered from ``start`` or not at all (None)."""

    items: tuple[ListItem, ...]
    start: int | None = None


Block = Paragraph | Heading | CodeBlock | Rule | Quote | Listing


def safe_url(url: object) -> str | None:
    """Return *url* if following it cannot run anything, else None.

    Browsers ignore control characters within a scheme, so an address with any is not safe.
    """
    if not isinstance(url, str) or not url.strip() or _CONTROLS.search(url) or "\n" in url:
        return None
    scheme = _SCHEME.match(url)
    if scheme and scheme[1].lower() not in _SAFE_SCHEMES:
        return None
    return url.strip()


def clean(text: str) -> str:
    """Return *text* with one kind of line end and without control characters."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def spans_of(text: str, marks: Marks = PLAIN) -> list[Inline]:
    """Return *text* as spans, with breaks for its line ends."""
    inlines: list[Inline] = []
    for number, line in enumerate(clean(text).split("\n")):
        if number:
            inlines.append(Break())
        if line:
            inlines.append(Span(line, marks))
    return inlines


def tidy(inlines: Iterable[Inline]) -> tuple[Inline, ...]:
    """Join neighbouring spans with equal marks; drop empty ones and breaks at the end."""
    tidied: list[Inline] = []
    for inline in inlines:
        before = tidied[-1] if tidied else None
        if isinstance(inline, Span):
            if not inline.text:
                continue
            if isinstance(before, Span) and before.marks == inline.marks:
                tidied[-1] = evolve(before, text=before.text + inline.text)
                continue
        tidied.append(inline)
    while tidied and isinstance(tidied[-1], Break):
        tidied.pop()
    return tuple(tidied)


def merged(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield *blocks*; of listings that stand together and are alike, one.

    That is how they are shown, and Markdown knows no difference.
    """
    held: Listing | None = None
    for block in blocks:
        if held is not None:
            if isinstance(block, Listing) and (held.start is None) == (block.start is None):
                held = evolve(held, items=held.items + block.items)
                continue
            yield held
            held = None
        if isinstance(block, Listing):
            held = block
        else:
            yield block
    if held is not None:
        yield held
