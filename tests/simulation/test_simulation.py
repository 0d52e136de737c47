"""The simulation itself: a short share of its seeds, and that a seed is a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.script import generate, read_script
from tests.simulation.shrink import shrink
from tests.simulation.world import Outcome, run_script

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.json"))
SEEDS_SHORT = 8
SEEDS_LONG = 1_000
_TRACE = "from tests.simulation import script, world; print(world.run_script(script.generate({})))"


@pytest.mark.parametrize("seed", range(SEEDS_SHORT))
def test_nothing_is_lost_doubled_or_shown_to_the_wrong_person(seed: int) -> None:
    """[S1.1] [S1.2] [S1.3] [S1.4] [S1.5] [S1.6] [S1.7] [S1.8] [S1.9] A short share of the seeds."""
    assert_passes(seed)


@pytest.mark.long
def test_a_thousand_seeds_pass() -> None:
    """[S1.1] [S1.8] The long share; 10,000 are for ``python -m tests.simulation``."""
    for seed in range(SEEDS_SHORT, SEEDS_LONG):
        assert_passes(seed)


def assert_passes(seed: int) -> None:
    outcome = run_script(generate(seed))
    again = f"python -m tests.simulation --from {seed} --seeds 1"
    assert not outcome.faults, f"seed {seed}: {outcome.faults[0]}\n{again}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_what_failed_once_does_not_fail_again(path: Path) -> None:
    """[S2.4] Scripts of runs that once failed, kept because seeds go stale."""
    assert not run_script(read_script(path.read_text())).faults


def test_a_seed_is_the_same_run_in_any_process() -> None:
    """[S2.1] Every trace is equal, whatever the order of hashes, and after other runs."""
    here = str(run_script(generate(3)))
    order = "1" if os.environ.get("PYTHONHASHSEED") == "4711" else "4711"
    there = subprocess.run(
        [sys.executable, "-c", _TRACE.format(3)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": order},
    )
    assert there.stdout.strip() == here


def test_a_script_survives_its_file() -> None:
    """[S2.4] What is written to a file is the script that is read from it."""
    script = generate(5)
    assert read_script(script.to_json()) == script


def test_a_failing_script_becomes_smaller() -> None:
    """[S2.3] Shrinking leaves the steps that are to blame: here, two of them in this order."""
    script = generate(8)

    def run(tried: object) -> Outcome:
        names = [step.what for step in tried.steps]  # type: ignore[attr-defined]
        is_bad = "post" in names and "cut" in names[names.index("post") :]
        return Outcome(("S1.4: made up",) if is_bad else (), {}, "")

    assert run(script).faults
    smaller = shrink(script, run=run)
    assert [step.what for step in smaller.steps] == ["post", "cut"]
    assert all(step.gap_ms == 0 for step in smaller.steps)
