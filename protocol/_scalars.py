"""Strict hooks for single values: texts, numbers, bytes, choices, and plain data as it is.

A hook takes ``(value, shape)`` and returns the structured value or raises :class:`Misfit`.
"""

from __future__ import annotations

import base64
import binascii
import enum
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType, NoneType
from typing import Any, Final, get_args

from protocol.limits import INT_MAX

Hook = Callable[[Any, Any], Any]

JSON: Final = "json"
MSGPACK: Final = "msgpack"
STORAGE: Final = "storage"  # msgpack that we wrote ourselves: no bounds of the wire.

KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {
        NoneType: "null",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        bytes: "bytes",
        list: "a list",
        tuple: "a list",
        dict: "a map",
    }
)


class Misfit(ValueError):
    """A value that does not have the declared shape."""


class MisfitAt(ValueError):
    """A misfit inside a list or map, at *place*; its cause says what."""

    def __init__(self, place: int | str) -> None:
        super().__init__(place)
        self.place = place


def wrong(expected: str, value: object) -> Misfit:
    return Misfit(f"expected {expected}, got {KINDS.get(type(value), 'something else')}")


# ---------------------------------------------------------------- scalars


def text_hook(value: Any, _shape: Any) -> str:
    if type(value) is not str:
        raise wrong("a string", value)
    if "\x00" in value:
        raise Misfit("holds a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Misfit("holds a lone surrogate") from None
    return value


def stored_text_hook(value: Any, _shape: Any) -> str:
    if type(value) is not str:
        raise wrong("a string", value)
    return value


def integer_hook(value: Any, _shape: Any) -> int:
    if type(value) is not int:
        raise wrong("an integer", value)
    if not -INT_MAX <= value <= INT_MAX:
        raise Misfit(f"is beyond {INT_MAX}")
    return value


def stored_integer_hook(value: Any, _shape: Any) -> int:
    if type(value) is not int:
        raise wrong("an integer", value)
    return value


def number_hook(value: Any, _shape: Any) -> float:
    if type(value) is int:
        return float(value)
    if type(value) is not float:
        raise wrong("a number", value)
    if not math.isfinite(value):
        raise Misfit("is not a finite number")
    return value


def boolean_hook(value: Any, _shape: Any) -> bool:
    if type(value) is not bool:
        raise wrong("a boolean", value)
    return value


def nothing_hook(value: Any, _shape: Any) -> None:
    if value is not None:
        raise wrong("null", value)


def native_bytes_hook(value: Any, _shape: Any) -> bytes:
    if type(value) is not bytes:
        raise wrong("bytes", value)
    return value


def base64_bytes_hook(value: Any, _shape: Any) -> bytes:
    if type(value) is not str:
        raise wrong("a base64 string", value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Misfit("is not base64") from None


def plain_hook(encoding: str) -> Hook:
    """Return the hook of ``Any``: plain data only, handed on as it is."""
    text = stored_text_hook if encoding == STORAGE else text_hook
    integer = stored_integer_hook if encoding == STORAGE else integer_hook

    def plain(value: Any, shape: Any) -> Any:
        kind = type(value)
        if kind is str:
            text(value, shape)
        elif kind is dict:
            for key, item in value.items():
                if type(key) is not int or encoding != STORAGE:
                    text(key, shape)
                plain(item, shape)
        elif kind is list or kind is tuple:
            for item in value:
                plain(item, shape)
        elif kind is int:
            integer(value, shape)
        elif kind is float:
            number_hook(value, shape)
        elif not (value is None or kind is bool or (kind is bytes and encoding != JSON)):
            raise wrong("plain data", value)
        return value

    return plain


# ---------------------------------------------------------------- choices


def _choice_hook(choices: Mapping[tuple[type, Any], Any]) -> Hook:
    names = ", ".join(repr(value) for _, value in choices)

    def choose(value: Any, _shape: Any) -> Any:
        # The type is part of the key: True is not 1. Lists and maps cannot be hashed.
        if type(value) not in KINDS or type(value) in (list, tuple, dict):
            raise wrong(f"one of {names}", value)
        try:
            return choices[type(value), value]
        except KeyError:
            raise Misfit(f"is not one of {names}") from None

    return choose


def literal_factory(shape: Any) -> Hook:
    return _choice_hook({(type(value), value): value for value in get_args(shape)})


def enum_factory(shape: Any) -> Hook:
    return _choice_hook({_enum_key(member): member for member in shape})


def _enum_key(member: enum.Enum) -> tuple[type, Any]:
    return type(member.value), member.value
