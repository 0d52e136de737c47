"""Too much load, as far as a test can offer it: phases, accounts, and when it is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from attrs import evolve

from loadtest.degradation import (
    PROBE_FIRST_PER_S,
    DegradationOptions,
    degradation,
    find_sustainable,
    is_sustained,
    recovery_s,
)
from loadtest.driving import Driven
from loadtest.histogram import Histogram
from tests.integration.served import served
from tests.loadtest.tampering import losing, tampered

SMALL = DegradationOptions(
    sustainable=40.0,
    meetings=2,
    followers=2,
    steady_secs=1,
    overload_secs=1,
    after_secs=2,
    drain_secs=5.0,
)


def probed_once(ms: float, *, acknowledged: int) -> Driven:
    """What a probe of ten chunks brings, delivered within *ms*."""
    made = Driven()
    made.histograms["chunk_delivered"][1] = histogram = Histogram()
    histogram.record(ms / 1000)
    made.results.append({"phases": [{"offered": 10, "acknowledged": acknowledged}]})
    return made


@pytest.mark.long
async def test_a_load_that_is_borne_is_acknowledged_and_delivered() -> None:
    """[O12.7] Three phases, three rates; nothing lost on the way."""
    outcome = await degradation(SMALL)
    assert outcome.is_good, outcome.as_json()
    offered = [outcome.figures[name]["offered"] for name in ("steady", "overload", "after")]
    assert offered == [40, 120, 40]
    assert sum(outcome.figures[name]["acknowledged"] for name in ("steady", "overload")) == 160
    assert outcome.figures["memory_growth_mb"] is not None


async def test_what_was_acknowledged_and_is_missing_is_told() -> None:
    """[O12.7] A wire that loses a frame of each follower cannot look clean."""
    async with served() as server, tampered(server.url, lambda: losing) as url:
        outcome = await degradation(evolve(SMALL, server=url, after_secs=1, drain_secs=0.5))
    assert not outcome.checks["nothing_acknowledged_lost"]
    assert outcome.figures["lost"] > 0


def test_recovery_is_the_last_late_second() -> None:
    """[O12.7] One good second between bad ones is no recovery, and no second is none."""

    def driven(*seconds_ms: float) -> Driven:
        made = Driven()
        for second, ms in enumerate(seconds_ms):
            made.histograms["chunk_delivered"][second] = histogram = Histogram()
            histogram.record(ms / 1000)
        return made

    assert recovery_s(driven(900, 900, 50, 50), 2) == 0.0
    assert recovery_s(driven(900, 900, 900, 50, 50), 2) == 1.0
    assert recovery_s(driven(900, 900, 50, 900, 50), 2) == 2.0
    assert recovery_s(driven(900, 900, 50, 900), 2) is None
    assert recovery_s(driven(900, 900), 2) is None


def test_a_probe_is_borne_if_all_of_it_is_answered_in_time() -> None:
    """[O12.7] Late or unanswered: the load was too much."""
    assert is_sustained(probed_once(100, acknowledged=10))
    assert not is_sustained(probed_once(200, acknowledged=10))
    assert not is_sustained(probed_once(100, acknowledged=9))


async def test_the_sustainable_load_is_the_last_that_was_borne() -> None:
    """[O12.7] Probing goes up until it is too much; if the first is, that is an error."""
    probed: list[float] = []

    def bearing(bearable: float) -> Callable[[float], Awaitable[Driven]]:
        async def probe(per_s: float) -> Driven:
            probed.append(per_s)
            return probed_once(100 if per_s <= bearable else 1_000, acknowledged=10)

        return probe

    best = await find_sustainable(bearing(1_000.0), lambda _text: None)
    assert best == probed[-2] <= 1_000.0 < probed[-1]
    with pytest.raises(ValueError, match="not even 500"):
        await find_sustainable(bearing(PROBE_FIRST_PER_S / 2), lambda _text: None)
