"""A restart under many followers, on a real server."""

from __future__ import annotations

import pytest
from attrs import evolve

from loadtest.storm import StormOptions, storm

SMALL = StormOptions(
    clients=12, meetings=3, chunks_per_s=20, kill_after_secs=1, reconnect_max_secs=0.5, after_secs=1
)


@pytest.mark.long
async def test_everybody_resumes_after_a_kill_without_gap_or_duplicate() -> None:
    """[O12.5] Killed with SIGKILL, started again, followed on by cursor."""
    outcome = await storm(SMALL)
    assert outcome.is_good, outcome.as_json()
    assert outcome.figures["resumes"] == 12
    assert outcome.figures["delivered"] > 12
    assert outcome.figures["all_live_after_start_s"] > 0


@pytest.mark.long
async def test_clients_that_skip_what_they_missed_are_noticed() -> None:
    """[O12.5] A cursor that skips events cannot look clean."""
    outcome = await storm(
        evolve(SMALL, drain_secs=0.5), job="tests.loadtest.forgetful_storm:generate"
    )
    assert not outcome.checks["all_resumed_by_cursor"]
    assert not outcome.checks["no_gap_no_duplicate"]
    assert outcome.figures["lost"] > 0


def test_a_storm_that_makes_no_sense_is_a_value_error() -> None:
    """[O12.5] A server of somebody else's is not killed."""
    for wrong in (
        {"server": "ws://127.0.0.1:1/v1"},
        {"meetings": 0},
        {"clients": 5, "meetings": 6},
    ):
        with pytest.raises(ValueError, match=r"."):
            StormOptions(**wrong)
