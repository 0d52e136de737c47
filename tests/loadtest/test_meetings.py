"""``meetings`` against a real server, honest and not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from loadtest.durability import Said, lost_in_a_kill
from loadtest.edits import Typist
from loadtest.meetings import MeetingsOptions, meetings
from loadtest.reporting import write_page
from loadtest.serving import serving
from protocol.client import open_client
from tests.integration.served import served
from tests.loadtest.tampering import (
    Tamper,
    doubling,
    honest,
    inventing,
    losing,
    swapping,
    tampered,
)


def small(**changes: object) -> MeetingsOptions:
    """Few meetings and much in each: seconds are enough."""
    small = {"meetings": 2, "participants": 2, "chunks_per_s": 20, "edits_per_s": 4, "secs": 1.5}
    rest = {"messages_per_s": 4, "queries_per_s": 4, "warm_secs": 0, "drain_secs": 10.0}
    return MeetingsOptions(**{**small, **rest, **changes})  # type: ignore[arg-type]


async def test_everything_that_is_sent_is_acknowledged_and_delivered_once(tmp_path: Path) -> None:
    """[O8.6] A server process of our own, two generators, every sort, figures and a page."""
    outcome = await meetings(small(generators=2))
    assert outcome.is_good, outcome.checks
    figures = outcome.figures
    assert figures["sent"] == {"chunk": 60, "edit": 24, "message": 24, "query": 24}
    assert figures["delivered"] == (60 + 24 + 24) * 2
    for sort in ("chunk", "edit", "message"):
        sent = figures["sent"][sort]
        assert figures[f"{sort}_acknowledged_ms"]["count"] == sent
        assert figures[f"{sort}_delivered_ms"]["count"] == sent * 2
    assert figures["query_acknowledged_ms"]["count"] == 24
    assert figures["late_ms"]["count"] == sum(figures["sent"].values())
    assert figures["server"]["cpu_s"] > 0
    assert figures["server"]["rss_mb_max"] > 10
    assert 0 < figures["commit_ms"]["p50"] <= figures["commit_ms"]["p99"]
    assert figures["after_kill_9"] == {"meetings": 2, "acknowledged": 60 + 24 + 24, "lost": 0}
    assert json.loads(json.dumps(outcome.as_json()))["ok"] is True
    assert "chunk delivered" in write_page(outcome, tmp_path).read_text()


async def test_an_honest_wire_in_between_changes_nothing() -> None:
    """[O8.7] So that it is the tampering that the next tests see."""
    async with served() as server, tampered(server.url, lambda: honest) as url:
        outcome = await meetings(small(server=url))
    assert outcome.is_good, outcome.checks


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: losing, "lost"),
        (lambda: losing, "gaps"),
        (lambda: doubling, "duplicated"),
        (swapping, "reordered"),
        (lambda: inventing, "invented"),
    ],
    ids=["losing", "losing is a gap", "doubling", "swapping", "inventing"],
)
async def test_what_a_dishonest_wire_does_is_told(make: Callable[[], Tamper], fault: str) -> None:
    """[O8.7] One frame in a run, of each connection: lost, doubled, late, made up."""
    options = small(edits_per_s=0, messages_per_s=0, queries_per_s=0, drain_secs=0.5)
    async with served() as server, tampered(server.url, make) as url:
        outcome = await meetings(evolve(options, server=url))
    assert outcome.figures[fault] > 0, outcome.figures
    assert not outcome.checks[f"no_{fault}"]
    assert not outcome.is_good


async def test_a_stall_is_felt_by_everything_that_was_due_in_it() -> None:
    """[O8.8] Latency counts from the due time: a pause of 0.6 s is not one late delivery, but 12.

    A generator that waited with the server would have one: 3 % of 28, and a good p95.
    """
    stall_s = 0.6
    rates = {"chunks_per_s": 20, "edits_per_s": 0, "messages_per_s": 0, "queries_per_s": 0}
    options = small(meetings=1, participants=1, secs=2.0, **rates)
    async with served() as server, tampered(server.url, lambda: honest, stall_s=stall_s) as url:
        outcome = await meetings(evolve(options, server=url))
    assert outcome.is_good, outcome.checks
    assert outcome.figures["chunk_delivered_ms"]["p95"] > 1000 * stall_s / 2
    assert outcome.figures["chunk_delivered_ms"]["max"] < 1000 * (stall_s + 1)
    assert outcome.figures["sent"]["chunk"] == 40


async def test_what_was_acknowledged_and_is_not_there_after_a_kill_is_told() -> None:
    """[O8.16] The reader looks for every number: here are two that nobody ever sent."""
    async with serving(MeetingsOptions()) as target:
        async with open_client(target.url, token="dev:ann") as client:
            update = Typist(5).type("~1.0~")
            await client.call("meeting:m", "notes.edit", {"update": update})
            await client.call("meeting:m", "messages.post", {"text": "~0.0~ ~0.1~"})
        said = Said("meeting:m", "ann", {"0": 4, "1": 2}, {"0": [2]})
        durable = await lost_in_a_kill(target, [said])
    assert durable == {"meetings": 1, "acknowledged": 5, "lost": 2}
