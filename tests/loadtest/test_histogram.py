"""Percentiles from buckets."""

from __future__ import annotations

import random

import pytest

from loadtest.histogram import Histogram, merged


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95, 0.99, 0.999, 1.0])
def test_a_percentile_is_never_too_low_and_less_than_one_percent_too_high(share: float) -> None:
    """[O8.3] From a microsecond to minutes."""
    rng = random.Random(4)
    seconds = sorted(10 ** rng.uniform(-6, 2) for _ in range(5_000))
    histogram = Histogram()
    for one in seconds:
        histogram.record(one)
    exact_ms = seconds[max(0, -(-int(share * 1000 * 5_000) // 1000) - 1)] * 1000
    assert exact_ms - 0.001 <= histogram.at_share(share) <= exact_ms * 1.008 + 0.001


def test_histograms_of_several_processes_are_added() -> None:
    """[O8.3] The percentile of all is that of one histogram that saw everything."""
    rng = random.Random(5)
    parts = [Histogram() for _ in range(3)]
    whole = Histogram()
    for _ in range(999):
        seconds = rng.expovariate(20)
        rng.choice(parts).record(seconds)
        whole.record(seconds)
    assert merged(parts).counts == whole.counts
    assert merged(parts).summary_ms()["count"] == 999


def test_nothing_recorded_and_times_that_ran_backwards_are_zero() -> None:
    """[O8.3] No division by nothing, no negative bucket."""
    histogram = Histogram()
    assert histogram.at_share(0.99) == 0.0
    histogram.record(-0.5)
    assert histogram.counts == {0: 1}
