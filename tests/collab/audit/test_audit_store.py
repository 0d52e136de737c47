"""The audit log at rest: its chain, its pages, its transaction, and what a proof finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import apsw
import pytest

from actors import Batch, JournalConflict
from collab.audit import GENESIS, Anchor, AuditEntry, AuditFilter, Chain
from collab.audit.entry import AuditRow
from collab.storage import (
    MemoryStore,
    SqliteStore,
    StoreUnusable,
    check_deeply,
    export_audit,
    open_store,
    verify_audit,
)

NOW_MS: Final = 1_800_000_000_000
Store = SqliteStore | MemoryStore


def entry(number: int, **fields: object) -> AuditEntry:
    given = {"user_id": f"u{number % 3}", "target": f"chat:c{number % 2}", "action": "members.add"}
    return AuditEntry(at_ms=NOW_MS + number, outcome="granted", **{**given, **fields})  # type: ignore[arg-type]


@asynccontextmanager
async def opened(path: Path | None) -> AsyncIterator[Store]:
    if path is None:
        yield MemoryStore()
        return
    async with open_store(path, clock_ms=lambda: NOW_MS) as store:
        yield store


@pytest.fixture(params=["sqlite", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "store" if request.param == "sqlite" else None


async def test_an_entry_is_stored_with_the_event_it_describes(place: Path | None) -> None:
    """[A1.1] One transaction: an event that is not stored leaves no entry."""
    async with opened(place) as store:
        await store.append(Batch("chat:a", 1, [b"e"], [AuditRow(entry(1, seq=1))]))
        with pytest.raises(JournalConflict):
            await store.append(Batch("chat:a", 5, [b"e"], [AuditRow(entry(2))]))
        (record,) = await store.audit_page(AuditFilter())
        assert (record.id, record.entry) == (1, entry(1, seq=1))


async def test_each_entry_proves_the_one_before_also_after_a_restart(tmp_path: Path) -> None:
    """[A1.2] The chain goes on where it ended."""
    chain = Chain()
    expected = [chain.link(entry(number)) for number in range(6)]
    for numbers in (range(4), range(4, 6)):
        async with open_store(tmp_path, clock_ms=lambda: NOW_MS) as store:
            store.audit_soon([entry(number) for number in numbers])
            await store.append(Batch(f"chat:{numbers[0]}", 1, [b"e"], []))
            assert store.audit_end == Anchor(expected[numbers[-1]].id, expected[numbers[-1]].hash)
    assert list(export_audit(tmp_path, AuditFilter())) == expected
    assert verify_audit(tmp_path, frozenset()).end == chain.end


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (AuditFilter(), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (AuditFilter(limit=2), [12, 11]),
        (AuditFilter(limit=2, before=11), [10, 9]),
        (AuditFilter(user_id="u1"), [11, 8, 5, 2]),
        (AuditFilter(user_id="u1", target="chat:c0"), [11, 5]),
        (AuditFilter(action="sign_in"), []),
        (AuditFilter(from_ms=NOW_MS + 3, until_ms=NOW_MS + 5), [5, 4]),
        (AuditFilter(outcome="refused"), []),
        (AuditFilter(org_id="acme"), []),
    ],
)
async def test_pages_are_found_by_user_target_action_and_time(
    place: Path | None, wanted: AuditFilter, ids: list[int]
) -> None:
    """[A1.3] Newest first; every word given narrows; the last id pages on."""
    async with opened(place) as store:
        store.audit_soon([entry(number) for number in range(12)])
        await store.append(Batch("chat:a", 1, [b"e"], []))
        assert [record.id for record in await store.audit_page(wanted)] == ids


@pytest.mark.parametrize("word", ["' OR 1=1 --", '"; DROP TABLE audit; --', "%", "*", "u_", "U1"])
async def test_words_of_a_filter_are_only_compared(place: Path | None, word: str) -> None:
    """[A1.3] Whatever stands in them: equal or not, letter by letter."""
    async with opened(place) as store:
        store.audit_soon([entry(number) for number in range(3)])
        await store.append(Batch("chat:a", 1, [b"e"], []))
        for wanted in (
            AuditFilter(user_id=word),
            AuditFilter(target=word),
            AuditFilter(action=word),
            AuditFilter(org_id=word),
        ):
            assert await store.audit_page(wanted) == []
        assert len(await store.audit_page(AuditFilter())) == 3


async def written(path: Path, count: int = 20) -> Anchor:
    async with open_store(path, clock_ms=lambda: NOW_MS) as store:
        store.audit_soon([entry(number) for number in range(count)])
        await store.append(Batch("chat:a", 1, [b"e"], []))
        return store.audit_end


def tampered(path: Path, *statements: str) -> None:
    """Do what somebody with the file and SQLite can do."""
    db = apsw.Connection(str(path / "collab.db"))
    for statement in ("DROP TRIGGER audit_stays", "DROP TRIGGER audit_is_fixed", *statements):
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statements", "finding"),
    [
        (["UPDATE audit SET user = 'eve' WHERE id = 7"], "entry 7 is not"),
        (["UPDATE audit SET detail = '{\"a\":1}' WHERE id = 20"], "entry 20 is not"),
        (["UPDATE audit SET hash = zeroblob(32) WHERE id = 1"], "entry 1 is not"),
        (["DELETE FROM audit WHERE id = 1"], "entries 1 to 1 are missing"),
        (["DELETE FROM audit WHERE id BETWEEN 5 AND 8"], "entries 5 to 8 are missing"),
        (["DELETE FROM audit WHERE id >= 19"], "the newest entries, 19 to 20, are missing"),
        (["DELETE FROM audit"], "the newest entries, 1 to 20, are missing"),
        (
            [
                "UPDATE audit SET id = -3 WHERE id = 3",
                "UPDATE audit SET id = 3 WHERE id = 4",
                "UPDATE audit SET id = 4 WHERE id = -3",
            ],
            "entry 3 is not",
        ),
        (
            ["DELETE FROM audit WHERE id = 9", "UPDATE audit SET id = id - 1 WHERE id > 9"],
            "entry 9",
        ),
        (
            [
                "INSERT INTO audit SELECT 21, at_ms, action, outcome, user, org, address, target,"
                " seq, count, until_ms, detail, hash FROM audit WHERE id = 20"
            ],
            "entry 21 is not",
        ),
    ],
)
async def test_a_proof_finds_every_edit(
    tmp_path: Path, statements: list[str], finding: str
) -> None:
    """[A1.4] Changed, taken out, moved, added, cut off: each is found, and said where."""
    await written(tmp_path)
    assert verify_audit(tmp_path, frozenset()).is_sound
    tampered(tmp_path, *statements)
    condition = verify_audit(tmp_path, frozenset())
    assert any(finding in line for line in condition.findings), condition.findings
    assert not check_deeply(tmp_path).is_sound


async def test_an_anchor_finds_what_was_cut_off_or_written_anew(tmp_path: Path) -> None:
    """[A1.5] Whoever can write the file can make all of it fit again, but not somebody's note."""
    end = await written(tmp_path)
    cut = "DELETE FROM audit WHERE id > 10"
    noted = "UPDATE meta SET value = (SELECT '10:' || lower(hex(hash)) FROM audit WHERE id = 10)"
    tampered(tmp_path, cut, f"{noted} WHERE name = 'audit_end'")
    assert verify_audit(tmp_path, frozenset()).is_sound, "the file agrees with itself"
    assert verify_audit(tmp_path, frozenset({end})).findings == [
        "the log ends at 10, before the anchor at 20"
    ]
    other = tmp_path / "other"
    async with open_store(other, clock_ms=lambda: NOW_MS) as store:
        store.audit_soon([entry(number, user_id="eve") for number in range(20)])
        await store.append(Batch("chat:a", 1, [b"e"], []))
    assert verify_audit(other, frozenset()).is_sound
    assert "rewritten" in verify_audit(other, frozenset({end})).findings[0]


