"""A walk takes turns with the rest of the program, and its work is bounded by the bytes. N2."""

from __future__ import annotations

from collections.abc import Generator
from random import Random
from typing import TypeVar

import pytest

from protocol.yjs import CLIENT_LIMITS, NestingIndex, UpdateRefused, walk, walk_steps
from protocol.yjs._structs import StructReader
from protocol.yjs.limits import SLICE_UNITS
from protocol.yjs.reader import varuint
from tests.protocol.yjs import building as b
from tests.protocol.yjs.mutations import mutate

T = TypeVar("T")

NULL = b"\x7e"
SIZE = 300_000
LARGE = {
    "many structs": b.update(b.section(1, 0, *[b.gc(1)] * 100_000)),
    "many values": b.one(b.values(NULL * SIZE, SIZE)),
    "a list of many values": b.one(b.values(b"\x75" + varuint(SIZE) + NULL * SIZE)),
    "many old JSON values": b.one(b.item(varuint(50_000) + b"\x011" * 50_000, kind=2)),
    "many sections": b.update(*[b.section(n, 0, b.text("a")) for n in range(1, 10_000)]),
    "many deletions": b.update(deletes=[b.deletions(1, *[(2 * n, 1) for n in range(100_000)])]),
    "many embeds": b.update(b.section(1, 0, *[b.embed("[" + "0," * 60 + "0]")] * 2_000)),
    "one long text": b.one(b.text("é" * SIZE)),
}


def drive(steps: Generator[None, None, T]) -> tuple[int, T]:
    """Return how many times *steps* gave way, and what they returned."""
    slices = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return slices, done.value
        slices += 1


@pytest.mark.parametrize("name", LARGE)
def test_a_large_update_is_read_in_slices(name: str) -> None:
    """[N12.5] The event loop gets its turn between slices; the report is the same."""
    slices, report = drive(walk_steps(LARGE[name]))
    assert report == walk(LARGE[name])
    assert slices <= len(LARGE[name]) // SLICE_UNITS + 1
    if name != "one long text":  # Text is checked at gigabytes a second.
        assert slices >= len(LARGE[name]) // SLICE_UNITS // 130


def test_a_slice_ends_on_its_units() -> None:
    """[N12.5] No reader goes on for long once its slice is used up."""
    update = LARGE["many structs"]
    reader = StructReader(update, CLIENT_LIMITS, 0)
    while True:
        reader.units, before = SLICE_UNITS, reader.pos
        if reader.read_slice():
            break
        assert reader.pos - before <= 2 * SLICE_UNITS + 8


def test_a_keystroke_is_read_in_one_slice() -> None:
    """[N12.5] Small updates never give way."""
    assert drive(walk_steps(b.one(b.text("a", origin=(7, 3)), client=7, clock=4)))[0] == 0


def test_depths_are_planned_in_slices() -> None:
    """[N12.5] So is the nesting of an update with many authors."""
    sections = [b.section(1, 0, *[b.shared(parent=(2, 0), key=str(n)) for n in range(2)])]
    sections += [b.section(2, 0, b.shared())]
    sections += [b.section(n, 0, b.text("a", origin=(1, 1))) for n in range(3, 5_000)]
    slices, plan = drive(NestingIndex().plan_steps(walk(b.update(*sections))))
    assert plan.deepest == 2
    assert 5 <= slices <= 50


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_bytes_the_outcome_is_a_report_or_a_refusal(seed: int) -> None:
    """[N12.6] Damaged updates raise nothing but refusals, within as many units as bytes."""
    rng = Random(seed)
    pool = [update for history in b.golden_histories() for update in history]
    for _ in range(2_000):
        damaged = mutate(rng.choice(pool), rng.choice(pool), rng)
        try:
            slices, report = drive(walk_steps(damaged))
        except UpdateRefused:
            continue
        assert report.size_bytes == len(damaged)
        assert slices * SLICE_UNITS <= len(damaged)


@pytest.mark.parametrize("seed", range(2))
def test_noise_is_refused(seed: int) -> None:
    """[N12.6] Random bytes too."""
    rng = Random(seed)
    for _ in range(1_000):
        noise = bytes([rng.randrange(3), rng.randrange(4)]) + rng.randbytes(rng.randrange(60))
        try:
            report = walk(noise)
        except UpdateRefused:
            continue
        assert report.size_bytes == len(noise)


def test_every_cut_of_a_real_update_is_refused() -> None:
    """[N12.1] A prefix of an update is never taken for a whole one."""
    for history in b.golden_histories():
        for cut in range(len(history[-1])):
            with pytest.raises(UpdateRefused):
                walk(history[-1][:cut])
