"""Some seconds of the fuzz; with ``--long`` a million updates. N8."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import trio

from tests.fuzz.crafted import ATTACKS, Ground, Step
from tests.fuzz.honest import new_editor, scribble
from tests.fuzz.house import ACCEPTED, PANIC, House, StepClock
from tests.fuzz.known_gaps import GAPS
from tests.fuzz.notes import ROOT, Run, line_of, run
from tests.fuzz.tally import STALL_MS, Tally


def test_thousands_of_bad_updates_do_no_harm(tmp_path: Path) -> None:
    """[N8.1] No crash, panic or stall; what is saved and what is replayed are the document."""
    counts = run(updates=2_000, seed=3, workers=1, folder=tmp_path)
    assert counts.is_clean, counts.findings
    assert counts.updates >= 2_000
    assert counts.accepted > counts.updates // 3, "it reaches deep"
    assert len(counts.refused) > 20, "many sorts of trouble were met"
    assert counts.checkpoints > 20
    assert counts.restarts > 4


@pytest.mark.long
def test_a_million_bad_updates_do_no_harm(tmp_path: Path) -> None:
    """[N8.1] The same, for a million updates in two processes: half an hour."""
    counts = run(updates=1_000_000, seed=7, workers=2, folder=tmp_path)
    assert counts.is_clean, counts.findings


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_an_attack_does_no_harm(attack: Callable[[Ground], list[Step]]) -> None:
    """[N8.1] Every known attack, in several sizes, on a document with a real history."""
    clock = StepClock()
    try:
        for seed in range(4):
            rng, house = Random(seed), House(clock)
            ann = new_editor(rng, house.whole)
            for _ in range(30):
                scribble(rng, ann)
            for update in ann.sent:
                assert await house.play("ann", update) == ACCEPTED
            log = house.log
            for _ in range(3):
                ground = Ground(
                    rng, dict(log.doc.clocks), log.clients, ((ann.doc.client_id, 0),), 6
                )
                for who, update in attack(ground):
                    assert not (await house.play(who, update)).startswith(PANIC)
            assert house.problems()[0] == []
        assert clock.slowest_ms < STALL_MS
    finally:
        clock.close()


def test_a_process_that_dies_is_counted_and_what_it_died_of_told(tmp_path: Path) -> None:
    """[N8.2] A crash of the process is a finding: its last update is known, the round is kept."""
    playing = Run(seed=3, updates=1, workers=1, folder=tmp_path, worker="tests.fuzz.dying_worker")
    trio.run(playing.play)
    [finding, *_] = playing.total.findings
    assert (finding.kind, finding.round, finding.step) == ("crash", 0, 2)
    assert finding.detail.startswith("ended with -")
    assert finding.update == "000101010001", "the few bytes that drop what lies deep"
    assert len((tmp_path / "died-3-0").read_text().splitlines()) == 2
    assert not playing.total.is_clean


def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    """[N8.2] Every update, outcome and restart is the same, so what was found is found again."""
    one, again = (run(updates=100, seed=9, workers=1, folder=tmp_path) for _ in range(2))
    assert one.fingerprint == again.fingerprint
    assert one.refused == again.refused


def test_one_line_says_what_was_counted() -> None:
    """[N8.2] Counts add up over processes and are told as JSON; a finding makes it a failure."""
    total = Tally(updates=2, slowest_ms=3.0)
    total.add(Tally.from_plain(Tally(updates=3, slowest_ms=1.0, panics=1).to_plain()))
    line = json.loads(json.dumps(line_of(total, 1, 0.5)))
    assert (line["updates"], line["slowest_ms"], line["panics"]) == (5, 3.0, 1)
    assert line["ok"] is False
    assert Tally(updates=1).is_clean


@pytest.mark.parametrize("name", GAPS)
def test_what_the_fuzz_found_is_mended(name: str) -> None:
    """[N8.3] Restore comes back, undo works, one place cannot be crowded, whatever was let in."""
    worker = [sys.executable, "-m", "tests.fuzz.known_gaps", name]
    try:
        ended = subprocess.run(worker, cwd=ROOT, timeout=20, capture_output=True)
    except subprocess.TimeoutExpired:
        pytest.fail("it hangs")
    assert ended.returncode == 0
