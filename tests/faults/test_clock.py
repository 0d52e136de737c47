"""A server whose wall clock jumps: a share of ``python -m tests.faults.clock``."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.clock import (
    Tally,
    check_timers,
    check_tokens,
    drawn_moves,
    faketime_library,
    run_moves,
)

MOVES_LONG = 200
LIBRARY = faketime_library() or ""

pytestmark = pytest.mark.skipif(not LIBRARY, reason="no libfaketime here")


async def test_a_clock_that_jumps_stands_or_goes_back_disturbs_nobody(tmp_path: Path) -> None:
    """[F4.1] [F4.2] An hour ahead, back, an hour behind, frozen; then a restart in the past."""
    tally = Tally()
    await run_moves(tmp_path, LIBRARY, drawn_moves(random.Random(1), 0), tally)
    assert tally.moves == 5
    assert tally.written > 0


async def test_tokens_are_judged_by_the_wall_clock_and_sessions_are_not(tmp_path: Path) -> None:
    """[F4.3] [F4.4] Who signs in needs the right time; who is in keeps theirs."""
    await check_tokens(tmp_path, LIBRARY)


async def test_timers_run_while_the_wall_clock_stands(tmp_path: Path) -> None:
    """[F4.2] Actors leave memory, handshakes time out."""
    await check_timers(tmp_path, LIBRARY)


@pytest.mark.long
async def test_two_hundred_moves_of_the_clock(tmp_path: Path) -> None:
    """[F4.1] The same, at length."""
    await run_moves(tmp_path, LIBRARY, drawn_moves(random.Random(2), MOVES_LONG), Tally())
