"""Readers that stop reading: a share of ``python -m tests.faults.slow``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.measuring import percentile
from tests.faults.slow import report, run_slow

READERS = 20
READERS_LONG = 200
SLACK_S = 0.02  # Of a median, on a machine with other work; the long run has none.


async def test_readers_that_stop_reading_slow_nobody_and_hold_little(tmp_path: Path) -> None:
    """[F1.1] [F1.2] The median, as the worst of a hundred is the machine's as often as ours."""
    tally = await run_slow(tmp_path, READERS, 2.0, to_the_end=False)
    print(report(tally))
    beside_s, baseline_s = percentile(tally.beside_s, 0.5), percentile(tally.baseline_s, 0.5)
    assert beside_s < 2 * baseline_s + SLACK_S
    assert tally.outbox_bytes > 0


@pytest.mark.long
async def test_two_hundred_readers_stop_are_given_up_and_come_back(tmp_path: Path) -> None:
    """[F1.1] [F1.2] [F1.3] To the end: given up, then back by cursor without a gap."""
    tally = await run_slow(tmp_path, READERS_LONG, 12.0, to_the_end=True)
    print(report(tally))
    assert percentile(tally.beside_s, 0.99) < 2 * percentile(tally.baseline_s, 0.99)
    assert tally.given_up == READERS_LONG
