"""What the walker lets through, the CRDT library survives. N2."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from protocol.yjs import NestingIndex, UpdateRefused, walk
from tests.protocol.yjs import building as b
from tests.protocol.yjs.mutations import mutate

ROOT = Path(__file__).parents[3]
WORKER = "tests.protocol.yjs.apply_worker"
FINE = {"ok", "refused when applied"}


def admitted(history: list[bytes], last: bytes) -> bool:
    """Say whether *last* passes walker and index after *history*."""
    index = NestingIndex()
    for update in history:
        index.commit(index.plan(walk(update)))
    try:
        index.plan(walk(last))
    except UpdateRefused:
        return False
    return True


def clean_histories() -> list[list[bytes]]:
    """Return the golden histories without the updates that lack something on purpose."""
    return [
        [update for update in history if not walk(update).gaps and update != b"\0\0"]
        for history in b.golden_histories()
        if not walk(history[0]).needs
    ]


def outcomes(histories: list[list[bytes]]) -> list[str]:
    """Apply each history in another process; a history that ends it is the last in the list."""
    plain = [[update.hex() for update in history] for history in histories]
    worker = subprocess.run(
        [sys.executable, "-m", WORKER],
        cwd=ROOT,
        input=json.dumps(plain),
        text=True,
        capture_output=True,
    )
    lines = worker.stdout.splitlines()
    if worker.returncode:
        lines.append(f"the process ended with {worker.returncode}")
    return lines


def fuzz(seed: int, count: int) -> Counter[str]:
    """Damage *count* updates; return how those that were let through went."""
    rng = Random(seed)
    histories = [history for history in clean_histories() if history]
    pool = [update for history in histories for update in history]
    cases = []
    for _ in range(count):
        history = rng.choice(histories)
        at = rng.randrange(len(history))
        damaged = mutate(history[at], rng.choice(pool), rng)
        if admitted(history[:at], damaged):
            cases.append([*history[:at], damaged])
    lines = outcomes(cases)
    for line, case in zip(lines, cases, strict=False):
        assert line in FINE, f"{line} after {[update.hex() for update in case]}"
    assert len(lines) == len(cases)
    return Counter(lines)


def test_what_is_let_through_is_applied_without_panic() -> None:
    """[N12.7] Damaged updates that pass are applied, and the document can be copied afterwards."""
    tally = fuzz(seed=1, count=1_500)
    assert tally["ok"] > 100
    assert tally["refused when applied"] < tally["ok"] // 20


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 30))
def test_what_is_let_through_is_applied_without_panic_at_length(seed: int) -> None:
    """[N12.7] The same, for longer."""
    fuzz(seed, count=20_000)


def test_the_worker_sees_a_panic_and_a_crash() -> None:
    """[N12.7] The proof above can fail: unguarded bytes do end the process, or panic."""
    hello = b.one(b.text("hello"))
    poison = bytes.fromhex("01020700c101010102ffffffff0f44010202414100")
    [line] = outcomes([[hello, poison]])
    assert line.startswith("panic")
    deep = b.one(b.values(b"\x75\x01" * 26_400 + b"\x7e"))
    assert "ended" in outcomes([[deep, b.update(deletes=[b.deletions(1, (0, 1))])]])[-1]


def test_the_deepest_nesting_that_passes_is_applied_and_deleted() -> None:
    """[N13.1] 64 levels of types around 64 levels of values are no danger to the library."""
    levels = [b.shared(), *[b.shared(parent=(1, n), key="k") for n in range(62)]]
    inner = b.values(b"\x75\x01" * 64 + b"\x7e", parent=(1, 62), key="k")
    history = [
        b.update(b.section(1, 0, *levels, inner)),
        b.update(deletes=[b.deletions(1, (0, 1))]),
    ]
    assert admitted(history[:1], history[1])
    assert outcomes([history]) == ["ok"]


def test_real_histories_are_applied() -> None:
    """[N11.1] The golden updates are what the library takes, too."""
    assert set(outcomes([history for history in clean_histories() if history])) == {"ok"}
