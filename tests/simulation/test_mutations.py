"""Proof that the simulation bites: every deliberate bug is found within a few seeds."""

from __future__ import annotations

import pytest

from tests.simulation.mutations import MUTATIONS
from tests.simulation.script import generate
from tests.simulation.world import run_script

SEEDS_MAX = 60  # Within which each is found; most are within the first one or two.
# Found by the first seeds, at the moment of the fault: cheap enough for every run of the tests.
QUICK = (
    "publish_before_commit",
    "acknowledge_before_durable",
    "ask_permission_only_to_follow",
    "ask_no_permission_to_write",
    "shut_out_after_publishing",
    "lose_answers_at_restart",
    "resume_one_too_late",
)


def found_by(name: str) -> tuple[int, str] | None:
    """Return the first seed that finds a mutation, and how; None: it survives."""
    for seed in range(SEEDS_MAX):
        with MUTATIONS[name]():
            outcome = run_script(generate(seed))
        if outcome.faults:
            return seed, outcome.faults[0]
    return None


@pytest.mark.parametrize("name", QUICK)
def test_a_plain_bug_is_found(name: str) -> None:
    """[S2.2] The short share of the mutations."""
    assert found_by(name) is not None


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in MUTATIONS if name not in QUICK])
def test_a_subtle_bug_is_found(name: str) -> None:
    """[S2.2] The others, which need a certain sequence of things."""
    found = found_by(name)
    assert found is not None
    print(f"{name}: seed {found[0]}: {found[1]}")


def test_a_mutation_is_gone_when_its_block_ends() -> None:
    """[S2.2] What a mutation has changed is as it was: the same seed passes again."""
    for mutation in MUTATIONS.values():
        with mutation():
            pass
    assert not run_script(generate(0)).faults
