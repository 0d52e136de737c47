"""Given a chunk: what is refused, what is a duplicate, what becomes of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from collab.errors import BadRequest, Conflict, LimitExceeded
from collab.limits import (
    BUCKET_MS,
    CALL_TEXT_LEN_MAX,
    CHUNK_MS_MAX,
    CHUNK_TEXT_LEN_MAX,
    CHUNKS_PER_CALL_MAX,
    ID_LEN_MAX,
    KNOWN_SEGMENTS_MAX,
    LATENESS_MS_MAX,
    SPEECH_JUMP_MS_MAX,
    SPEECH_MS_MAX,
)
from collab.transcript.commands import AddChunk, AddChunks
from collab.transcript.events import BucketSealed
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.transcript.chunks import chunk, interim, say, transcribed

GOOD: Mapping[str, Any] = MappingProxyType(
    {
        "provider": "p",
        "segment": "s",
        "revision": 0,
        "speaker": "x",
        "start_ms": 0,
        "end_ms": 1,
        "text": "hello",
        "confidence": 1,
        "language": "en",
        "is_final": True,
    }
)


@pytest.mark.parametrize(
    "bad",
    [
        {"provider": ""},
        {"provider": "a\0b"},
        {"segment": "x" * 129},
        {"segment": 5},
        {"revision": -1},
        {"revision": 2**31},
        {"revision": True},
        {"speaker": ""},
        {"speaker": "x" * (ID_LEN_MAX + 1)},
        {"start_ms": -1},
        {"start_ms": 1.5},
        {"end_ms": SPEECH_MS_MAX + 1},
        {"end_ms": "9"},
        {"text": "x" * (CHUNK_TEXT_LEN_MAX + 1)},
        {"text": "\ud800"},
        {"text": None},
        {"confidence": 1.01},
        {"confidence": -0.1},
        {"confidence": float("nan")},
        {"confidence": True},
        {"language": ""},
        {"is_final": 1},
    ],
    ids=str,
)
def test_a_malformed_chunk_is_a_bad_request(bad: dict[str, Any]) -> None:
    """[R1.1] Every field has a shape and a bound."""
    structure({**GOOD}, AddChunk, encoding=JSON)
    with pytest.raises(WireError) as refusal:
        structure({**GOOD, **bad}, AddChunk, encoding=JSON)
    assert refusal.value.code == "bad_request"


@pytest.mark.parametrize(
    ("start_ms", "end_ms"),
    [
        (2_000, 1_999),
        (0, CHUNK_MS_MAX + 1),
        (SPEECH_JUMP_MS_MAX + 1, SPEECH_JUMP_MS_MAX + 2),
    ],
)
def test_times_that_make_no_sense_are_a_bad_request(start_ms: int, end_ms: int) -> None:
    """[R1.3] Ends before it starts, too long, or leaps too far ahead: nothing is stored."""
    meeting = transcribed()
    seq = meeting.seq
    with pytest.raises(BadRequest):
        say(meeting, chunk("s1", start_ms, end_ms))
    assert meeting.seq == seq


def test_the_edges_of_sensible_times_are_taken() -> None:
    """[R1.3] Bounds are inclusive; an empty chunk and an empty text are speech too."""
    meeting = transcribed()
    say(meeting, chunk("s1", 0, 0, text=""), chunk("s2", 0, CHUNK_MS_MAX))
    say(meeting, chunk("s3", SPEECH_JUMP_MS_MAX, SPEECH_JUMP_MS_MAX + 1))


# ---------------------------------------------------------------- duplicates, contradictions


def test_the_same_chunk_again_is_answered_with_the_first_seq() -> None:
    """[R1.4] A duplicate makes no event, whoever sends it."""
    meeting = transcribed()
    first = say(meeting, interim("s1", 0, 900, confidence=1))
    seq = meeting.seq
    assert say(meeting, interim("s1", 0, 900, confidence=1.0)) == first
    assert meeting.do("olivia", interim("s1", 0, 900, confidence=1)) == {"seq": first}
    assert meeting.seq == seq


@pytest.mark.parametrize(
    "other",
    [
        {"text": "other"},
        {"speaker": "voice-2"},
        {"confidence": 0.5},
        {"language": "de"},
        {"is_final": True},
    ],
    ids=str,
)
def test_other_content_under_the_same_revision_is_a_conflict(other: dict[str, Any]) -> None:
    """[R1.4] Nobody can tell which one is right; the first one stays."""
    meeting = transcribed()
    say(meeting, chunk("s1", 0, 900, is_final=False))
    with pytest.raises(Conflict):
        say(meeting, chunk("s1", 0, 900, **{"is_final": False, **other}))
    with pytest.raises(Conflict):
        say(meeting, chunk("s1", 0, 901, is_final=False))


def test_revisions_go_up_and_end_with_the_final_one() -> None:
    """[R1.5] Interim text is replaced; backwards, or after the final one, is a conflict."""
    meeting = transcribed()
    say(meeting, interim("s1", 0, 500, revision=1), interim("s1", 0, 900, revision=4))
    with pytest.raises(Conflict, match="backwards"):
        say(meeting, interim("s1", 0, 500, revision=1))
    say(meeting, chunk("s1", 0, 950, revision=5))
    with pytest.raises(Conflict, match="final"):
        say(meeting, chunk("s1", 0, 950, revision=6))
    (line,) = meeting.state.transcript.lines.values()
    assert (line.revision, line.is_final, line.text) == (5, True, "s1/5")


def test_segments_are_told_apart_by_provider_too() -> None:
    """[R1.4] Two providers number their segments independently."""
    meeting = transcribed()
    say(meeting, chunk("s1", 0, 900), chunk("s1", 0, 900, provider="second", text="other"))
    assert len(meeting.state.transcript.lines) == 2


def test_a_sealed_segment_is_still_known() -> None:
    """[R1.6] Duplicates, contradictions and late revisions are told apart after sealing too."""
    meeting = transcribed()
    first = say(meeting, chunk("s1", 0, 900), interim("s2", 1_000, 2_000, revision=3))
    say(meeting, chunk("s3", 2 * BUCKET_MS, 2 * BUCKET_MS + 500))
    assert not [line for line in meeting.state.transcript.lines.values() if line.bucket == 0]
    seq = meeting.seq
    assert say(meeting, interim("s2", 1_000, 2_000, revision=3)) == first
    assert meeting.seq == seq
    with pytest.raises(Conflict, match="other content"):
        say(meeting, chunk("s1", 0, 900, text="other"))
    with pytest.raises(Conflict, match="backwards"):
        say(meeting, interim("s2", 1_000, 2_000, revision=2))
    with pytest.raises(Conflict, match="final"):
        say(meeting, chunk("s1", 0, 900, revision=1))
    say(meeting, chunk("s2", 1_000, 2_000, revision=4))


# ---------------------------------------------------------------- time


def test_late_speech_is_placed_by_its_time_until_it_is_too_late() -> None:
    """[R1.7] Up to ``LATENESS_MS_MAX`` behind the newest; beyond it is a conflict."""
    meeting = transcribed()
    now_ms = LATENESS_MS_MAX + 5_000
    say(meeting, chunk("s1", now_ms - 100, now_ms))
    say(meeting, chunk("late", 4_000, 5_000))
    assert [line.bucket for line in meeting.state.transcript.lines.values()] == [10, 0]
    with pytest.raises(Conflict, match="too late"):
        say(meeting, chunk("later", 4_000, 4_999))


def test_a_segment_stays_in_the_bucket_of_its_first_revision() -> None:
    """[R1.8] Its start may move a little; far away is a conflict."""
    meeting = transcribed()
    say(meeting, interim("s1", BUCKET_MS - 10, BUCKET_MS, revision=0))
    say(meeting, interim("s1", BUCKET_MS + 10, BUCKET_MS + 20, revision=1))
    (line,) = meeting.state.transcript.lines.values()
    assert (line.bucket, line.start_ms) == (0, BUCKET_MS + 10)
    with pytest.raises(Conflict, match="move"):
        say(meeting, interim("s1", 2 * BUCKET_MS, 2 * BUCKET_MS + 1, revision=2))


# ---------------------------------------------------------------- bounds


def test_what_is_known_is_bounded() -> None:
    """[R1.9] Beyond ``KNOWN_SEGMENTS_MAX`` new segments are refused until speech goes on."""
    meeting = transcribed()
    say(meeting, chunk("s1", 0, 900))
    meeting.state.transcript.known_count = KNOWN_SEGMENTS_MAX - 1
    with pytest.raises(LimitExceeded):
        say(meeting, chunk("s2", 0, 900))


def test_segments_are_forgotten_when_nothing_can_come_for_them() -> None:
    """[R1.9] A day of speech does not grow the memory of a meeting."""
    meeting = transcribed()
    for number in range(100):
        say(meeting, chunk(f"s{number}", number * BUCKET_MS, number * BUCKET_MS + 1_000))
    transcript = meeting.state.transcript
    assert len(transcript.sealed) <= LATENESS_MS_MAX // BUCKET_MS + 4
    assert transcript.known_count == len(transcript.sealed)


# ---------------------------------------------------------------- given transcript.add_many


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [{**GOOD}] * (CHUNKS_PER_CALL_MAX + 1),
        [{**GOOD, "end_ms": -1}],
        [{**GOOD, "text": "x" * CHUNK_TEXT_LEN_MAX}]
        * (CALL_TEXT_LEN_MAX // CHUNK_TEXT_LEN_MAX + 1),
    ],
    ids=["none", "too many", "one malformed", "too much text"],
)
def test_malformed_chunks_refuse_the_call(chunks: list[Any]) -> None:
    """[R1.10] Shape is checked for the call as a whole."""
    with pytest.raises(WireError) as refusal:
        structure({"chunks": chunks}, AddChunks, encoding=JSON)
    assert refusal.value.code == "bad_request"


def test_each_of_many_chunks_is_judged_as_if_sent_alone() -> None:
    """[R1.10] Results in order: seqs of what is in, codes of what is not."""
    meeting = transcribed()
    known = say(meeting, chunk("s0", 0, 900))
    first = meeting.seq + 1
    many = [
        chunk("s0", 0, 900),
        interim("s1", 1_000, 1_500),
        interim("s1", 1_000, 1_500),
        chunk("s1", 1_000, 1_900, revision=1),
        chunk("s1", 1_000, 1_900, revision=2),
        chunk("s2", 5, 4),
        chunk("s3", 2_000, 2_900),
    ]
    results = meeting.do("bot", AddChunks(chunks=list(many)))["results"]
    assert [result.get("seq") for result in results] == [
        *(known, first, first, first + 1, None, None, first + 2),
    ]
    assert [result.get("code") for result in results[4:6]] == ["conflict", "bad_request"]
    assert meeting.seq == first + 2


def test_seqs_of_many_chunks_count_the_buckets_that_they_seal() -> None:
    """[R1.10] The answer names the events' real places in history."""
    meeting = transcribed()
    say(meeting, chunk("s0", 0, 900))
    many = [chunk("s1", BUCKET_MS, BUCKET_MS + 900), chunk("s2", 2 * BUCKET_MS, 2 * BUCKET_MS + 9)]
    results = meeting.do("bot", AddChunks(chunks=list(many)))["results"]
    for result, segment in zip(results, ("s1", "s2"), strict=True):
        stamp, event = meeting.history[result["seq"] - 1]
        assert (stamp.seq, event.segment) == (result["seq"], segment)
    assert isinstance(meeting.history[-3][1], BucketSealed)


def test_a_call_without_anything_new_changes_nothing() -> None:
    """[R1.10] Refusals and duplicates alone are answered without an event."""
    meeting = transcribed()
    known = say(meeting, chunk("s0", 0, 900))
    seq = meeting.seq
    value = meeting.do("bot", AddChunks(chunks=[chunk("s0", 0, 900), chunk("s1", 9, 8)]))
    assert value["results"][0] == {"seq": known}
    assert meeting.seq == seq
