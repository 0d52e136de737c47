"""Bytes that prove themselves: checks of tail records, sealed buckets and snapshots.

A bucket's body is the payloads' lengths (32 bits each, little-endian) and then the payloads. Sealed
data starts with a byte that says how the body is stored; the hash also covers whose it is, so
that a row which ends up under another name is found out.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from array import array
from collections.abc import Callable, Sequence
from typing import Final

from collab.storage.limits import BUCKET_ZLIB_LEVEL

_PLAIN: Final = b"\x00"
_ZLIB: Final = b"\x01"
_HASH_BYTES: Final = 16


class SealBroken(Exception):
    """Stored bytes are not what was stored. The message says which check failed."""


def record_crc(actor: bytes, seq: int, payload: bytes) -> int:
    """Return the check of one tail record: 32 bits over whose it is, its number, its bytes."""
    return zlib.crc32(payload, zlib.crc32(b"%d:%b" % (seq, actor)))


def item_crc(listing: str, owner: str, position: int, value: bytes) -> int:
    """Return the check of one listing row: 32 bits over where it stands and its bytes."""
    return zlib.crc32(value, zlib.crc32(f"{position}:{listing}:{owner}".encode()))


def signal_crc(source: str, seq: int, idx: int, target: str, payload: bytes) -> int:
    """Return the check of one signal: 32 bits over whose it is, for whom, and its bytes.

    Not over its id, which orders it, nor its slot, which only says what may replace it.
    """
    return zlib.crc32(payload, zlib.crc32(f"{seq}:{idx}:{source}:{target}".encode()))


def fits(crc: object, check: Callable[..., int], *columns: object) -> bool:
    """Say whether *check* of *columns* gives *crc*. In a damaged row a column may hold anything."""
    try:
        return check(*columns) == crc
    except (TypeError, ValueError):
        return False


def seal(label: str, body: bytes) -> tuple[bytes, bytes]:
    """Return (hash, data) for *body*: compressed if that makes it smaller."""
    packed = zlib.compress(body, BUCKET_ZLIB_LEVEL)
    data = _ZLIB + packed if len(packed) < len(body) else _PLAIN + body
    return _hash(label, data), data


def unseal(label: str, digest: object, data: object) -> bytes:
    """Return the body that :func:`seal` got. Of a damaged row, the columns may hold anything.

    Raises:
      SealBroken: the hash does not fit the data or the label.
    """
    if not isinstance(data, bytes) or _hash(label, data) != digest:
        raise SealBroken(f"the hash of {label} does not fit its bytes")
    return zlib.decompress(data[1:]) if data[:1] == _ZLIB else data[1:]


def bucket_label(actor: str, first_seq: int, last_seq: int) -> str:
    """Return what a bucket's hash covers besides its data."""
    return f"bucket {first_seq}-{last_seq} of {actor}"


def snapshot_label(actor: str, seq: int) -> str:
    """Return what a snapshot's hash covers besides its data."""
    return f"snapshot {seq} of {actor}"


def join_payloads(payloads: Sequence[bytes]) -> bytes:
    """Return the body of a bucket that holds *payloads*."""
    lengths = array("I", map(len, payloads))
    if sys.byteorder == "big":
        lengths.byteswap()
    return lengths.tobytes() + b"".join(payloads)


def split_payloads(body: bytes, count: int) -> list[bytes]:
    """Inverse of :func:`join_payloads`.

    Raises:
      SealBroken: *body* does not hold *count* payloads.
    """
    lengths = array("I", body[: 4 * count])
    if sys.byteorder == "big":
        lengths.byteswap()
    payloads = []
    start = 4 * count
    for length in lengths:
        payloads.append(body[start : start + length])
        start += length
    if start != len(body) or len(payloads) != count:
        raise SealBroken(f"a bucket does not hold {count} records")
    return payloads


def _hash(label: str, data: bytes) -> bytes:
    digest = hashlib.blake2b(data, digest_size=_HASH_BYTES)
    digest.update(label.encode())
    return digest.digest()
