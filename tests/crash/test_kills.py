"""The real server, killed: a share of ``python -m tests.crash``."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.kills import CALLS_MAX, Tally, can_trace, run_series

KILLS = 2
KILLS_LONG = 50


async def test_what_the_server_promised_survives_its_kill(tmp_path: Path) -> None:
    """[J7.1] [J7.2] Messages, speech and edits of real clients, and the retries of all of them."""
    tally = Tally()
    await run_series(tmp_path / "d", random.Random(1), KILLS, tally)
    assert tally.count == KILLS
    assert tally.acknowledged > 0
    assert tally.rows_checked > 0


async def test_what_the_server_promised_survives_its_kill_at_a_sync(tmp_path: Path) -> None:
    """[J7.1] [J7.2] Killed by the Nth call to the device, between what it wrote and its answer."""
    if not can_trace():
        pytest.skip("no strace here that may trace")
    tally = Tally()
    await run_series(tmp_path / "d", random.Random(5), KILLS, tally, tuple(CALLS_MAX))
    assert set(tally.kills) & set(CALLS_MAX), tally.kills
    assert tally.acknowledged > 0


@pytest.mark.long
async def test_many_kills_lose_nothing(tmp_path: Path) -> None:
    """[J7.1] [J7.2] The same, again and again, on one directory."""
    tally = Tally()
    await run_series(tmp_path / "d", random.Random(2), KILLS_LONG, tally)
    assert tally.count == KILLS_LONG
