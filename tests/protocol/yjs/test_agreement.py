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
from tests.protocol.yjs.mutations import Inventor, mutate

ROOT = Path(__file__).parents[3]
WORKER = "tests.protocol.yjs.apply_worker"
# Neighbours that contradict each other have no place that all copies agree on: it is in the hands
# of who writes them, and loses nothing.
FINE = {"ok", "the copy reads differently"}


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


def damaged(seed: int, count: int) -> list[list[bytes]]:
    """Damage *count* updates; return those histories whose last update was let through."""
    rng = Random(seed)
    histories = [history for history in clean_histories() if history]
    pool = [update for history in histories for update in history]
    cases = []
    for _ in range(count):
        history = rng.choice(histories)
        at = rng.randrange(len(history))
        update = mutate(history[at], rng.choice(pool), rng)
        if admitted(history[:at], update):
            cases.append([*history[:at], update])
    return cases


def invented(seed: int, count: int) -> list[list[bytes]]:
    """Invent *count* histories; return each up to the first update that was refused."""
    rng = Random(seed)
    cases = []
    for _ in range(count):
        index, inventor, history = NestingIndex(), Inventor(rng), list[bytes]()
        for _ in range(8):
            update = inventor.update()
            try:
                index.commit(index.plan(walk(update)))
            except UpdateRefused:
                break
            history.append(update)
        if history:
            cases.append(history)
    return cases


def check(cases: list[list[bytes]]) -> Counter[str]:
    """Apply *cases*; return how they went."""
    lines = outcomes(cases)
    for line, case in zip(lines, cases, strict=False):
        assert line in FINE, f"{line} after {[update.hex() for update in case]}"
    assert len(lines) == len(cases)
    return Counter(lines)


def test_damaged_updates_that_pass_are_applied_whole() -> None:
    """[N12.7] They are applied without panic, and the document can be copied without loss."""
    assert check(damaged(seed=1, count=1_500))["ok"] > 100


def test_invented_updates_that_pass_are_applied_whole() -> None:
    """[N12.7] So are well-formed updates that no client would write."""
    assert check(invented(seed=1, count=1_500))["ok"] > 500


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_whatever_passes_is_applied_whole_at_length(seed: int) -> None:
    """[N12.7] The same, for longer."""
    check(damaged(seed, count=20_000))
    check(invented(seed, count=20_000))


def test_the_worker_sees_a_panic_and_a_crash() -> None:
    """[N12.7] The proof above can fail: unguarded bytes do end the process, or panic."""
    hello = b.one(b.text("hello"))
    poison = bytes.fromhex("01020700c101010102ffffffff0f44010202414100")
    [line] = outcomes([[hello, poison]])
    assert line.startswith("panic")
    half = b.update(deletes=[b.deletions(1, (1, 1))])
    [line] = outcomes([[b.one(b.text("x😀")), half]])
    assert line.startswith("its own state is refused: zero_length")
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
