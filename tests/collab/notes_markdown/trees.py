"""Random trees of all shapes, tidy ones: what a note can say."""

from __future__ import annotations

from hypothesis import strategies as st

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
    merged,
    tidy,
)

# Letters, signs of Markdown, spaces of several kinds, wide and astral characters.
LETTERS = "ab1é文😀"
SIGNS = "*_`~[]()<>&\\#-+=.!|:'\" \t\u00a0\u2003 "
words = st.text(st.sampled_from(LETTERS + SIGNS), min_size=1, max_size=8)
urls = st.sampled_from(
    ["https://example.org/a", "http://e.org/?q=1&amp=2", "/notes", "mailto:a@b", "http://e.org/(x)"]
)
marks = st.builds(
    Marks,
    bold=st.booleans(),
    italic=st.booleans(),
    strike=st.booleans(),
    code=st.booleans(),
    link=st.none() | urls,
)
spans = st.builds(Span, words, marks)
images = st.builds(Image, urls, words)


def inlines(*, breaks: bool = True, pictures: bool = True) -> st.SearchStrategy[tuple[Inline, ...]]:
    kinds: list[st.SearchStrategy[Inline]] = [spans, spans, spans]
    kinds += [st.just(Break())] if breaks else []
    kinds += [images] if pictures else []
    return st.lists(st.one_of(kinds), min_size=1, max_size=5).map(tidy).filter(bool)


paragraphs = st.builds(Paragraph, inlines())
headings = st.builds(Heading, st.integers(1, 6), inlines(breaks=False))
codes = st.builds(
    CodeBlock,
    st.text(st.sampled_from("a `~\n\t>-#"), max_size=12),
    st.sampled_from(["", "py", "c++"]),
)
leaves = st.one_of(paragraphs, paragraphs, headings, codes, st.just(Rule()))


def tidied(blocks: list[Block]) -> tuple[Block, ...]:
    return tuple(merged(blocks))


def nested(inner: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    blocks = st.lists(inner, max_size=3).map(tidied)
    items = st.lists(
        st.builds(ListItem, blocks, st.none() | st.booleans()), min_size=1, max_size=3
    ).map(tuple)
    plain_items = st.lists(st.builds(ListItem, blocks), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Quote, blocks),
        st.builds(Listing, items),
        st.builds(Listing, plain_items, st.integers(0, 11)),
    )


documents = st.lists(st.recursive(leaves, nested, max_leaves=8), max_size=4).map(tidied)

# What rich text has lines for: quotes of plain paragraphs, listings of points that nest listings.
rich_spans = st.lists(spans, min_size=1, max_size=4).map(tidy).filter(bool)
rich_words = st.lists(spans | images, min_size=1, max_size=4).map(tidy).filter(bool)
rich_paragraphs = st.builds(Paragraph, rich_words)
rich_codes = st.builds(
    CodeBlock, st.text(st.sampled_from("a `~\t>-#\n"), min_size=1), st.sampled_from(["", "py"])
)


def _rich_listing(inner: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    below = st.just(()) | st.tuples(inner)
    blocks = st.builds(lambda first, rest: (first, *rest), rich_paragraphs, below)
    items = st.lists(st.builds(ListItem, blocks, st.none() | st.booleans()), min_size=1, max_size=3)
    plain = st.lists(st.builds(ListItem, blocks), min_size=1, max_size=3)
    return st.builds(Listing, items.map(tuple)) | st.builds(Listing, plain.map(tuple), st.just(1))


_points = st.builds(ListItem, st.tuples(rich_paragraphs))
_listings = st.recursive(
    st.builds(Listing, st.tuples(_points), st.sampled_from([None, 1])), _rich_listing, max_leaves=4
)
_quotes = st.builds(Quote, st.lists(rich_paragraphs, min_size=1, max_size=3).map(tuple))


def _apart(blocks: list[Block]) -> tuple[Block, ...]:
    """Keep blocks apart that rich text would join: two quotes, two pieces of code, two listings."""
    kept: list[Block] = []
    for block in blocks:
        if kept and type(kept[-1]) is type(block) and not isinstance(block, Paragraph | Heading):
            continue
        kept.append(block)
    return tuple(kept)


lines = st.lists(
    st.one_of(
        rich_paragraphs,
        st.builds(Heading, st.integers(1, 6), rich_spans),
        rich_codes,
        _quotes,
        _listings,
    ),
    max_size=4,
).map(_apart)
