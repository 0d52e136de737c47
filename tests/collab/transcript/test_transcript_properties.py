"""Whatever order chunks come in: what always holds of a transcript."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Refused
from collab.meeting.commands import End
from collab.meeting.state import MeetingState
from collab.transcript.buckets import hash_part, position_of
from collab.transcript.commands import AddChunk, AddChunks
from collab.transcript.events import BucketSealed, ChunkAdded
from collab.transcript.state import LISTING
from protocol.structure import pack
from tests.collab.messages.stage import Stage
from tests.collab.transcript.chunks import all_lines, chunk, transcribed

SEGMENTS = 12


@st.composite
def arrivals(draw: st.DrawFn) -> list[AddChunk]:
    """Draw segments over ten minutes, each with revisions up to a final one, in any order.

    Every revision arrives at least once, some twice.
    """
    starts = draw(st.lists(st.integers(0, 500_000), min_size=1, max_size=SEGMENTS, unique=True))
    chunks: list[AddChunk] = []
    for number, start_ms in enumerate(starts):
        last = draw(st.integers(0, 3))
        chunks += [
            chunk(
                f"s{number}",
                start_ms,
                start_ms + 1_000 + revision * 5_000,
                revision=revision,
                is_final=revision == last,
            )
            for revision in range(last + 1)
        ]
    twice = draw(st.lists(st.sampled_from(chunks), max_size=10))
    return draw(st.permutations([*chunks, *twice]))


def play(chunks: list[AddChunk], at_once: int) -> Stage[MeetingState]:
    meeting = transcribed()
    if at_once > 1:
        for first in range(0, len(chunks), at_once):
            meeting.do("bot", AddChunks(chunks=list(chunks[first : first + at_once])))
        return meeting
    for each in chunks:
        try:
            meeting.do("bot", each)
        except Refused:
            continue  # Overtaken by a newer revision.
    return meeting


@given(arrivals(), st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_any_order_of_arrival_ends_with_the_same_final_lines(
    chunks: list[AddChunk], at_once: int
) -> None:
    """[R4.1] Sealed and open together are the final revisions: none lost, none doubled."""
    meeting = play(chunks, at_once)
    for is_over in (False, True):
        if is_over:
            meeting.do("olivia", End())
        finals = {each.segment: each for each in chunks if each.is_final}
        found = all_lines(meeting)
        assert found.keys() == finals.keys()
        for segment, each in finals.items():
            line = found[segment]
            assert (line.revision, line.text, line.start_ms, line.end_ms, line.is_final) == (
                *(each.revision, each.text, each.start_ms, each.end_ms, True),
            )


@given(arrivals(), st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_sealed_parts_never_change_and_history_gives_the_same_state(
    chunks: list[AddChunk], at_once: int
) -> None:
    """[R4.2] Each part is written once, under its hash; replay and snapshot are equal."""
    meeting = play(chunks, at_once)
    meeting.do("olivia", End())
    sealed = [event for _, event in meeting.history if isinstance(event, BucketSealed)]
    positions = [position_of(event.bucket, event.part) for event in sealed]
    assert len(set(positions)) == len(positions)
    rows = meeting.rows.listings[LISTING]
    assert {at: hash_part(value) for at, value in rows.items()} == dict(
        zip(positions, [event.hash for event in sealed], strict=True)
    )
    assert pack(meeting.replayed()) == meeting.dump() == pack(meeting.restored())


@given(arrivals())
@settings(max_examples=40, deadline=None)
def test_what_was_accepted_is_a_duplicate_from_then_on(chunks: list[AddChunk]) -> None:
    """[R4.3] Sending everything accepted last once more changes nothing, sealed or not."""
    meeting = play(chunks, 1)
    newest: dict[str, tuple[int, ChunkAdded]] = {
        event.segment: (stamp.seq, event)
        for stamp, event in meeting.history
        if isinstance(event, ChunkAdded)
    }
    before = meeting.seq
    for each in chunks:
        seq, event = newest[each.segment]
        if each.revision == event.revision:
            assert meeting.do("bot", each) == {"seq": seq}
    assert meeting.seq == before
