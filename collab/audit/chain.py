"""How entries prove each other: each one's hash covers the hash before it.

``hash(n) = SHA-256(hash(n-1) + MessagePack of [id, and every field of the entry])``, and the first
one follows ``GENESIS``. Changing, taking out, adding or moving an entry changes every hash after
it. What no chain can show by itself is that its end was cut off, or that all of it was written
anew: for that somebody else has to know an *anchor*, a number and its hash, from before.
``docs/threats.md`` says where anchors are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]
from attrs import fields, frozen

from collab.audit.entry import AuditEntry, AuditRecord

HASH_LEN: Final = 32
GENESIS: Final = bytes(HASH_LEN)
_ANCHOR: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@frozen
class Anchor:
    """Where the log ended at some time: the newest id, and its hash."""

    id: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.id}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """Inverse of ``str``. Raises ValueError."""
        match = _ANCHOR.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text[:100]!r} is no anchor: NUMBER:64 hexadecimal digits")
        return cls(int(match[1]), bytes.fromhex(match[2]))


_NAMES: Final = tuple(attribute.name for attribute in fields(AuditEntry))
_COLUMNS: Final = attrgetter(*_NAMES)
START: Final = Anchor(0, GENESIS)


def columns_of(entry: AuditEntry) -> tuple[object, ...]:
    """Return the fields of *entry*, as they are stored and hashed."""
    columns: tuple[object, ...] = _COLUMNS(entry)
    return columns


def entry_from(columns: Sequence[Any]) -> AuditEntry:
    """Inverse of :func:`columns_of`."""
    return AuditEntry(**dict(zip(_NAMES, columns, strict=True)))


def next_hash(previous: bytes, entry_id: int, entry: AuditEntry) -> bytes:
    """Return the hash of *entry* in its place after *previous*."""
    packed: bytes = msgpack.packb([entry_id, *columns_of(entry)])
    return hashlib.sha256(previous + packed).digest()


class Chain:
    """The end of the log, where entries get their places. In the order in which they are stored."""

    def __init__(self, end: Anchor = START) -> None:
        self.end = end

    def link(self, entry: AuditEntry) -> AuditRecord:
        """Give *entry* its place; from now on the log ends with it."""
        entry_id = self.end.id + 1
        digest = next_hash(self.end.hash, entry_id, entry)
        self.end = Anchor(entry_id, digest)
        return AuditRecord(id=entry_id, entry=entry, hash=digest)
