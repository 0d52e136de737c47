"""The other scenarios against real servers, at sizes of seconds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attrs import evolve

from loadtest.connections import ConnectionsOptions, connections
from loadtest.driving import Driven, GeneratorFailed, drive
from loadtest.fanout import FanoutOptions, fanout
from loadtest.histogram import Histogram
from loadtest.lean import Endpoint
from loadtest.meetings_idle import MeetingsIdleOptions, meetings_idle
from loadtest.sampling import Sample, ServerWatch, slope_per_hour
from loadtest.serving import serving
from loadtest.soak import SoakOptions, flatness, soak
from tests.integration.served import served
from tests.loadtest.tampering import losing, tampered


async def test_every_observer_gets_every_edit_once_in_every_generator() -> None:
    """[O8.9] The readers are in other processes than the writer."""
    outcome = await fanout(
        FanoutOptions(observers=30, edits_per_s=10, secs=1.0, warm_secs=0, generators=2)
    )
    assert outcome.is_good, outcome.checks
    assert outcome.figures["sent"] == 10
    assert outcome.figures["delivered"] == outcome.figures["edit_delivered_ms"]["count"] == 300
    assert outcome.figures["server"]["cpu_us_per_delivery"] > 0


async def test_an_observer_that_misses_an_edit_is_told() -> None:
    """[O8.9] The check can fail."""
    options = FanoutOptions(
        observers=3, edits_per_s=10, secs=1.0, warm_secs=0, generators=2, drain_secs=0.5
    )
    async with served() as server, tampered(server.url, lambda: losing) as url:
        outcome = await fanout(evolve(options, server=url))
    # One frame is lost for each; on a busy machine it may hold more than one edit.
    assert outcome.figures["lost"] >= 3
    assert outcome.figures["lost"] % 3 == 0
    assert not outcome.checks["everything_delivered"]


@pytest.mark.long
async def test_what_connections_cost_is_told_for_each() -> None:
    """[O8.10] Idle ones and followers, kept to the end."""
    outcome = await connections(ConnectionsOptions(idle=60, following=30, secs=0.5))
    assert outcome.is_good, outcome.checks
    assert 0 < outcome.figures["kb_per_idle_connection"] < 500
    assert outcome.figures["cpu_us_to_open"] > 0


async def test_a_connection_that_ends_is_told() -> None:
    """[O8.10] A server that drops them is not a cheap one."""
    async with serving(ConnectionsOptions()) as target:
        assert target.process is not None
        plan = {"run": "r", "idle": 3, "following": 0, "secs": 5.0}

        async def kill_when_followed(name: str) -> None:
            if name == "followed":
                assert target.process is not None
                await target.process.kill()

        job = "loadtest.standing:connections"
        driven = await drive(job, [plan], target.endpoint, on_phase=kill_when_followed)
    assert driven.result("connections_ended") == 3


@pytest.mark.long
async def test_meetings_are_weighed_in_memory_and_at_rest() -> None:
    """[O8.11] Every one of them has gone to rest when the round is over."""
    outcome = await meetings_idle(MeetingsIdleOptions(count=100, rounds=2, idle_timeout_s=1))
    assert outcome.is_good, outcome.checks
    assert outcome.figures["meetings"] == 100
    assert outcome.figures["left_in_memory"] == 0
    assert len(outcome.figures["rss_mb_after_each_round"]) == 2


@pytest.mark.long
async def test_a_soak_tells_how_steep_memory_and_latency_are() -> None:
    """[O8.12] In its second half."""
    outcome = await soak(SoakOptions(mins=0.06, meetings=2, participants=1, warm_secs=0))
    assert outcome.is_good, outcome.checks
    assert set(outcome.figures["flatness"]) == {
        "p95_ms_per_hour", "memory_mb_per_hour", "memory_mb",
    }  # fmt: skip


@pytest.mark.parametrize(("growth", "is_flat"), [(0.0, True), (0.001, True), (1.0, False)])
def test_growth_is_not_flat(*, growth: float, is_flat: bool) -> None:
    """[O8.12] 100 MB and 50 ms, growing in every second of 100."""
    driven, watch = Driven(), ServerWatch(pid=1)
    for second in range(100):
        watch.samples.append(Sample(float(second), 0.0, int(1024 * (100 + growth * second)), 0, 0))
        histogram = driven.histograms["chunk_delivered"][second] = Histogram()
        histogram.record(0.05 + growth * second / 1000)
    _figures, targets = flatness(driven, watch, 100.0)
    assert targets == {"latency is flat": is_flat, "memory is flat": is_flat}


def test_a_slope_is_that_of_the_line_through_the_points() -> None:
    """[O8.12] Least squares."""
    assert slope_per_hour([(n * 10.0, 5 + n / 360) for n in range(9)]) == pytest.approx(1.0)
    assert slope_per_hour([(1.0, 2.0)]) == 0.0


async def test_a_generator_that_dies_ends_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    """[O8.13] And says why; nothing waits for its report."""
    nobody = Endpoint("127.0.0.1", 9)
    with pytest.raises(GeneratorFailed, match="exited with 1"):
        await drive("tests.loadtest.jobs:fail", [{}], nobody)
    assert "this job fails" in capfd.readouterr().err
    with pytest.raises(GeneratorFailed, match="exited with 1"):
        await drive("tests.loadtest.jobs:fail_later", [{}], nobody)


async def test_generators_start_at_one_moment_and_their_seconds_are_merged() -> None:
    """[O8.13] What two of them count in a second is one figure."""
    driven = await drive(
        "tests.loadtest.jobs:count", [{"n": 3}, {"n": 4}], Endpoint("127.0.0.1", 9)
    )
    assert driven.count("things") == 7
    assert driven.rates("things") == [(1.0, 7.0)]
    assert driven.histogram("took").total == 2
    assert driven.result("n") == 7
    assert len({result["start_at"] for result in driven.results}) == 1
    assert driven.processes[0]["rss_kb"] > 1000


def test_the_samples_are_those_of_this_process(tmp_path: Path) -> None:
    """[O8.14] CPU that was burnt and bytes that were written show."""
    watch = ServerWatch(os.getpid())
    assert watch.look()
    start = os.times().user
    while os.times().user - start < 0.1:
        sum(range(10_000))
    with (tmp_path / "bytes").open("wb") as file:
        file.write(b"x" * 1_000_000)
        file.flush()
        os.fsync(file.fileno())
    assert watch.look()
    usage = watch.between(0.0, watch.samples[-1].at)
    assert 0.08 <= usage.cpu_s < 10
    assert usage.rss_kb_last > 1000
    assert not ServerWatch(2**22 - 1).look()
