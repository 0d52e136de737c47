"""Hostile clients beside a good one: a share of ``python -m tests.faults.hostile``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.flood import WAYS
from tests.faults.hostile import STALL_S_MAX, report, run_flood
from tests.faults.measuring import percentile

FRAMES = 30_000
FRAMES_LONG = 1_000_000
QUICK = [way for way in WAYS if way != "fragments"]  # See docs/reliability.md.


async def test_endless_fragments_crash_nothing(tmp_path: Path) -> None:
    """[F5.1] They end with their connection, and leave nothing behind."""
    tally = await run_flood(tmp_path, FRAMES, 1, ["fragments"])
    assert set(tally.flood["ends"]) <= {f"fragments {code}" for code in (1002, 1007, 1009, 4400)}


async def test_hostile_clients_crash_nothing_and_stall_nobody(tmp_path: Path) -> None:
    """[F5.1] [F5.2] Judged by 99 of 100 pings: the worst one is often the machine's."""
    tally = await run_flood(tmp_path, FRAMES, 1, QUICK)
    print(report(tally))
    assert tally.flood["frames"] >= FRAMES
    assert percentile(tally.own_s, 0.99) <= STALL_S_MAX


@pytest.mark.long
async def test_a_million_hostile_frames(tmp_path: Path) -> None:
    """[F5.1] [F5.2] The same, at length; the command line sends ten million."""
    tally = await run_flood(tmp_path, FRAMES_LONG, 2, QUICK)
    print(report(tally))
    assert percentile(tally.own_s, 0.99) <= STALL_S_MAX
