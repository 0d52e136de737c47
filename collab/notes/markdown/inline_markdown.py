"""Inlines as Markdown that reads back as the same inlines, whatever the words are.

Signs are ``**``, ``_``, ``~~``, backticks and ``[]()``. A sign only counts where the characters
beside it allow that ("flanking" in the specification of CommonMark); where they do not, the
character beside it is written as a numeric entity, which counts as punctuation and reads the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from attrs import define, field
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace

from collab.notes.markdown.tree import Break, Image, Inline, Marks, Span

_ESCAPED: Final = re.compile(r"([\\`*_\[\]<>~&])")
# What would begin a block if it stood first in a line.
_BLOCK_SIGN: Final = re.compile(r"(?:#{1,6}(?=\s|$)|[-+=]|\d{1,9}(?=[.)](?:\s|$)))")
_SIGNS: Final = (("bold", "**"), ("italic", "_"), ("strike", "~~"))
Side = Literal["open", "close"]


@define
class _Writer:
    """The pieces written so far. A delimiter is a piece of its own, as its neighbours matter."""

    pieces: list[str] = field(factory=list)
    signs: list[tuple[int, Side]] = field(factory=list)  # Where delimiters stand among the pieces.
    open: list[str] = field(factory=list)  # Names of marks, outermost first.
    link: str | None = None

    def at_line_start(self) -> bool:
        return not self.pieces or self.pieces[-1].endswith("\n")


def markdown_of_inlines(inlines: Sequence[Inline], *, breaks: bool = True) -> str:
    """Return *inlines* as Markdown; without *breaks* (a heading is one line) they are spaces."""
    writer = _Writer()
    for inline in inlines:
        _to_link(writer, _link_of(inline))
        if isinstance(inline, Break):
            _to_marks(writer, Marks())
            writer.pieces.append("\\\n" if breaks else " ")
        elif isinstance(inline, Image):
            _to_marks(writer, Marks())
            writer.pieces.append(f"![{_escape(inline.alt)}]({_address(inline.src)})")
        else:
            _write_span(writer, inline)
    _to_marks(writer, Marks())
    _to_link(writer, None)
    pieces = writer.pieces
    if pieces and pieces[-1][-1].isspace():
        _entity(pieces, len(pieces) - 1, faces_right=True)
    # What one sign needs may take a letter from the sign on the other side of it, in one direction.
    _guard_signs(pieces, writer.signs)
    _guard_signs(pieces, writer.signs[::-1])
    return "".join(pieces)


def _link_of(inline: Inline) -> str | None:
    if isinstance(inline, Span):
        return inline.marks.link
    return inline.link if isinstance(inline, Image) else None


def _to_link(writer: _Writer, link: str | None) -> None:
    """Close the link that is open and open *link*, unless they are the same."""
    if writer.link == link:
        return
    _to_marks(writer, Marks())  # Marks never reach over a link's edge.
    if writer.link is not None:
        writer.pieces.append(f"]({_address(writer.link)})")
    if link is not None:
        if writer.pieces and writer.pieces[-1].endswith("!"):
            writer.pieces[-1] = writer.pieces[-1][:-1] + "\\!"  # Or the link would be an image.
        writer.pieces.append("[")
    writer.link = link


def _to_marks(writer: _Writer, marks: Marks) -> None:
    """Close marks down to the outermost one that ends, then open what is missing."""
    wanted = [name for name, _sign in _SIGNS if getattr(marks, name)]
    signs = dict(_SIGNS)
    while any(name not in wanted for name in writer.open):
        writer.signs.append((len(writer.pieces), "close"))
        writer.pieces.append(signs[writer.open.pop()])
    for name in wanted:
        if name not in writer.open:
            writer.signs.append((len(writer.pieces), "open"))
            writer.pieces.append(signs[name])
            writer.open.append(name)


def _write_span(writer: _Writer, span: Span) -> None:
    if span.marks.code:
        _to_marks(writer, span.marks)
        writer.pieces.append(_code(span.text))
        return
    at_start = writer.at_line_start()
    _to_marks(writer, span.marks)
    text = _escape(span.text)
    if at_start:
        text = _guard_line_start(text, is_first=writer.at_line_start())
    writer.pieces.append(text)


def _escape(text: str) -> str:
    return _ESCAPED.sub(r"\\\1", text).replace("\n", " ")


def _guard_line_start(text: str, *, is_first: bool) -> str:
    """Keep a line's first words from being read as a block, or from losing their spaces."""
    if text[0].isspace():
        return f"&#{ord(text[0])};{text[1:]}"
    sign = _BLOCK_SIGN.match(text) if is_first else None
    if sign is None:
        return text
    if sign[0].isdigit():
        return f"{sign[0]}\\{text[sign.end() :]}"
    return f"\\{text}"


def _code(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    needs_room = (
        text[0] == "`" or text[-1] == "`" or (text[0] == text[-1] == " " and text.strip(" "))
    )
    room = " " if needs_room else ""
    return f"{fence}{room}{text}{room}{fence}"


def _address(url: str) -> str:
    if re.fullmatch(r"[^\s<>()\\&*_`\[\]]+", url):
        return url
    return "<" + re.sub(r"([<>\\&])", r"\\\1", url) + ">"


# ---------------------------------------------------------------- signs and their neighbours


def _guard_signs(pieces: list[str], signs: Iterable[tuple[int, Side]]) -> None:
    """Write as entities those neighbours of *signs* that would keep them from counting."""
    for at, side in signs:
        is_open = side == "open"
        outer, inner = (at - 1, at + 1) if is_open else (at + 1, at - 1)
        inside = _facing(pieces, inner, faces_right=not is_open)
        assert inside is not None, "marks that hold nothing are never written"
        if isWhiteSpace(ord(inside)):
            _entity(pieces, inner, faces_right=not is_open)
        elif not _is_punct(inside) and pieces[at] != "_":
            continue  # A letter inside: the sign counts whatever is outside.
        outside = _facing(pieces, outer, faces_right=is_open)
        if outside is not None and not (isWhiteSpace(ord(outside)) or _is_punct(outside)):
            _entity(pieces, outer, faces_right=is_open)


def _facing(pieces: Sequence[str], at: int, *, faces_right: bool) -> str | None:
    """Return the character of piece *at* that faces the sign; None at the edge of it all."""
    if not 0 <= at < len(pieces):
        return None
    return pieces[at][-1] if faces_right else pieces[at][0]


def _entity(pieces: list[str], at: int, *, faces_right: bool) -> None:
    piece = pieces[at]
    if faces_right:
        pieces[at] = f"{piece[:-1]}&#{ord(piece[-1])};"
    else:
        pieces[at] = f"&#{ord(piece[0])};{piece[1:]}"


def _is_punct(char: str) -> bool:
    return isMdAsciiPunct(ord(char)) or isPunctChar(char)
