"""XML fragments, as ProseMirror, Tiptap and BlockNote write them: elements to blocks.

Names are compared without case and underscores, as ``code_block`` and ``codeBlock`` are the same
thing in two schemas. An element that we do not know is looked through: its blocks or words stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, cast

from attrs import frozen
from pycrdt import XmlElement, XmlText

from collab.notes.markdown.marks import marks_of
from collab.notes.markdown.tree import (
    HEADING_LEVEL_MAX,
    LIST_START_MAX,
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
    spans_of,
    tidy,
)

# Points of a list that stand alone, without a list around them (BlockNote).
_LONE_ITEMS: Final[Mapping[str, int | None]] = MappingProxyType(
    {"bulletlistitem": None, "numberedlistitem": 1, "checklistitem": None}
)
_INLINE: Final = frozenset({"hardbreak", "br", "image", "img", "mention"})


@frozen
class _Words:
    """Inlines that stand between blocks, before they are put into a paragraph."""

    inlines: tuple[Inline, ...]


def blocks_of_elements(nodes: Sequence[Any]) -> tuple[Block, ...]:
    """Return the blocks of a fragment's children."""
    return _joined(_read(nodes, 0))


def _children(element: XmlElement) -> list[Any]:
    children = element.children
    return [children[n] for n in range(len(children))]


def _attributes(element: XmlElement) -> dict[str, Any]:
    """Return them all; the library's view promises an iterable and is an iterator's maker."""
    return dict(cast("Iterable[tuple[str, Any]]", element.attributes))


def _name(element: XmlElement) -> str:
    return (element.tag or "").replace("_", "").lower()


def _read(nodes: Iterable[Any], depth: int) -> Iterator[Block | _Words]:
    for node in nodes:
        if isinstance(node, XmlText) or (isinstance(node, XmlElement) and _name(node) in _INLINE):
            yield _Words(tuple(_inlines([node])))
        elif isinstance(node, XmlElement):
            yield from _read_element(node, depth)
        elif isinstance(node, str):
            yield _Words(tuple(spans_of(node)))


def _read_element(element: XmlElement, depth: int) -> Iterator[Block | _Words]:
    name, children = _name(element), _children(element)
    attributes = _attributes(element)
    if name == "paragraph":
        yield Paragraph(tidy(_inlines(children)))
    elif name == "heading":
        level = _whole(attributes.get("level"), 1, HEADING_LEVEL_MAX, default=1)
        yield Heading(level, tidy(_inlines(children)))
    elif name == "codeblock":
        language = attributes.get("language") or attributes.get("params") or ""
        yield CodeBlock(clean(_words(children)), language_of(language))
    elif name in ("horizontalrule", "hr"):
        yield Rule()
    elif depth >= NESTING_MAX:
        yield Paragraph(tidy(spans_of(_words(children))))
    elif name == "blockquote":
        yield Quote(_joined(_read(children, depth + 1)))
    elif name in ("bulletlist", "orderedlist", "tasklist"):
        items = tuple(_item(child, depth + 1) for child in children if _is_element(child))
        first = attributes.get("start", attributes.get("order"))
        start = _whole(first, 0, LIST_START_MAX, default=1) if name == "orderedlist" else None
        if items:
            yield Listing(items, start)
    elif name in _LONE_ITEMS:
        yield Listing((_item(element, depth + 1),), _LONE_ITEMS[name])
    else:
        yield from _read(children, depth + 1)


def _is_element(node: Any) -> bool:
    return isinstance(node, XmlElement)


def _item(element: XmlElement, depth: int) -> ListItem:
    is_task = _name(element) in ("taskitem", "checklistitem")
    is_done = _attributes(element).get("checked") in (True, "true") if is_task else None
    return ListItem(_joined(_read(_children(element), depth)), is_done)


def _joined(parts: Iterable[Block | _Words]) -> tuple[Block, ...]:
    """Put loose words into paragraphs, and lone points of a kind into one list."""
    blocks: list[Block] = []
    loose: list[Inline] = []
    for part in parts:
        if isinstance(part, _Words):
            loose += part.inlines
            continue
        if loose:
            blocks.append(Paragraph(tidy(loose)))
            loose.clear()
        blocks.append(part)
    if loose:
        blocks.append(Paragraph(tidy(loose)))
    return tuple(merged(blocks))


def _inlines(nodes: Iterable[Any]) -> Iterator[Inline]:
    for node in nodes:
        if isinstance(node, XmlText):
            for piece, look in node.diff():
                if isinstance(piece, str):
                    yield from spans_of(piece, marks_of(look))
                elif isinstance(piece, XmlElement):
                    yield from _inlines([piece])
        elif isinstance(node, XmlElement):
            yield from _inline_element(node)


def _inline_element(element: XmlElement) -> Iterator[Inline]:
    name, attributes = _name(element), _attributes(element)
    if name in ("hardbreak", "br"):
        yield Break()
    elif name in ("image", "img"):
        src, alt = safe_url(attributes.get("src")), clean(str(attributes.get("alt") or ""))
        if src is not None:
            yield Image(src, alt.replace("\n", " "))
        elif alt:
            yield Span(alt)
    elif name == "mention":
        yield Span("@" + clean(str(attributes.get("label") or attributes.get("id") or "")))
    else:
        yield from _inlines(_children(element))


def _words(nodes: Iterable[Any]) -> str:
    """Return the words within *nodes*, without their looks."""
    texts: list[str] = []
    for inline in _inlines(nodes):
        if isinstance(inline, Span):
            texts.append(inline.text)
        elif isinstance(inline, Break):
            texts.append("\n")
    return "".join(texts)


def language_of(name: object) -> str:
    """Return *name* if it can stand behind a fence, else nothing."""
    word = str(name)
    return word if word.replace("-", "").replace("+", "").replace("#", "").isalnum() else ""


def _whole(value: object, low: int, high: int, *, default: int) -> int:
    """Return *value* as a whole number: editors write 2, 2.0 and "2"."""
    try:
        number = int(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return default
    return number if low <= number <= high else default
