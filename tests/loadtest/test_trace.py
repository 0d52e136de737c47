"""Recorded writing, read and played."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from loadtest.trace import TraceSettings, is_exact, trace
from loadtest.trace_file import Edit, Patch, first_edits, load_trace
from tests.integration.served import served

RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "editing-traces"

# Two people write at once, then each sees what the other wrote and goes on.
CONCURRENT = {
    "kind": "concurrent",
    "numAgents": 2,
    "endContent": "ab😀<b>cd! 🎉\n",
    "txns": [
        {"parents": [], "agent": 0, "patches": [[0, 0, "ab"]]},
        {"parents": [0], "agent": 0, "patches": [[2, 0, "x"], [2, 1, "😀"]]},
        {"parents": [0], "agent": 1, "patches": [[2, 0, "cd"]]},
        {"parents": [1, 2], "agent": 1, "patches": [[5, 0, "!"]]},
        {"parents": [1, 2], "agent": 0, "patches": [[3, 0, "<b>"]]},
        {"parents": [3, 4], "agent": 0, "patches": [[9, 0, " 🎉\n"]]},
        {"parents": [5], "agent": 1, "patches": [[0, 0, ""]]},
    ],
}


def write(folder: Path, recorded: Any, name: str = "trace.json") -> Path:
    file = folder / name
    packed = json.dumps(recorded).encode()
    file.write_bytes(gzip.compress(packed) if name.endswith(".gz") else packed)
    return file


def test_parents_become_what_was_seen_of_each_agent(tmp_path: Path) -> None:
    """[O8.1] A merge has seen both sides; what changes nothing is no edit."""
    for name in ("trace.json", "trace.json.gz"):
        read = load_trace(write(tmp_path, CONCURRENT, name))
        assert read.agents == 2
        assert [edit.seen for edit in read.edits] == [
            (0, 0), (1, 0), (1, 0), (2, 1), (2, 1), (3, 2),
        ]  # fmt: skip
        assert read.of(1)[0] == Edit(1, (1, 0), (Patch(2, 0, "cd"),))
        assert len(first_edits(read, 2).edits) == 2


def test_a_sequential_recording_is_a_chain_of_one_agent(tmp_path: Path) -> None:
    """[O8.1] Without agents and parents, each transaction follows the one before."""
    recorded = {
        "endContent": "ab",
        "txns": [{"patches": [[0, 0, "a"]]}, {"patches": [[1, 0, "b"]]}],
    }
    read = load_trace(write(tmp_path, recorded))
    assert [(edit.agent, edit.seen) for edit in read.edits] == [(0, (0,)), (0, (1,))]


@pytest.mark.parametrize(
    "recorded",
    [
        [],
        {},
        {"txns": []},
        {"endContent": "a", "txns": [{"patches": [[0, 0]]}]},
        {"endContent": "a", "txns": [{"parents": [7], "patches": []}]},
        {"endContent": "a", "startContent": "a", "txns": []},
        {
            "endContent": "a",
            "txns": [{"patches": [[0, 0, "a"]]}, {"parents": [], "patches": [[0, 0, "b"]]}],
        },
    ],
)
def test_what_is_no_recording_is_a_value_error(tmp_path: Path, recorded: Any) -> None:
    """[O8.1] Said before a server is started."""
    with pytest.raises(ValueError, match=r"trace\.json|forgets"):
        load_trace(write(tmp_path, recorded))


async def test_a_recording_is_played_to_the_letter(tmp_path: Path) -> None:
    """[O8.2] Replicas, document and exports, before and after kill -9."""
    report = await trace(TraceSettings(file=write(tmp_path, CONCURRENT)))
    assert report["edits"] == report["saved"] == 6
    assert all(report["to_the_letter"].values()), report
    assert set(report["to_the_letter"]) >= {"replica_1", "html", "after_kill_text"}
    assert report["disk_bytes_per_edit"] > 0
    assert is_exact(report)


@pytest.mark.parametrize(
    ("name", "edits_max"),
    [
        ("friendsforever", 1_500),
        pytest.param("friendsforever", None, marks=pytest.mark.long),
        pytest.param("clownschool", None, marks=pytest.mark.long),
    ],
)
async def test_real_writing_is_played_to_the_letter(name: str, edits_max: int | None) -> None:
    """[O8.2] Recorded sessions of two people, where the recordings are; `--long`: whole."""
    file = RECORDINGS / f"{name}.json.gz"
    if not file.is_file():
        pytest.skip("needs the recordings")
    report = await trace(TraceSettings(file=file, edits_max=edits_max))
    assert report["edits"] == report["saved"] >= 1_500
    assert is_exact(report), report


async def test_another_end_than_the_recorded_one_is_noticed(tmp_path: Path) -> None:
    """[O8.2] The comparison is one, on a server that runs already, too."""
    recorded = {**CONCURRENT, "endContent": "something else"}
    async with served() as server:
        report = await trace(TraceSettings(file=write(tmp_path, recorded), server=server.url))
    assert not any(report["to_the_letter"].values())
    assert not is_exact(report)
