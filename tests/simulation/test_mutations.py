"""Proof that the simulation bites: every deliberate bug is found within a few seeds."""

from __future__ import annotations

import pytest

from tests.simulation.mutating import Mutation
from tests.simulation.mutations import MUTATIONS
from tests.simulation.script import generate
from tests.simulation.shrink import rule_of
from tests.simulation.world import run_script

SEEDS_MAX = 120  # Within which each is found; most are within the first one or two.
RULES = [f"S1.{n}" for n in range(1, 10)]
# One or more of each invariant, found by the first seeds: cheap enough for every run of the tests.
QUICK = (
    "publish_before_commit",
    "acknowledge_before_durable",
    "lose_answers_at_restart",
    "refuse_what_happened",
    "resume_one_too_late",
    "ask_permission_only_to_follow",
    "ask_no_permission_to_write",
    "shut_out_after_publishing",
    "never_lag",
    "apply_without_journal",
    "lose_a_wake_up",
    "let_a_failed_signal_escape",
)
_BY_NAME = {mutation.__name__: mutation for mutation in MUTATIONS}


def found_by(mutation: Mutation, rule: str) -> tuple[int, str] | None:
    """Return the first seed with which *rule* finds *mutation*, and how; None: none does.

    A run ends at its first fault: with some seeds another invariant may be the first to suffer.
    """
    for seed in range(SEEDS_MAX):
        with mutation():
            outcome = run_script(generate(seed))
        if rule_of(outcome) == rule:
            return seed, outcome.faults[0]
    return None


@pytest.mark.parametrize("name", QUICK)
def test_a_plain_bug_is_found(name: str) -> None:
    """[S2.2] The short share of the mutations: each by the invariant that it breaks."""
    assert found_by(_BY_NAME[name], MUTATIONS[_BY_NAME[name]]) is not None


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in _BY_NAME if name not in QUICK])
def test_a_subtle_bug_is_found(name: str) -> None:
    """[S2.2] The others, which need a certain sequence of things."""
    found = found_by(_BY_NAME[name], MUTATIONS[_BY_NAME[name]])
    assert found is not None
    print(f"{name}: seed {found[0]}: {found[1]}")


def test_every_invariant_has_a_bug_that_it_finds() -> None:
    """[S2.2] No rule of S1 is there without proof that it bites, in every run of the tests."""
    assert {MUTATIONS[_BY_NAME[name]] for name in QUICK} == set(RULES)
    assert set(MUTATIONS.values()) == set(RULES)


def test_a_mutation_is_gone_when_its_block_ends() -> None:
    """[S2.2] What a mutation has changed is as it was: the same seed passes again."""
    for mutation in MUTATIONS:
        with mutation():
            pass
    assert not run_script(generate(0)).faults
