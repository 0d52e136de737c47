"""Crafts updates byte by byte, as no honest client would; and reads the golden ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from protocol.yjs.reader import varbytes, varstring, varuint

GOLDEN: Final = Path(__file__).parent / "golden.json"
ROOT: Final = "t"


def golden() -> list[dict[str, Any]]:
    """Return scenarios played with yjs 13.6.33: name, and updates with what Yjs reads in them."""
    scenarios: list[dict[str, Any]] = json.loads(GOLDEN.read_text())
    return scenarios


def golden_histories() -> list[list[bytes]]:
    """Return the updates of each scenario, in order."""
    return [
        [base64.b64decode(update["update"]) for update in scenario["updates"]]
        for scenario in golden()
    ]


def ident(client: int, clock: int) -> bytes:
    return varuint(client) + varuint(clock)


def item(
    content: bytes,
    *,
    kind: int = 4,
    origin: tuple[int, int] | None = None,
    right: tuple[int, int] | None = None,
    parent: tuple[int, int] | str | None = None,
    key: str | None = None,
) -> bytes:
    """Return one struct; without origins and parent it lies in the root ``ROOT``."""
    flags = kind | (0x80 if origin else 0) | (0x40 if right else 0) | (0x20 if key else 0)
    out = bytes((flags,))
    if origin:
        out += ident(*origin)
    if right:
        out += ident(*right)
    if not origin and not right:
        if isinstance(parent, tuple):
            out += b"\0" + ident(*parent)
        else:
            out += b"\1" + varstring(ROOT if parent is None else parent)
        if key:
            out += varstring(key)
    return out + content


def text(value: str, **place: Any) -> bytes:
    return item(varstring(value), **place)


def shared(ref: int = 1, name: str = "", **place: Any) -> bytes:
    """Return a struct that holds a shared type; 1 is a map, 3 an XML element with a name."""
    return item(varuint(ref) + (varstring(name) if ref == 3 else b""), kind=7, **place)


def values(encoded: bytes, count: int = 1, **place: Any) -> bytes:
    return item(varuint(count) + encoded, kind=8, **place)


def deleted(length: int, **place: Any) -> bytes:
    return item(varuint(length), kind=1, **place)


def embed(json_text: str | bytes, **place: Any) -> bytes:
    raw = json_text.encode() if isinstance(json_text, str) else json_text
    return item(varbytes(raw), kind=5, **place)


def gc(length: int) -> bytes:
    return b"\0" + varuint(length)


def skip(length: int) -> bytes:
    return b"\x0a" + varuint(length)


def section(client: int, clock: int, *structs: bytes) -> bytes:
    return varuint(len(structs)) + varuint(client) + varuint(clock) + b"".join(structs)


def deletions(client: int, *ranges: tuple[int, int]) -> bytes:
    """Return the ranges, given as (clock, length), of one client."""
    pairs = b"".join(varuint(clock) + varuint(length) for clock, length in ranges)
    return varuint(client) + varuint(len(ranges)) + pairs


def update(*sections: bytes, deletes: Sequence[bytes] = ()) -> bytes:
    head = varuint(len(sections)) + b"".join(sections)
    return head + varuint(len(deletes)) + b"".join(deletes)


def one(struct: bytes, *, client: int = 1, clock: int = 0) -> bytes:
    """Return an update with a single struct."""
    return update(section(client, clock, struct))
