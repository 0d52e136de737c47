"""People shut out under load: a share of ``python -m tests.faults.revocation``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.revocation import SHUT_S_MAX, Tally, report, run_revocations
from tests.faults.revoking import Crew

COUNT = 12
COUNT_LONG = 1_000


async def run(directory: Path, count: int) -> None:
    tally = Tally()
    await run_revocations(directory, count, tally)
    print(report(tally))
    assert tally.count == count
    assert tally.written >= 10 * count
    assert tally.told > 0
    assert max(tally.own_s) <= SHUT_S_MAX


async def test_who_is_removed_while_writing_is_out_at_every_door(tmp_path: Path) -> None:
    """[F2.1] [F2.2] [F2.3] Posting, typing as Yjs and as Hocuspocus do, among others who write."""
    await run(tmp_path, COUNT)


@pytest.mark.long
async def test_a_thousand_removals(tmp_path: Path) -> None:
    """[F2.1] [F2.2] [F2.3] The same, at length."""
    await run(tmp_path, COUNT_LONG)


def test_what_was_written_later_is_told_from_what_was_written_before() -> None:
    """[F2.2] The comparison finds a text that came after the removal, and no other."""
    crew = Crew("m", sent={"ann": 7, "bob": 2})
    marks = {"ann": 5, "bob": 2}
    assert crew.later_than(marks, {"ann-5", "bob-2", "victim-9"}) == []
    assert crew.later_than(marks, {"ann-5", "ann-6"}) == ["ann-6"]