def rewritten(path: Path, first: int, last: int) -> list[str]:
    """Return statements that put others' entries into the places from *first* on, chained well."""
    records = [record for record in export_audit(path, AuditFilter()) if record.id < first]
    chain = Chain(Anchor(records[-1].id, records[-1].hash))
    forged = [chain.link(entry(number, user_id="mallory")) for number in range(first, last + 1)]
    return [f"DELETE FROM audit WHERE id >= {first}"] + [
        "INSERT INTO audit VALUES"
        f" ({one.id}, {one.entry.at_ms}, '{one.entry.action}', '{one.entry.outcome}', 'mallory',"
        f" '', '', '{one.entry.target}', 0, 1, {one.entry.until_ms}, '{{}}', x'{one.hash.hex()}')"
        for one in forged
    ]


@pytest.mark.parametrize(
    ("first", "last", "finding"),
    [
        (15, 20, "entry 20 is not the one that was noted as the newest"),
        (20, 20, "entry 20 is not the one that was noted as the newest"),
        (15, 22, "entry 20 is not the one that was noted as the newest"),
        (21, 22, "entries 21 to 22 were added: none was noted"),
    ],
)
async def test_what_is_rewritten_does_not_fit_the_noted_end(
    tmp_path: Path, first: int, last: int, finding: str
) -> None:
    """[A1.10] Entries that are chained well, but not those that the end was noted of."""
    await written(tmp_path)
    tampered(tmp_path, *rewritten(tmp_path, first, last))
    assert finding in verify_audit(tmp_path, frozenset()).findings


