"""Hostile clients beside a good one: a share of ``python -m tests.faults.hostile``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.hostile import STALL_S_MAX, report, run_flood
from tests.faults.measuring import percentile

FRAMES = 30_000
FRAMES_LONG = 1_000_000
FRAGMENTS = 20_000  # On two connections at once, each up to its bound.


async def test_endless_fragments_crash_nothing_and_stall_nobody(tmp_path: Path) -> None:
    """[F5.1] [F5.2] They end with their connection, leave nothing behind, and wait their turn."""
    tally = await run_flood(tmp_path, FRAGMENTS, 1, ["fragments"])
    print(report(tally))
    assert percentile(tally.own_s, 0.99) <= STALL_S_MAX
    assert set(tally.flood["ends"]) <= {f"fragments {code}" for code in (1007, 1009, 4408)}


async def test_hostile_clients_crash_nothing_and_stall_nobody(tmp_path: Path) -> None:
    """[F5.1] [F5.2] Judged by 99 of 100 pings: the worst one is often the machine's."""
    tally = await run_flood(tmp_path, FRAMES, 1)
    print(report(tally))
    assert tally.flood["frames"] >= FRAMES
    assert percentile(tally.own_s, 0.99) <= STALL_S_MAX


@pytest.mark.long
async def test_a_million_hostile_frames(tmp_path: Path) -> None:
    """[F5.1] [F5.2] The same, at length; the command line sends ten million."""
    tally = await run_flood(tmp_path, FRAMES_LONG, 2)
    print(report(tally))
    assert percentile(tally.own_s, 0.99) <= STALL_S_MAX
