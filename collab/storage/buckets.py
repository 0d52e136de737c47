"""Making buckets of tail records. Runs in the background connection's thread.

A bucket that is smaller than two pages takes the next records in: the page is written anyway,
and an actor that writes a little now and then would end up with a bucket for each record.
"""

from __future__ import annotations

import math
from array import array

import apsw
from attrs import define, field, frozen

from collab.storage.connection import fetch
from collab.storage.group import Bucket
from collab.storage.history import read_bucket, read_tail
from collab.storage.limits import BUCKET_BYTES_MAX, BUCKET_BYTES_MIN
from collab.storage.sealing import SealBroken, bucket_label, join_payloads, seal


@frozen
class Portion:
    """Consecutive tail records of one actor that one step seals."""

    actor_id: str
    first_seq: int
    last_seq: int
    ids: array[int]
    nbytes: int


@define(eq=False)
class Sealed:
    """What one step made."""

    buckets: list[Bucket] = field(factory=list)
    replaced: list[int] = field(factory=list)
    damaged: dict[str, str] = field(factory=dict)


def seal_portions(db: apsw.Connection, portions: list[Portion], now_ms: int) -> Sealed:
    """Read *portions* and seal them. Runs in the background connection's thread.

    Raises:
      apsw.Error: the device failed.
    """
    sealed = Sealed()
    for portion in portions:
        try:
            _seal_portion(db, portion, now_ms, sealed)
        except (SealBroken, apsw.CorruptError) as error:
            sealed.damaged[portion.actor_id] = str(error)
    return sealed


def _seal_portion(db: apsw.Connection, portion: Portion, now_ms: int, sealed: Sealed) -> None:
    actor_id, first_seq = portion.actor_id, portion.first_seq
    records = list(read_tail(db, actor_id, portion.ids, after=first_seq - 1))
    if len(records) != len(portion.ids):
        raise SealBroken(f"record {first_seq + len(records)} is missing")
    newest = fetch(
        db,
        "SELECT id, first_seq, last_seq, hash, data FROM bucket"
        " WHERE actor = ? AND last_seq = ? AND size < ?",
        actor_id,
        first_seq - 1,
        BUCKET_BYTES_MIN,
    )
    for bucket_id, first, last, digest, data in newest:
        records[:0] = read_bucket(actor_id, first, last, digest, data)
        first_seq = first
        sealed.replaced.append(bucket_id)
    sealed.buckets.extend(_buckets(actor_id, first_seq, records, now_ms))


def _buckets(actor_id: str, first_seq: int, records: list[bytes], now_ms: int) -> list[Bucket]:
    """Return *records* as buckets of at most ``BUCKET_BYTES_MAX``, but for single larger ones."""
    buckets: list[Bucket] = []
    start, size = 0, 0
    for at, payload in enumerate([*records, None]):
        nbytes = math.inf if payload is None else len(payload)
        if at > start and size + nbytes > BUCKET_BYTES_MAX:
            first, last = first_seq + start, first_seq + at - 1
            digest, data = seal(
                bucket_label(actor_id, first, last), join_payloads(records[start:at])
            )
            buckets.append(Bucket(actor_id, first, last, size, now_ms, digest, data))
            start, size = at, 0
        if payload is not None:
            size += len(payload)
    return buckets
