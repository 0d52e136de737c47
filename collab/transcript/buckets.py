"""Sealed parts of time buckets as bytes: one row of the listing each, immutable and hashed.

``position = bucket * 1000 + part``. The bytes are MessagePack ``[1, bucket, part, [line, ...]]``,
each line an array in the order of :class:`Line`'s fields, lines by speech time then seq. The
same lines always give the same bytes, so the hash in the journal proves the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from operator import attrgetter
from typing import Final

import msgpack  # type: ignore[import-untyped]
from attrs import fields, frozen

from collab.limits import BUCKET_PARTS_MAX
from collab.transcript.state import Line, speech_order

FORMAT: Final = 1
_TO_ROW: Final = attrgetter(*(attribute.name for attribute in fields(Line)))


@frozen
class Part:
    """One sealed part, as read back."""

    bucket: int
    part: int
    lines: Sequence[Line]


def position_of(bucket: int, part: int) -> int:
    """Return where a part stands in the listing: by speech time, then by when it sealed."""
    return bucket * BUCKET_PARTS_MAX + part


def encode_part(bucket: int, part: int, lines: Iterable[Line]) -> bytes:
    """Return the canonical bytes of a part."""
    rows = [_TO_ROW(line) for line in sorted(lines, key=speech_order)]
    packed: bytes = msgpack.packb([FORMAT, bucket, part, rows])
    return packed


def decode_part(value: bytes) -> Part:
    """Inverse of :func:`encode_part`.

    Raises:
      ValueError: the bytes are of a format that this version does not know.
    """
    form, bucket, part, rows = msgpack.unpackb(value)
    if form != FORMAT:
        raise ValueError(f"bucket format {form} is not {FORMAT}")
    return Part(bucket, part, [Line(*row) for row in rows])


def hash_part(value: bytes) -> str:
    """Return the hash under which a part was sealed."""
    return blake2b(value, digest_size=32).hexdigest()
