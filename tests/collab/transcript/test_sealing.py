"""Buckets: when they seal, what is in them, and that they never change."""

from __future__ import annotations

import pytest

from collab.errors import LimitExceeded
from collab.kind import Stamp
from collab.limits import (
    BUCKET_MS,
    BUCKET_PARTS_MAX,
    CHUNK_TEXT_LEN_MAX,
    OPEN_LINES_MAX,
    OPEN_TEXT_LEN_MAX,
    SEAL_DELAY_MS,
    TRANSCRIPT_TAIL_CHUNKS,
)
from collab.meeting.commands import End
from collab.transcript import rules, sealing
from collab.transcript.buckets import decode_part, encode_part, hash_part, position_of
from collab.transcript.commands import AddChunk
from collab.transcript.events import BucketSealed
from collab.transcript.known import KnownSegments
from collab.transcript.state import LISTING, TranscriptState
from protocol.structure import pack
from tests.collab.transcript.chunks import (
    chunk,
    interim,
    say,
    sealed_events,
    stored_lines,
    transcribed,
)

SEAL_MS = BUCKET_MS + SEAL_DELAY_MS  # Speech up to here seals bucket 0.


def upto(end_ms: int) -> AddChunk:
    return chunk(f"upto-{end_ms}", end_ms - 10, end_ms)


def test_a_bucket_seals_when_speech_is_past_its_end_by_the_delay() -> None:
    """[R2.1] Not a millisecond earlier; decided with, and just before, the chunk that moves it."""
    meeting = transcribed()
    say(meeting, chunk("s1", 0, 900), chunk("s2", BUCKET_MS - 1, BUCKET_MS), upto(SEAL_MS - 1))
    assert sealed_events(meeting) == []
    say(meeting, upto(SEAL_MS))
    assert sealed_events(meeting) == [(0, 0, 2)]
    assert isinstance(meeting.history[-2][1], BucketSealed)


def test_a_leap_seals_every_bucket_behind_it_and_none_that_is_empty() -> None:
    """[R2.1] One event for each bucket with lines, in order of time."""
    meeting = transcribed()
    say(meeting, chunk("s1", BUCKET_MS, BUCKET_MS + 1), chunk("s0", 0, 1), upto(30 * BUCKET_MS))
    assert sealed_events(meeting) == [(0, 0, 1), (1, 0, 1)]
    say(meeting, upto(31 * BUCKET_MS + SEAL_DELAY_MS))
    assert sealed_events(meeting)[2:] == [(29, 0, 1)]


def test_a_sealed_part_is_stored_hashed_and_in_order_of_speech() -> None:
    """[R2.2] The event's hash proves the row; the row has the newest revision of each segment."""
    meeting = transcribed()
    say(meeting, chunk("b", 500, 900), interim("a", 100, 300), chunk("a", 100, 400, revision=1))
    say(meeting, chunk("c", 100, 350), upto(SEAL_MS))
    event = next(event for _, event in meeting.history if isinstance(event, BucketSealed))
    value = meeting.rows.listings[LISTING][position_of(0, 0)]
    assert hash_part(value) == event.hash
    lines = decode_part(value).lines
    assert [(line.segment, line.revision) for line in lines] == [("a", 1), ("c", 0), ("b", 0)]
    assert (event.first_ms, event.last_ms, event.count) == (100, 900, 3)
    assert encode_part(0, 0, reversed(lines)) == value


def test_bytes_of_an_unknown_format_are_refused() -> None:
    """[R2.2] They are never guessed at."""
    with pytest.raises(ValueError, match="format 2"):
        decode_part(b"\x94\x02\x00\x00\x90")


