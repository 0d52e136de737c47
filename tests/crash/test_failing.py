"""Devices that fail: a share of ``python -m tests.crash.failing``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.failing import TOLD_S_MAX, WAYS, Tally, sweep
from tests.crash.lives import small_bounds

STEP = 199
TOLD_S_BUSY_MAX = 10 * TOLD_S_MAX  # Beside other programs; the long run holds the bound itself.


def _sweep(directory: Path, step: int) -> Tally:
    tally = Tally()
    with small_bounds():
        sweep(tally, step=step, base=directory)
    return tally


def test_whichever_call_fails_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """[J9.1] [J9.2] Some of the calls of every way to fail."""
    tally = _sweep(tmp_path, STEP)
    assert tally.cases >= len(WAYS)
    assert any("stopped" in end for end in tally.ends)
    assert tally.told_s_max < TOLD_S_BUSY_MAX


@pytest.mark.long
def test_every_single_call_may_fail(tmp_path: Path) -> None:
    """[J9.1] [J9.2] All of them, one after the other."""
    tally = _sweep(tmp_path, 1)
    assert tally.told_s_max < TOLD_S_MAX, tally
