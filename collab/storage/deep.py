"""Every byte that a store must be able to answer for, checked without opening it for writing.

What a start does not look at because it would take too long: each record, bucket, snapshot, item
and signal against its own check, the numbering of each actor's records without a gap, and SQLite's
own view of its pages and indexes. For ``collab doctor --deep``; takes about a second per 100 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import apsw
from attrs import define, field

from collab.storage.audit import check_audit_chain
from collab.storage.directory import opened_for_looking
from collab.storage.errors import what_failed
from collab.storage.history import read_bucket
from collab.storage.limits import FINDINGS_MAX
from collab.storage.migrations import VERSION
from collab.storage.sealing import (
    SealBroken,
    fits,
    item_crc,
    record_crc,
    signal_crc,
    snapshot_label,
    unseal,
)

_INTEGRITY: Final = f"PRAGMA integrity_check({FINDINGS_MAX})"


@define
class DeepCondition:
    """What was checked, and what is wrong: ``owner: what``, at most ``FINDINGS_MAX`` of them."""

    checked: dict[str, int] = field(factory=dict)  # Table -> rows.
    findings: list[str] = field(factory=list)
    findings_left_out: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def found(self, what: str) -> None:
        """Note that something is wrong."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(what)
        else:
            self.findings_left_out += 1


def check_deeply(directory: Path) -> DeepCondition:
    """Check the whole store in *directory*, which nobody may have open; change nothing.

    Damage is among what is returned. Blocking: for a thread of its own, or a command.

    Raises:
      StoreUnusable: a start would be refused for what is there, or a server has it open.
    """
    condition = DeepCondition()
    with opened_for_looking(directory) as db:
        if db is None:
            return condition
        checks = (
            *(_check_pages, _check_records, _check_snapshots, _check_items, _check_signals),
            _check_audit,
        )
        for check in checks:
            try:
                check(db, condition)
            except apsw.Error as error:
                name = check.__name__.removeprefix("_check_")
                condition.found(f"{name} cannot be read whole: {what_failed(error)}")
    return condition


def _check_pages(db: apsw.Connection, condition: DeepCondition) -> None:
    for (line,) in db.execute(_INTEGRITY):
        if line != "ok":
            condition.found(f"SQLite: {' '.join(str(line).split())}")


def _check_records(db: apsw.Connection, condition: DeepCondition) -> None:
    """Check buckets and tail: each by itself, and that together they have no gap."""
    newest: dict[bytes, int] = {}  # actor -> the last record that follows the ones before it.
    for owner, first_seq, last_seq, digest, bucket in _rows(
        db,
        condition,
        "bucket",
        "SELECT CAST(actor AS BLOB), first_seq, last_seq, hash, data FROM bucket"
        " NOT INDEXED ORDER BY CAST(actor AS BLOB), last_seq",
    ):
        name = _name(owner)
        try:
            read_bucket(name, first_seq, last_seq, digest, bucket)
        except SealBroken as error:
            condition.found(f"{name}: {error}")
            last_seq = last_seq if isinstance(last_seq, int) else 0
        if owner in newest and first_seq != newest[owner] + 1:
            condition.found(f"{name}: record {newest[owner] + 1} is missing")
        newest[owner] = last_seq
    for (owner,) in db.execute("SELECT DISTINCT CAST(actor AS BLOB) FROM quarantine"):
        condition.found(f"{_name(owner)}: its records are in quarantine")
    for owner, seq, payload, crc in _rows(
        db,
        condition,
        "tail",
        "SELECT CAST(actor AS BLOB), seq, CAST(payload AS BLOB), crc FROM"
        " (SELECT * FROM tail_0 UNION ALL SELECT * FROM tail_1) ORDER BY id",
    ):
        name, last_seq = _name(owner), newest.get(owner, 0)
        if not fits(crc, record_crc, owner, seq, payload):
            condition.found(f"{name}: the check of record {seq} does not fit its bytes")
        elif seq == last_seq + 1:
            newest[owner] = seq
        elif seq > last_seq:  # Else it is in a bucket as well.
            condition.found(f"{name}: record {last_seq + 1} is missing")
            newest[owner] = seq
    for actor, seq in db.execute("SELECT CAST(actor AS BLOB), seq FROM snapshot"):
        if isinstance(seq, int) and seq > newest.get(actor, 0):
            condition.found(f"{_name(actor)}: its records end before its snapshot at {seq}")


def _check_snapshots(db: apsw.Connection, condition: DeepCondition) -> None:
    sql = "SELECT CAST(actor AS BLOB), seq, hash, data FROM snapshot"
    for owner, seq, digest, state in _rows(db, condition, "snapshot", sql):
        name = _name(owner)
        try:
            unseal(snapshot_label(name, seq), digest, state)
        except SealBroken as error:
            condition.found(f"{name}: {error}; it will be replayed")


def _check_items(db: apsw.Connection, condition: DeepCondition) -> None:
    sql = (
        "SELECT CAST(listing AS BLOB), CAST(owner AS BLOB), position, CAST(value AS BLOB), crc"
        " FROM item"
    )
    for listing, owner, position, value, crc in _rows(db, condition, "item", sql):
        if not fits(crc, item_crc, _name(listing), _name(owner), position, value):
            where = f"item {position} of {_name(listing)}"
            condition.found(f"{_name(owner)}: the check of {where} does not fit")


def _check_signals(db: apsw.Connection, condition: DeepCondition) -> None:
    sql = (
        "SELECT id, CAST(source AS BLOB), seq, idx, CAST(target AS BLOB), CAST(payload AS BLOB),"
        " crc FROM signal"
    )
    for row_id, source, seq, idx, target, payload, crc in _rows(db, condition, "signal", sql):
        if not fits(crc, signal_crc, _name(source), seq, idx, _name(target), payload):
            condition.found(f"{_name(target)}: signal {row_id} from {_name(source)} is damaged")


def _check_audit(db: apsw.Connection, condition: DeepCondition) -> None:
    if int(db.pragma("user_version")) < VERSION:
        return  # There was no such table then.
    proof = check_audit_chain(db, frozenset())
    if proof.entries:
        condition.checked["audit"] = proof.entries
    for finding in proof.findings:
        condition.found(f"audit: {finding}")
    condition.findings_left_out += proof.findings_left_out


def _rows(
    db: apsw.Connection, condition: DeepCondition, table: str, sql: str
) -> Iterator[tuple[Any, ...]]:
    """Yield what *sql* finds, counted under *table*."""
    for count, row in enumerate(db.execute(sql), 1):
        condition.checked[table] = count
        yield row


def _name(owner: bytes | None) -> str:
    """Return a name as text, also if it is none: a damaged row may hold anything."""
    return (owner or b"").decode("utf-8", "backslashreplace")
