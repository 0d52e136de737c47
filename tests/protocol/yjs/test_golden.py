"""What real clients send is read, and read as Yjs reads it. N1."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from protocol.yjs import NestingIndex, RootKind, UpdateRefused, walk
from tests.protocol.yjs.building import golden, golden_histories

SCENARIOS = golden()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario["name"] for scenario in SCENARIOS])
def test_real_updates_are_read_as_yjs_reads_them(scenario: dict[str, Any]) -> None:
    """[N11.1] Authors, clocks, contents and deletions are what Yjs itself decodes."""
    for expected in scenario["updates"]:
        report = walk(base64.b64decode(expected["update"]))
        assert report.struct_count == expected["structs"]
        assert {str(c): list(span) for c, span in report.clocks.items()} == expected["clocks"]
        assert report.contents == expected["contents"]
        deletes = {str(c): [list(span) for span in spans] for c, spans in report.deletes.items()}
        assert deletes == expected["deletes"]
        assert report.size_bytes == len(base64.b64decode(expected["update"]))


@pytest.mark.parametrize("history", golden_histories(), ids=[s["name"] for s in SCENARIOS])
def test_a_real_history_is_admitted_update_by_update(history: list[bytes]) -> None:
    """[N11.1] Updates in order always find what they build on; those out of order are "missing"."""
    index = NestingIndex()
    for number, update in enumerate(history):
        report = walk(update)
        if missing := report.missing_from(index.state):
            assert set(missing) <= {9, 12}, f"update {number}"  # The scenarios made of leftovers.
            with pytest.raises(UpdateRefused, match="missing"):
                index.plan(report)
            continue
        index.commit(index.plan(report))
        assert all(index.state[client] >= end for client, (_, end) in report.clocks.items())


def report_of(name: str) -> Any:
    scenario = next(scenario for scenario in SCENARIOS if scenario["name"] == name)
    return walk(base64.b64decode(scenario["updates"][0]["update"]))


def test_roots_are_reported_with_what_their_children_tell() -> None:
    """[N11.2] A root's name is reported with what it looks like, as far as a child shows it."""
    assert report_of("several roots at once").roots == {
        "body": {RootKind.TEXT},
        "meta": {RootKind.MAP},
        "tags": {RootKind.ARRAY},
        "xml": {RootKind.XML},
    }


def test_a_gap_is_reported_and_needed() -> None:
    """[N11.3] Clocks that a merged update skips are reported, and needed from the document."""
    report = report_of("gap between updates")
    assert report.clocks == {9: (0, 9)}
    assert report.gaps == {9: [(1, 4), (6, 8)]}
    assert report.needs == {9: 8}


def test_a_difference_needs_what_it_was_made_against() -> None:
    """[N11.3] The least state vector is the one that the sender knew."""
    report = report_of("difference to a state vector")
    assert report.clocks == {12: (11, 15)}
    assert report.needs == {12: 11}
    assert report.missing_from({12: 10}) == {12: 11}
    assert report.missing_from({12: 11}) == {}


def test_an_update_without_content_is_empty() -> None:
    """[N11.1] A client with nothing to tell sends two zeros."""
    assert report_of("nothing to tell").is_empty
    assert not report_of("gap between updates").is_empty
