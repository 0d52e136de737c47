"""A stroke is judged as the walk and the plan judge it. N13."""

from __future__ import annotations

import random
from typing import Any

import pycrdt

from protocol.yjs import NestingIndex, Stroke, UpdateRefused, read_stroke, walk
from tests.protocol.yjs import building as b


def take(index: NestingIndex, update: bytes) -> None:
    """Remember *update* as a walk tells it."""
    index.commit(index.plan(walk(update)))


def image(index: NestingIndex) -> tuple[object, ...]:
    """Return all that *index* remembers."""
    lines = {
        client: tuple(getattr(line, slot) for slot in line.__slots__)
        for client, line in index._lines.items()
    }
    return lines, index.mark_count


def typed(seed: int) -> list[bytes]:
    """Return what three people type, paste and delete, here and there."""
    rng = random.Random(seed)
    docs: list[pycrdt.Doc[Any]] = [pycrdt.Doc(client_id=rng.randrange(1, 2**32)) for _ in range(3)]
    sent: list[bytes] = []
    for doc in docs:
        doc.observe(lambda event: sent.append(event.update))
    updates: list[bytes] = []
    for _ in range(120):
        doc = rng.choice(docs)
        text = doc.get("t", type=pycrdt.Text)
        sent.clear()
        at = rng.randrange(len(text) + 1)
        if len(text) and rng.random() < 0.2:
            del text[min(at, len(text) - 1) : min(at + rng.randrange(1, 4), len(text))]
        else:
            text.insert(at, rng.choice(["a", "some words", "xy" * 40, "z"]))
        made = list(sent)
        updates += made
        for other in docs:
            if other is not doc:
                for update in made:
                    other.apply_update(update)
    return updates


def test_what_people_type_is_remembered_as_the_walk_would() -> None:
    """[N13.9] Both ways lead to the same index; and nearly all that is typed is a stroke."""
    strokes = others = 0
    for seed in range(20):
        quick, slow = NestingIndex(), NestingIndex()
        for update in typed(seed):
            stroke = read_stroke(update)
            level = quick.level_of(stroke) if stroke is not None else None
            if stroke is not None and level is not None:
                quick.commit_stroke(stroke, level)
                strokes += 1
            else:
                take(quick, update)
                others += 1
            take(slow, update)
            assert image(quick) == image(slow)
    assert strokes > 3 * others


def test_what_is_taken_for_a_stroke_is_what_the_walk_reads() -> None:
    """[N13.9] Damaged strokes too: taken as one, or as the next, or left to the walk."""
    rng = random.Random(7)
    base = [b.one(b.text("hello world")), b.one(b.text("there"), client=300)]
    taken = 0
    for _ in range(8_000):
        ends = {1: 11, 300: 5}
        client = rng.choice([1, 300])
        place: dict[str, tuple[int, int]] = {}
        for side in rng.choice([["origin"], ["right"], ["origin", "right"]]):
            place[side] = (rng.choice([1, 300]), rng.randrange(12))
        words = b.text("ab" * rng.randrange(1, 40), **place)
        update = bytearray(b.one(words, client=client, clock=ends[client]))
        for _ in range(rng.choice([0, 0, 1, 2])):
            update[rng.randrange(len(update))] = rng.randrange(256)
        taken += check(base, bytes(update))
    assert taken > 1_000


def check(base: list[bytes], update: bytes) -> bool:
    """Compare what both ways say of *update*; return whether it was taken as a stroke."""
    index, other = NestingIndex(), NestingIndex()
    for before in base:
        take(index, before)
        take(other, before)
    stroke = read_stroke(update)
    level = None if stroke is None else index.level_of(stroke)
    if stroke is None or level is None:
        return False
    try:
        report = walk(update)
        plan = other.plan(report)
    except UpdateRefused as refusal:
        raise AssertionError(f"taken, but {refusal}: {update.hex()}") from None
    assert report.clocks == {stroke.client: (stroke.clock, stroke.end)}
    assert not report.deletes
    index.commit_stroke(stroke, level)
    other.commit(plan)
    assert image(index) == image(other), update.hex()
    return True


def test_what_is_no_stroke_is_left_to_the_walk() -> None:
    """[N13.9] Anything but ASCII text beside something known."""
    words = b.text("ab", origin=(1, 0))
    assert read_stroke(b.one(words, clock=1)) == Stroke(1, 1, 3, (1, 0), None)
    for update in (
        b"",
        b.one(b.text("ab")),  # The first of a root: it names it.
        b.one(b.text("é", origin=(1, 0)), clock=1),
        b.one(b.text("a" * 128, origin=(1, 0)), clock=1),
        b.one(b.values(b"\x7e", origin=(1, 0)), clock=1),
        b.update(b.section(1, 1, words, b.text("c", origin=(1, 2)))),
        b.update(b.section(1, 1, words), b.section(2, 0, words)),
        b.update(b.section(1, 1, words), deletes=[b.deletions(1, (0, 1))]),
        b.one(words, clock=1)[:-1],
        b.one(words, clock=1) + b"\x00",
        b.one(b.text("ab", origin=(1, 0), right=(1, 0)), clock=1),
        b.one(words, clock=2**31 - 2),
    ):
        assert read_stroke(update) is None, update.hex()


def test_a_stroke_beside_an_entry_of_a_map_is_left_to_the_walk() -> None:
    """[N13.9] So are those of unknown clients, with gaps, or beside characters of two clocks."""
    index = NestingIndex()
    take(index, b.one(b.values(b"\x7e", key="k")))
    words = b.text("a", origin=(1, 0))
    for client, clock in ((1, 1), (1, 2), (5, 0)):
        stroke = read_stroke(b.one(words, client=client, clock=clock))
        assert stroke is not None
        assert index.level_of(stroke) is None
    take(index, b.one(b.text("x😀"), client=3))
    stroke = read_stroke(b.one(b.text("a", origin=(3, 0)), client=3, clock=3))
    assert stroke is not None
    assert index.level_of(stroke) is None
