"""What may not reach a transaction: checked before anything is queued, alike for every store.

A value that SQLite refuses in the middle of a group commit would be everybody's failure; here it is
the mistake of one caller, and nothing has happened yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field

from actors import Batch
from collab.audit.entry import AuditEntry, AuditRow
from collab.kind import Put, Remove
from collab.storage.limits import PAYLOAD_BYTES_MAX
from collab.storage.rows import SignalRow

_INTEGER_MAX: Final = 2**63 - 1


@define(eq=False)
class Projection:
    """A batch's rows, sorted by what they are. A later row for the same item wins."""

    items: dict[tuple[str, str, int], bytes | None] = field(factory=dict)
    signals: list[tuple[int, SignalRow]] = field(factory=list)  # (seq, row)
    audit: list[AuditEntry] = field(factory=list)


def check_batch(batch: Batch) -> Projection | None:
    """Return the rows of *batch* after checking all of it; None: it has none.

    Raises:
      TypeError: a payload is not bytes, or a row is of no known class.
      ValueError: something is too large, or a name is no text that can be stored.
    """
    check_name(batch.actor_id)
    for payload in batch.payloads:
        check_size(payload)
    if not batch.rows:
        return None
    last_seq = batch.first_seq + len(batch.payloads) - 1
    return projection_of(batch.actor_id, batch.rows, last_seq)


def projection_of(owner: str, rows: Iterable[object], last_seq: int) -> Projection:
    """Return *rows* of *owner*, sorted and checked. Raises as :func:`check_batch` does."""
    projection = Projection()
    for row in rows:
        match row:
            case Put():
                check_name(row.listing)
                check_size(row.value)
                check_integers([row.position])
                projection.items[row.listing, owner, row.position] = row.value
            case Remove():
                check_name(row.listing)
                check_integers([row.position])
                projection.items[row.listing, owner, row.position] = None
            case SignalRow():
                check_name(row.target)
                check_name(row.slot or "")
                check_size(row.payload)
                check_integers([row.seq, row.index])
                projection.signals.append((row.seq or last_seq, row))
            case AuditRow():
                projection.audit.append(check_audit(row.entry))
            case _:
                raise TypeError(f"a store knows no rows of {type(row).__name__}")
    return projection


def check_audit(entry: AuditEntry) -> AuditEntry:
    """Return *entry*. Raise ValueError if it cannot be stored."""
    for text in (entry.user_id, entry.org_id, entry.address, entry.target, entry.detail):
        check_name(text)
    check_integers([entry.at_ms, entry.seq, entry.count, entry.until_ms])
    return entry


def check_name(name: str) -> None:
    """Raise ValueError unless *name* can be stored as text."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"a name holds half a character: {name!r}") from error
    if "\0" in name:
        raise ValueError(f"a name holds a NUL: {name!r}")


def check_size(payload: bytes) -> None:
    """Raise TypeError unless *payload* is bytes, ValueError if it is over the bound."""
    if not isinstance(payload, bytes):
        raise TypeError(f"a payload is {type(payload).__name__}, not bytes")
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"a payload of {len(payload)} bytes is over {PAYLOAD_BYTES_MAX}")


def check_integers(numbers: Sequence[int]) -> None:
    """Raise ValueError unless every number fits 64 bits."""
    for number in numbers:
        if not -_INTEGER_MAX <= number <= _INTEGER_MAX:
            raise ValueError(f"{number} does not fit 64 bits")


def check_limit(limit: int) -> None:
    """Raise ValueError for a negative *limit*, which SQLite takes for none."""
    if limit < 0:
        raise ValueError(f"limit is {limit}")
