"""Strict JSON: what both ``JSON.parse`` and Rust's serde_json take, bounded in depth and number.

Python's own parser also takes ``NaN``, numbers that overflow and escaped lone surrogates; here
they are refused. Its recursion is in C and bounded by the nesting that is allowed anyway.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final, Never

_RISKY_NUMBER: Final = re.compile(r"[eE]\+?[0-9]{3}|[0-9]{309}")
_HARMLESS: Final = frozenset({b"null", b"true", b"false", b"{}", b"[]", b'""'})


class BadJson(ValueError):
    """Not strict JSON, or too many elements."""


class TooDeepJson(ValueError):
    """Nested more deeply than allowed."""


def _no_constant(name: str) -> Never:
    raise BadJson(name)


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise BadJson("a number out of range")
    return value


def _depth(value: Any, deepest: int) -> int:
    """Return how deeply *value* is nested; more than *deepest* is told as one more."""
    level: Iterable[Any] = (value,)
    for depth in range(deepest + 1):
        containers = [item for item in level if type(item) is dict or type(item) is list]
        if not containers:
            return depth
        level = [
            item
            for container in containers
            for item in (container.values() if type(container) is dict else container)
        ]
    return deepest + 1


def parse_json(raw: bytes, *, elements_max: int, nesting_max: int) -> tuple[Any, int]:
    """Return the value of the UTF-8 text *raw* and how deeply it is nested (0: a plain value).

    Raises:
      BadJson: not strict JSON, or more than *elements_max* commas or brackets.
      TooDeepJson: nested deeper than *nesting_max*.
      UnicodeDecodeError: not UTF-8.
    """
    text = raw.decode()
    opened = raw.count(b"[") + raw.count(b"{")
    if opened > elements_max or raw.count(b",") > elements_max:
        raise BadJson(f"more than {elements_max} elements")
    # Only a text with a suspicious number pays for looking at all of its numbers.
    check = _finite if _RISKY_NUMBER.search(text) else None
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=check, parse_int=check)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise TooDeepJson from None
    except BadJson:
        raise
    except ValueError as error:  # Malformed; or a lone surrogate (UnicodeEncodeError).
        raise BadJson(str(error)[:120]) from None
    depth = _depth(value, nesting_max) if opened else 0
    if depth > nesting_max:
        raise TooDeepJson
    return value, depth


def json_depth(raw: bytes, *, elements_max: int, nesting_max: int) -> int:
    """Check *raw* as :func:`parse_json` does, and return only the nesting."""
    if raw in _HARMLESS:
        return 1 if raw[0] in b"[{" else 0
    return parse_json(raw, elements_max=elements_max, nesting_max=nesting_max)[1]
