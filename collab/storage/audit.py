"""The audit log as rows: pages of it, its end, and the proof that nobody has touched it.

Runs in a connection's thread, or in a command's own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any, Final

import apsw
import orjson
from attrs import define, field, frozen

from collab.audit.chain import START, Anchor, entry_from, next_hash
from collab.audit.entry import BROKEN, AuditEntry, AuditFilter, AuditRecord
from collab.storage.connection import fetch
from collab.storage.directory import DATABASE_NAME, opened_beside
from collab.storage.errors import StoreUnusable, remedy_for, what_failed
from collab.storage.limits import AUDIT_STEP_ROWS, FINDINGS_MAX

_log = logging.getLogger("collab.storage")

_FIRST: Final = START.id + 1  # What has a lower id is not the log's; a proof says so.
_COLUMNS: Final = (
    "id, at_ms, action, outcome, user, org, address, target, seq, count, until_ms, detail, hash"
)


def read_audit_page(db: apsw.Connection, wanted: AuditFilter) -> list[AuditRecord]:
    """Return the newest entries that fit *wanted*, newest first.

    Raises:
      apsw.Error: the device failed.
    """
    where, bindings = _where(wanted, _FIRST)
    sql = f"SELECT {_COLUMNS} FROM audit {where} ORDER BY id DESC LIMIT ?"
    return [_record(row) for row in fetch(db, sql, *bindings, wanted.limit)]


@frozen
class AuditEnd:
    """Where the log ends at a start, and what is to be written first if that is not right."""

    end: Anchor = START
    alarm: AuditEntry | None = None


def find_audit_end(db: apsw.Connection, clock_ms: Callable[[], int]) -> AuditEnd:
    """Return where the log ends; new entries follow it.

    If that is not the end that was noted, new entries have numbers after both and are chained to
    the noted one: whatever was cut off, added or rewritten, the break stays to be seen for ever.
    An entry of its own says so.

    Raises:
      apsw.Error: the device failed.
    """
    rows = fetch(db, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
    newest = Anchor(*rows[0]) if rows else START
    noted = _noted_end(db)
    if noted == newest:
        return AuditEnd(noted)
    _log.error("the end of the audit log is not where it was; run: collab audit verify")
    detail = orjson.dumps({"noted": str(noted), "found": str(newest)}).decode()
    alarm = AuditEntry(at_ms=clock_ms(), action=BROKEN, outcome="refused", detail=detail)
    return AuditEnd(Anchor(max(noted.id, newest.id, START.id), noted.hash), alarm)


def _noted_end(db: apsw.Connection) -> Anchor:
    rows = fetch(db, "SELECT value FROM meta WHERE name = 'audit_end'")
    try:
        return Anchor.parse(rows[0][0]) if rows else START
    except ValueError:
        return START


@define
class AuditCondition:
    """What a proof found: how many entries, where they end, and what is wrong."""

    entries: int = 0
    end: Anchor = START
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


def verify_audit(directory: Path, anchors: frozenset[Anchor]) -> AuditCondition:
    """Prove the audit log in *directory* from its first entry to its last, and change nothing.

    Args:
      anchors: Ends of the log from before, kept elsewhere; each must be in it.

    A server may have it open. Blocking; about 10 s for a million entries.

    Raises:
      StoreUnusable: there is no store that can be read.
    """
    with _opened(directory) as db:
        return check_audit_chain(db, anchors)


def check_audit_chain(db: apsw.Connection, anchors: frozenset[Anchor]) -> AuditCondition:
    """Do what :func:`verify_audit` does, on an open database. Raises: apsw.Error."""
    condition = AuditCondition()
    previous = START
    noted = _noted_end(db)  # Before the rows: a server may add some meanwhile.
    missing = {anchor.id: anchor.hash for anchor in anchors}
    for row in _all_rows(db, AuditFilter(), first=-inf):
        entry_id, digest = row[0], row[-1]
        condition.entries += 1
        if entry_id < _FIRST:
            condition.found(f"entry {entry_id} was added: the first one is {_FIRST}")
            continue
        if entry_id != previous.id + 1:
            condition.found(f"entries {previous.id + 1} to {entry_id - 1} are missing")
        elif digest != next_hash(previous.hash, entry_id, entry_from(row[1:-1])):
            condition.found(f"entry {entry_id} is not what was written after {previous.id}")
        if missing.pop(entry_id, digest) != digest:
            condition.found(f"entry {entry_id} is not the one of the anchor: all was rewritten")
        if noted.id == entry_id and noted.hash != digest:
            condition.found(f"entry {entry_id} is not the one that was noted as the newest")
        previous = Anchor(entry_id, digest)
    for entry_id in sorted(missing):
        condition.found(f"the log ends at {previous.id}, before the anchor at {entry_id}")
    if noted.id > previous.id:
        condition.found(f"the newest entries, {previous.id + 1} to {noted.id}, are missing")
    # After the rows, since a server that adds some notes them in the same transaction.
    if (noted_id := _noted_end(db).id) < previous.id:
        condition.found(f"entries {noted_id + 1} to {previous.id} were added: none was noted")
    condition.end = previous
    return condition


def export_audit(directory: Path, wanted: AuditFilter) -> Iterator[AuditRecord]:
    """Yield the entries that fit *wanted*, oldest first; ``before`` and ``limit`` do not count.

    A server may have the store open. Blocking.

    Raises:
      StoreUnusable: there is no store that can be read.
    """
    with _opened(directory) as db:
        for row in _all_rows(db, wanted, first=_FIRST):
            yield _record(row)


def _all_rows(
    db: apsw.Connection, wanted: AuditFilter, *, first: float
) -> Iterator[tuple[Any, ...]]:
    """Yield rows in order, a step at a time: a long read would keep the log from being emptied."""
    while True:
        where, bindings = _where(wanted, first)
        sql = f"SELECT {_COLUMNS} FROM audit {where} ORDER BY id LIMIT ?"
        rows = fetch(db, sql, *bindings, AUDIT_STEP_ROWS)
        if not rows:
            return
        yield from rows
        first = rows[-1][0] + 1


@contextmanager
def _opened(directory: Path) -> Iterator[apsw.Connection]:
    path = directory / DATABASE_NAME
    try:
        with opened_beside(directory) as db:
            yield db
    except apsw.Error as error:
        raise StoreUnusable(path, what_failed(error), remedy_for(error)) from error


def _where(wanted: AuditFilter, first: float) -> tuple[str, list[object]]:
    """Return the condition for what fits *wanted*, from the id *first* on, and its bindings."""
    pairs = (
        ("id >= ?", first),
        ("user = ?", wanted.user_id),
        ("org = ?", wanted.org_id),
        ("target = ?", wanted.target),
        ("action = ?", wanted.action),
        ("outcome = ?", wanted.outcome),
        ("at_ms >= ?", wanted.from_ms),
        ("at_ms < ?", wanted.until_ms),
        ("id < ?", wanted.before),
    )
    given = [(condition, value) for condition, value in pairs if value is not None]
    where = " AND ".join(condition for condition, _value in given)
    return f"WHERE {where}", [value for _condition, value in given]


def _record(row: tuple[Any, ...]) -> AuditRecord:
    entry_id, *columns, digest = row
    return AuditRecord(id=entry_id, entry=entry_from(columns), hash=digest)
