"""The model check: a short share of its sequences, and proof that it bites."""

from __future__ import annotations

import pytest

import collab.transcript.sealing
from collab.live import LiveActor
from tests.simulation.model import BATCH_LEN, run_seed
from tests.simulation.mutating import Mutation
from tests.simulation.mutations import (
    answer_without_remembering,
    ask_no_permission_to_write,
    ask_permission_only_to_follow,
    lose_answers_at_restart,
    resume_one_too_late,
)
from tests.simulation.sequence import Mismatch

BATCHES_SHORT = 2
BATCHES_LONG = 50_000 // BATCH_LEN
BATCHES_TO_FIND = 10  # Within which each mistake is found.


@pytest.mark.parametrize("seed", range(BATCHES_SHORT))
def test_random_commands_do_what_the_model_says(seed: int) -> None:
    """[S3.1] [S3.2] [S3.3] [S3.4] Answers, histories, pages and followers are the model's."""
    assert run_seed(seed) > BATCH_LEN


@pytest.mark.long
def test_fifty_thousand_sequences_do_what_the_model_says() -> None:
    """[S3.1] [S3.2] [S3.3] [S3.4] The long share."""
    for seed in range(BATCHES_SHORT, BATCHES_LONG):
        run_seed(seed)


def find_mismatch() -> str | None:
    for seed in range(BATCHES_TO_FIND):
        try:
            run_seed(seed)
        except Mismatch as mismatch:
            return str(mismatch)
    return None


@pytest.mark.parametrize(
    ("mutation", "sign"),
    [
        (ask_no_permission_to_write, "permission_denied"),
        (answer_without_remembering, "expected"),
        (lose_answers_at_restart, "expected"),
        (resume_one_too_late, "was shown"),
        (ask_permission_only_to_follow, "was shown"),
    ],
)
def test_the_model_finds_a_deliberate_bug(mutation: Mutation, sign: str) -> None:
    """[S3.5] Mistakes in permission, dedupe and cursors."""
    with mutation():
        found = find_mismatch()
    assert found is not None
    assert sign in found
    assert "seed " in found


def test_the_model_finds_a_bucket_that_seals_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """[S3.5] A mistake in the buckets."""
    monkeypatch.setattr(collab.transcript.sealing, "SEAL_DELAY_MS", 0)
    assert find_mismatch() is not None


def test_the_model_finds_a_role_that_may_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """[S3.5] A mistake in one cell of the table: viewers of a chat write messages."""
    judge = LiveActor.is_permitted

    def lax(actor: LiveActor, caller: object, action: str) -> bool:
        is_viewer = getattr(actor.state, "members", {}).get(caller.user_id) == "viewer"  # type: ignore[attr-defined]
        return judge(actor, caller, action) or (is_viewer and action == "messages.post")  # type: ignore[arg-type]

    monkeypatch.setattr(LiveActor, "is_permitted", lax)
    assert find_mismatch() is not None
