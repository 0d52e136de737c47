"""The same Yjs work on several servers, and what it says of one that is wrong."""

from __future__ import annotations

import pytest
import trio
from pycrdt import Doc, Text

from loadtest.edits import Typist
from loadtest.peers import CPU, PeersOptions, figures_of, peers
from loadtest.peers_crowd import Crowd, Place, Run, ServerLeft, Work
from loadtest.peers_servers import (
    HOCUSPOCUS,
    OURS,
    OURS_NAMED,
    Y_WEBSOCKET,
    default_folder,
    is_installed,
)
from loadtest.peers_speech import Dialect, Speech
from loadtest.sampling import Sample
from tests.loadtest.lossy_relay import Relay, relaying

WORK = Work(docs=2, clients=3, rate=40.0, secs=0.5, warm_up_s=0.1)


async def work_on(relay: Relay, work: Work = WORK) -> Run:
    with relaying(relay) as port:
        place = Place(port=port, path="/{document}", dialect=Dialect.PLAIN)
        crowd = Crowd(work, place, name="test", drain_s=0.3)
        return await trio.to_thread.run_sync(crowd.run, lambda: None)


async def test_a_relay_that_does_its_work_is_clean() -> None:
    """[O12.1] Every edit reaches both others once and in order."""
    run = await work_on(Relay())
    assert run.faults.lost == run.faults.duplicated == run.faults.reordered == 0
    assert run.sent > 60
    assert run.delivered == 2 * run.sent == run.latency.total


async def test_lost_doubled_and_late_edits_are_counted() -> None:
    """[O12.1] A server that loses, doubles or swaps edits cannot look clean."""
    assert (await work_on(Relay(lose_every=9))).faults.lost > 0
    doubled = (await work_on(Relay(double_every=9))).faults
    assert doubled.duplicated > 0
    assert doubled.lost == 0
    late = await work_on(Relay(delay_every=9), Work(docs=1, clients=2, rate=90.0, secs=0.5))
    assert late.faults.reordered > 0


async def test_a_server_that_leaves_is_an_error() -> None:
    """[O12.1] A comparison with somebody missing would say nothing."""
    place = Place(port=9, path="/{document}", dialect=Dialect.PLAIN)
    with pytest.raises(ServerLeft):
        await trio.to_thread.run_sync(Crowd(WORK, place, name="nobody").run, lambda: None)


@pytest.mark.parametrize("dialect", list(Dialect))
def test_messages_carry_updates_that_yjs_understands(dialect: Dialect) -> None:
    """[O12.2] What is offered is Yjs work: a document takes it."""
    document = Doc[Text]()
    document["notes"] = text = Text()
    speech = Speech(dialect, "d1", "dev:u0")
    pen = Typist(1_000, "notes")
    for number in range(3):
        message = speech.update(edit := pen.type(f"~7.{number}~"))
        assert message.endswith(edit)
        document.apply_update(edit)
    assert str(text) == "~7.0~~7.1~~7.2~"


async def test_our_doors_do_the_work_without_a_fault() -> None:
    """[O12.3] The comparison runs from start to figures; ours alone needs no npm."""
    options = PeersOptions(
        docs=2, clients=3, rate=10, secs=0.5, warm_up_secs=0.1, rounds=1, peers=(OURS, OURS_NAMED)
    )
    outcome = await peers(options)
    assert outcome.is_good
    assert outcome.checks["comparable"]
    for name in options.peers:
        assert outcome.figures[name]["delivered"] == 2 * outcome.figures[name]["sent"] > 0
        assert outcome.figures[name]["rss_mb"] > 10
    assert set(outcome.figures[f"ratios_to_{OURS_NAMED}"]) >= {"p50_ms", "p99_ms", "rss_mb"}


@pytest.mark.long
@pytest.mark.skipif(not is_installed(default_folder()), reason="the peers are not installed")
async def test_the_peers_do_the_same_work() -> None:
    """[O12.3] Ours, Hocuspocus and y-websocket take turns; ratios are ours to theirs."""
    outcome = await peers(
        PeersOptions(docs=2, clients=3, rate=10, secs=0.5, warm_up_secs=0.1, rounds=1)
    )
    assert outcome.is_good
    for name in (HOCUSPOCUS, Y_WEBSOCKET):
        assert outcome.figures[name]["delivered"] == 2 * outcome.figures[name]["sent"] > 0
        assert outcome.figures[f"ratios_to_{name}"]["p50_ms"] > 0


async def test_cpu_is_counted_for_each_delivered_update() -> None:
    """[O12.3] The measure of the comparison."""
    run = await work_on(Relay())
    figures = figures_of(run, Sample(0.0, 1.0, 50_000, 0, 0.0), Sample(1.0, 1.5, 60_000, 0, 0.0))
    assert figures[CPU] == round(0.5e6 / run.delivered, 2)


def test_a_run_that_makes_no_sense_is_a_value_error() -> None:
    """[O12.3] Before anything is installed or started."""
    for wrong in ({"clients": 1}, {"rounds": 0}, {"rate": 0.0}, {"peers": ("sharedb",)}):
        with pytest.raises(ValueError, match=r"."):
            PeersOptions(**wrong)
