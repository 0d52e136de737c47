"""Starts over a directory with data, on a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from loadtest.cold import ColdOptions, cold, drop_from_page_cache
from loadtest.cold_fill import MANIFEST, Prose


@pytest.mark.long
async def test_a_filled_directory_starts_with_everything_and_is_kept(tmp_path: Path) -> None:
    """[O12.6] Filled once, through a server; every meeting that is opened has its end."""
    options = ColdOptions(gb=0.001, data=tmp_path, starts=1, opened=3)
    outcome = await cold(options)
    assert outcome.is_good, outcome.as_json()
    assert outcome.figures["opening_ms"]["count"] == 3
    assert outcome.figures["disk_gb"] >= 0.001
    assert outcome.figures["first_answer_s_max"] > outcome.figures["listening_s_max"] > 0

    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert all(seq > 20 for seq in manifest["seqs"].values())
    manifest["seqs"] = {meeting: seq + 1 for meeting, seq in manifest["seqs"].items()}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    again = await cold(evolve(options, is_warm=True, opened=1))
    assert not again.checks["nothing_missing"]  # The manifest now asks for more than was written.


async def test_a_directory_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """[O12.6] Only an empty directory is filled."""
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(ValueError, match="neither empty nor filled"):
        await cold(ColdOptions(data=tmp_path))
    drop_from_page_cache(tmp_path)
    assert (tmp_path / "diary.txt").read_text() == "mine"


def test_prose_is_repeatable_and_counted() -> None:
    """[O12.6] The same seed fills a directory with the same words."""
    one, other = Prose(3), Prose(3)
    said = [one.chunk(), one.message()]
    assert said == [other.chunk(), other.message()]
    assert one.made_bytes == sum(map(len, said))