async def test_entries_below_the_first_are_found_and_never_shown(tmp_path: Path) -> None:
    """[A1.11] Nobody reads a forged entry 0 or -1 as ours; a proof names it."""
    await written(tmp_path)
    columns = (
        "at_ms, action, outcome, 'forged', org, address, target, seq, count, until_ms, detail, hash"
    )
    lowest = -(2**63)
    tampered(
        tmp_path,
        *(
            f"INSERT INTO audit SELECT {entry_id}, {columns} FROM audit WHERE id = 1"
            for entry_id in (0, -1, lowest)
        ),
    )
    findings = verify_audit(tmp_path, frozenset()).findings
    assert findings == [
        f"entry {entry_id} was added: the first one is 1" for entry_id in (lowest, -1, 0)
    ]
    async with open_store(tmp_path, clock_ms=lambda: NOW_MS) as store:
        shown = await store.audit_page(AuditFilter(limit=100))
    assert len(shown) == len(list(export_audit(tmp_path, AuditFilter()))) == 20
    assert not any(record.entry.user_id == "forged" for record in shown)


@pytest.mark.parametrize(
    ("edits", "found_id", "finding"),
    [
        (lambda _path: ["DELETE FROM audit WHERE id > 15"], 15, "entries 16 to 20 are missing"),
        (lambda path: rewritten(path, 15, 20), 20, "entry 21 is not what was written after 20"),
        (lambda path: rewritten(path, 21, 22), 22, "entry 23 is not what was written after 22"),
        (
            lambda _path: ["DELETE FROM meta WHERE name = 'audit_end'"],
            20,
            "entry 21 is not what was written after 20",
        ),
    ],
)
async def test_a_log_whose_end_is_wrong_says_so_and_shows_it_for_ever(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    edits: Callable[[Path], list[str]],
    found_id: int,
    finding: str,
) -> None:
    """[A1.6] The server starts; its next entry says what it found; the break stays to be seen."""
    await written(tmp_path)
    tampered(tmp_path, *edits(tmp_path))
    async with open_store(tmp_path, clock_ms=lambda: NOW_MS) as store:
        assert "audit verify" in caplog.text
        store.audit_soon([entry(99)])
        await store.append(Batch("chat:b", 1, [b"e"], []))
        assert store.audit_end.id == max(found_id, 20) + 2
        (alarm,) = await store.audit_page(AuditFilter(action="audit.broken"))
        assert alarm.id == max(found_id, 20) + 1
        assert f'"found":"{found_id}:' in alarm.entry.detail
    for _later in range(2):
        assert verify_audit(tmp_path, frozenset()).findings == [finding]
        async with open_store(tmp_path, clock_ms=lambda: NOW_MS) as store:
            assert len(await store.audit_page(AuditFilter(action="audit.broken"))) == 1


@pytest.mark.parametrize("statement", ["DELETE FROM audit", "UPDATE audit SET user = 'eve'"])
async def test_the_log_is_append_only_for_our_own_mistakes(tmp_path: Path, statement: str) -> None:
    """[A1.7] SQLite itself refuses to change or delete an entry."""
    await written(tmp_path)
    db = apsw.Connection(str(tmp_path / "collab.db"))
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        db.execute(statement)
    db.close()


async def test_the_log_is_read_while_the_server_writes(tmp_path: Path) -> None:
    """[A1.8] A proof and an export need no stop, and there must be something to read."""
    with pytest.raises(StoreUnusable):
        verify_audit(tmp_path / "nothing", frozenset())
    async with open_store(tmp_path, clock_ms=lambda: NOW_MS) as store:
        store.audit_soon([entry(1)])
        await store.append(Batch("chat:a", 1, [b"e"], []))
        assert verify_audit(tmp_path, frozenset()).end == store.audit_end


@pytest.mark.parametrize(
    "text", ["", "1", "1:", "x:" + "0" * 64, "1:" + "g" * 64, "-1:" + "0" * 64]
)
def test_what_is_no_anchor_is_refused(text: str) -> None:
    """[A1.5] An anchor is a number and 64 hexadecimal digits, and prints as it is read."""
    with pytest.raises(ValueError, match="anchor"):
        Anchor.parse(text)
    read: Callable[[str], Anchor] = Anchor.parse
    assert str(read(f"7:{GENESIS.hex()}")) == f"7:{GENESIS.hex()}"