def test_late_speech_becomes_a_further_part_at_the_next_sealing() -> None:
    """[R2.3] The sealed part stays as it is; late chunks wait for each other."""
    meeting = transcribed()
    say(meeting, chunk("s1", 0, 900), upto(SEAL_MS))
    first = dict(meeting.rows.listings[LISTING])
    say(meeting, chunk("late-1", 100, 200), chunk("late-2", 50, 90))
    assert sealed_events(meeting) == [(0, 0, 1)]
    say(meeting, upto(SEAL_MS + BUCKET_MS))
    assert sealed_events(meeting)[1:] == [(0, 1, 2), (1, 0, 1)]
    rows = meeting.rows.listings[LISTING]
    assert {position: rows[position] for position in first} == first
    assert [line.segment for line in decode_part(rows[position_of(0, 1)]).lines] == [
        *("late-2", "late-1"),
    ]


def test_a_revision_after_sealing_supersedes_in_a_later_part() -> None:
    """[R2.4] Both lines are stored; the higher revision counts."""
    meeting = transcribed()
    say(meeting, interim("s1", 0, 900), upto(SEAL_MS), chunk("s1", 0, 950, revision=1))
    meeting.do("olivia", End())
    assert [(e[0], e[1]) for e in sealed_events(meeting)] == [(0, 0), (0, 1), (1, 0)]
    assert [line.revision for line in stored_lines(meeting) if line.segment == "s1"] == [0, 1]


@pytest.mark.parametrize("text_len", [1, CHUNK_TEXT_LEN_MAX])
def test_a_flood_seals_early_and_memory_stays_bounded(text_len: int) -> None:
    """[R2.5] Too many open lines, or too much text in them, seal at once; nothing is refused."""
    state, count = TranscriptState(), 2 * OPEN_LINES_MAX if text_len == 1 else 100
    seq = 0
    for number in range(count):
        spoken = chunk(f"s{number}", number, number + 1, text="x" * text_len)
        for event in rules.add(state, spoken, seq).events:
            seq += 1
            if isinstance(event, BucketSealed):
                sealing.evolve_sealed(state, event, Stamp(seq, 0, "bot"))
            else:
                rules.evolve_added(state, event, Stamp(seq, 0, "bot"))
        assert len(state.lines) <= OPEN_LINES_MAX
        assert state.text_len <= OPEN_TEXT_LEN_MAX + CHUNK_TEXT_LEN_MAX + 1_000
    assert state.sealed[0].next_part >= 1
    assert len(state.sealed[0]) + len(state.lines) == count
    assert len(state.recent) <= TRANSCRIPT_TAIL_CHUNKS


def test_a_bucket_has_a_bounded_number_of_parts() -> None:
    """[R2.6] So that a position always names one part; beyond, its chunks are refused."""
    meeting = transcribed()
    held = meeting.state.transcript.sealed
    held[0] = KnownSegments(next_part=BUCKET_PARTS_MAX - 2)
    say(meeting, chunk("s1", 0, 900), upto(SEAL_MS))
    assert sealed_events(meeting) == [(0, BUCKET_PARTS_MAX - 2, 1)]
    with pytest.raises(LimitExceeded):
        say(meeting, chunk("s2", 0, 900))
    say(meeting, chunk("s3", BUCKET_MS, BUCKET_MS + 1))


def test_the_end_seals_everything_and_forgets_the_rest() -> None:
    """[R2.7] After the end memory holds the tail alone."""
    meeting = transcribed()
    say(
        meeting,
        chunk("s1", 0, 900),
        upto(SEAL_MS),
        chunk("late", 5, 9),
        interim("s9", 70_000, 70_001),
    )
    meeting.do("olivia", End())
    state = meeting.state.transcript
    assert sealed_events(meeting) == [(0, 0, 1), (0, 1, 1), (1, 0, 2)]
    assert (state.lines, state.sealed, state.known_count, state.text_len) == ({}, {}, 0, 0)
    assert len(stored_lines(meeting)) == 4


def test_an_idle_meeting_is_small() -> None:
    """[R2.8] A meeting in which nobody has spoken costs little; a minute of speech not much."""
    meeting = transcribed()
    assert len(pack(meeting.state)) < 1_000
    say(meeting, *(chunk(f"s{n}", n * 1_000, n * 1_000 + 900) for n in range(40)))
    assert len(pack(meeting.state)) < 20_000
