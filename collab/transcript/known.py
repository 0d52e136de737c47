"""What is remembered of segments that left for storage, so that duplicates are still known.

A meeting with 10 segments a second has 6,000 of them within the lateness window: as objects they
would take a megabyte, here 28 bytes each. Two columns of equal order: 64-bit hashes of the
segments' keys, ascending, searched by bisection; and packed rows. Little-endian machines only,
like everything that a snapshot is ever moved between.
"""

from __future__ import annotations

import struct
import sys
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import msgpack  # type: ignore[import-untyped]
from attrs import define, frozen

_ROW: Final = struct.Struct("<QIQ")  # seq, revision * 2 + is_final, digest of the content
_KEY: Final = struct.Struct("<Q")

if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("transcripts need a little-endian machine")


@frozen
class Known:
    """What is left of a sealed line."""

    seq: int
    revision: int
    is_final: bool
    digest: int


@define
class KnownSegments:
    """The sealed segments of one bucket, over all of its parts."""

    next_part: int = 0
    keys: bytes = b""
    rows: bytes = b""

    def __len__(self) -> int:
        return len(self.keys) // _KEY.size

    def find(self, key_hash: int) -> Known | None:
        """Return what is known of the segment with this :func:`hash_of`."""
        keys = memoryview(self.keys).cast("Q")
        place = bisect_left(keys, key_hash)
        if place == len(keys) or keys[place] != key_hash:
            return None
        seq, packed, digest = _ROW.unpack_from(self.rows, place * _ROW.size)
        return Known(seq, packed >> 1, bool(packed & 1), digest)

    def add(self, segments: Iterable[tuple[int, tuple[int, int, int]]]) -> None:
        """Remember *segments*, as (hash, :func:`row_of`); newer revisions replace older ones."""
        held = zip(_KEY.iter_unpack(self.keys), _ROW.iter_unpack(self.rows), strict=True)
        rows = {key[0]: row for key, row in held}
        rows.update(segments)
        ordered = sorted(rows)
        self.keys = b"".join(map(_KEY.pack, ordered))
        self.rows = b"".join([_ROW.pack(*rows[key_hash]) for key_hash in ordered])


def row_of(seq: int, revision: int, is_final: bool, digest: int) -> tuple[int, int, int]:  # noqa: FBT001
    """Return what :meth:`KnownSegments.add` remembers of a segment."""
    return seq, revision << 1 | is_final, digest


def hash_of(key: str) -> int:
    """Return 64 bits of *key*, the same in every process (Python's own hash is not)."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little")


def digest_of(content: tuple[object, ...]) -> int:
    """Return 64 bits of a chunk's content, to tell a duplicate from a contradiction."""
    return int.from_bytes(blake2b(msgpack.packb(content), digest_size=8).digest(), "little")
