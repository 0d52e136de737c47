"""What a message is made of: a few kinds of parts, told apart by ``type`` on the wire.

Senders' parts are checked here, once; from then on they are plain structures, in journal, rows
and frames alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import msgpack  # type: ignore[import-untyped]
from attrs import field, fields, frozen

from collab.limits import MESSAGE_BYTES_MAX, NAME_LEN_MAX, TEXT_LEN_MAX, TOOL_DEPTH_MAX, URL_LEN_MAX
from collab.messages.checks import identifier, number, words

SAFE_URL_PREFIXES: Final = ("https://", "http://")
INT_MAX: Final = 2**53 - 1


def _check_one_source(part: Image | File) -> None:
    if (part.file_id is None) == (part.url is None):
        raise ValueError("give either file_id or url")
    if part.url is not None and not part.url.lower().startswith(SAFE_URL_PREFIXES):
        raise ValueError("url must begin with https:// or http://")


def _check_plain(_instance: object, attribute: Any, value: object) -> None:
    """Refuse what some client could not read: deep nesting, bytes, huge integers, NaN.

    Iterative, and bounded by the bytes of a message, so that no input costs more than its size.
    """
    waiting: list[tuple[object, int]] = [(value, 1)]
    seen = 0
    while waiting:
        item, depth = waiting.pop()
        seen += 1
        if depth > TOOL_DEPTH_MAX or seen > MESSAGE_BYTES_MAX:
            raise ValueError(f"{attribute.name} is nested too deeply or too large")
        if isinstance(item, Mapping):
            waiting += [(key, TOOL_DEPTH_MAX) for key in item if _is_key(key, attribute.name)]
            waiting += [(value, depth + 1) for value in item.values()]
        elif isinstance(item, list | tuple):
            waiting += [(value, depth + 1) for value in item]
        elif not _is_plain(item):
            raise ValueError(f"{attribute.name} holds something that is not plain JSON")


def _is_key(key: object, name: str) -> bool:
    if not isinstance(key, str):
        raise ValueError(f"{name} has a key that is not text")  # noqa: TRY004 - one error type
    return True


def _is_plain(item: object) -> bool:
    if item is None or isinstance(item, bool):
        return True
    if isinstance(item, str):
        item.encode()  # Half a surrogate pair raises UnicodeEncodeError, a ValueError.
        return True
    if isinstance(item, int):
        return -INT_MAX <= item <= INT_MAX
    return isinstance(item, float) and item - item == 0  # Neither infinite nor NaN.


@frozen(kw_only=True)
class Text:
    """Words, as the author wrote them. Clients show them as text, never as markup."""

    TAG: ClassVar[str] = "text"
    text: str = words(TEXT_LEN_MAX, len_min=1)


@frozen(kw_only=True)
class Image:
    """A picture: an uploaded file, or an address."""

    TAG: ClassVar[str] = "image"
    file_id: str | None = identifier(default=None)
    url: str | None = words(URL_LEN_MAX, default=None)
    alt: str | None = words(TEXT_LEN_MAX, default=None)

    def __attrs_post_init__(self) -> None:
        _check_one_source(self)


@frozen(kw_only=True)
class File:
    """Any other file: uploaded, or at an address."""

    TAG: ClassVar[str] = "file"
    file_id: str | None = identifier(default=None)
    url: str | None = words(URL_LEN_MAX, default=None)
    name: str = words(NAME_LEN_MAX, len_min=1)
    mime: str | None = identifier(NAME_LEN_MAX, default=None)
    size_bytes: int | None = number(0, INT_MAX, default=None)

    def __attrs_post_init__(self) -> None:
        _check_one_source(self)


@frozen(kw_only=True)
class ToolCall:
    """An assistant asks a tool to do something."""

    TAG: ClassVar[str] = "tool_call"
    call_id: str = identifier()
    name: str = identifier(NAME_LEN_MAX)
    arguments: Mapping[str, Any] = field(factory=dict, validator=_check_plain)


@frozen(kw_only=True)
class ToolResult:
    """What the tool answered to the call with this id."""

    TAG: ClassVar[str] = "tool_result"
    call_id: str = identifier()
    name: str | None = identifier(NAME_LEN_MAX, default=None)
    result: Any = field(default=None, validator=_check_plain)
    is_error: bool = False


@frozen(kw_only=True)
class Reasoning:
    """What a model thought aloud before it answered."""

    TAG: ClassVar[str] = "reasoning"
    text: str = words(TEXT_LEN_MAX, len_min=1)


Part = Text | Image | File | ToolCall | ToolResult | Reasoning
PART_CLASSES: Final = (Text, Image, File, ToolCall, ToolResult, Reasoning)


def plain(part: Part) -> dict[str, Any]:
    """Return *part* as it is stored and sent: ``type`` first, absent fields left out.

    It shares nothing with *part*, whose maker may go on writing in what they gave.
    """
    held: dict[str, Any] = {"type": part.TAG}
    for attribute in fields(type(part)):
        value = getattr(part, attribute.name)
        if value is not None:
            held[attribute.name] = owned(value)
    return held


def owned(value: Any) -> Any:
    """Return a copy of a plain *value*, as the journal would give it back: lists for tuples."""
    if isinstance(value, Mapping):
        return {key: owned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [owned(item) for item in value]
    return value


def weigh(parts: Sequence[Mapping[str, Any]]) -> int:
    """Return how many bytes plain *parts* take when packed."""
    return len(msgpack.packb(parts))
