"""Events as they lie in a ring."""

from __future__ import annotations

import tracemalloc

from collab.envelope import Entry, EventCodec, Shown
from collab.meeting import MEETING
from collab.transcript.events import ChunkAdded

COUNT = 2_000


def shown(codec: EventCodec, number: int) -> Shown:
    chunk = ChunkAdded(
        provider="p",
        segment=f"s{number}",
        revision=0,
        speaker=f"speaker {number % 5}",
        start_ms=number * 100,
        end_ms=number * 100 + 90,
        text=f"words that somebody says in a meeting, number {number}",
        confidence=0.5,
        language="en",
        is_final=True,
        bucket=0,
    )
    entry = Entry(chunk, f"user-{number}", 1_000_000 + number)
    codec.encode(entry)
    return codec.show(number, entry)


def test_at_rest_an_event_is_the_same_in_a_quarter_of_the_memory() -> None:
    """[V1.12] So that a thousand busy meetings do not hold gigabytes for who may come back."""
    codec = EventCodec(MEETING)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        ring = [shown(codec, number) for number in range(COUNT)]
        awake, _ = tracemalloc.get_traced_memory()
        fields = [one.fields for one in ring[:20]]
        for one in ring:
            one.rest()
        at_rest, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [one.fields for one in ring[:20]] == fields
    assert (at_rest - before) * 3 < awake - before
    assert (at_rest - before) / COUNT < 414  # 376 when it was set.
    assert sum(one.nbytes for one in ring) / COUNT < 250  # As journaled.
