"""The live tail, pages of buckets, ranges of time."""

from __future__ import annotations

from typing import Any

import pytest

from collab.errors import BadRequest, LimitExceeded
from collab.limits import (
    BUCKET_MS,
    SEAL_DELAY_MS,
    TRANSCRIPT_PAGE_BYTES_MAX,
    TRANSCRIPT_PAGE_MAX,
    TRANSCRIPT_RANGE_LINES_MAX,
    TRANSCRIPT_RANGE_MS_MAX,
    TRANSCRIPT_RANGE_PARTS_MAX,
    TRANSCRIPT_TAIL_CHUNKS,
)
from collab.meeting.commands import End
from collab.meeting.state import MeetingState
from collab.transcript.buckets import encode_part, position_of
from collab.transcript.commands import AddChunk, PageTranscript, RangeTranscript
from collab.transcript.state import LISTING, Line
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.messages.stage import Stage
from tests.collab.transcript.chunks import chunk, interim, say, transcribed


def spoken(minutes: int) -> Stage[MeetingState]:
    """Return a meeting with two lines a minute."""
    meeting = transcribed()
    for n in range(minutes):
        start_ms = n * BUCKET_MS
        say(meeting, chunk(f"a{n}", start_ms, start_ms + 900))
        say(meeting, chunk(f"b{n}", start_ms + 30_000, start_ms + 31_000))
    return meeting


def segments(lines: list[dict[str, Any]]) -> list[str]:
    return [line["segment"] for line in lines]


def line(segment: str, start_ms: int, bucket: int, text: str = "") -> Line:
    return Line("p", segment, 0, "x", start_ms, start_ms + 1, text, None, None, True, bucket, 1)


# ---------------------------------------------------------------- snapshot


def test_a_silent_transcript_has_an_empty_tail() -> None:
    """[R3.1] Nothing to show, nowhere to page back to."""
    shown = transcribed().snapshot("bot", "transcript")
    assert shown == {"watermark_ms": 0, "lines": [], "before": None}


def test_a_late_joiner_sees_the_newest_lines_sealed_or_open_interim_or_final() -> None:
    """[R3.1] In order of speech, each segment once, and where speech has come to."""
    meeting = spoken(2)
    say(meeting, interim("c", 95_000, 96_000))
    shown = meeting.snapshot("bot", "transcript")
    assert segments(shown["lines"]) == ["a0", "b0", "a1", "b1", "c"]
    assert (shown["watermark_ms"], shown["before"]) == (96_000, 2_000)


def test_a_correction_of_a_sealed_line_takes_its_place_in_the_tail() -> None:
    """[R3.1] The highest revision of each segment is shown."""
    meeting = transcribed()
    say(meeting, interim("s", 0, 900), chunk("t", BUCKET_MS + SEAL_DELAY_MS - 1, 70_000))
    say(meeting, chunk("s", 0, 950, revision=1))
    shown = meeting.snapshot("bot", "transcript")["lines"]
    assert [(line["segment"], line["revision"]) for line in shown] == [("s", 1), ("t", 0)]


def test_the_tail_is_bounded_and_says_where_to_page_back() -> None:
    """[R3.1] ``before`` covers the bucket of the oldest line shown, wherever the tail was cut."""
    meeting = transcribed()
    say(meeting, *(chunk(f"s{n}", n * 500, n * 500 + 400) for n in range(300)))
    shown = meeting.snapshot("bot", "transcript")
    assert segments(shown["lines"]) == [f"s{n}" for n in range(100, 300)]
    assert len(shown["lines"]) == TRANSCRIPT_TAIL_CHUNKS


def test_the_tail_stays_after_the_end() -> None:
    """[R3.1] Whoever opens the meeting then still sees how it ended."""
    meeting = spoken(3)
    meeting.do("olivia", End())
    assert segments(meeting.snapshot("bot", "transcript")["lines"])[-1] == "b2"


# ---------------------------------------------------------------- given transcript.page


@pytest.mark.parametrize(
    "args",
    [{"limit": 0}, {"limit": TRANSCRIPT_PAGE_MAX + 1}, {"before": -1}, {"after": "0"}],
    ids=str,
)
def test_a_malformed_page_is_a_bad_request(args: dict[str, Any]) -> None:
    """[R3.2] Bounds are checked before anything is read."""
    with pytest.raises(WireError):
        structure(args, PageTranscript, encoding=JSON)


async def test_a_page_goes_one_way() -> None:
    """[R3.2] Before and after together are a bad request."""
    with pytest.raises(BadRequest):
        await transcribed().look("bot", PageTranscript(before=1, after=1))


async def test_paging_back_from_the_tail_reaches_the_first_word() -> None:
    """[R3.2] Every part once, open ones from memory, sealed ones from storage."""
    meeting = spoken(6)
    seen: list[str] = []
    before: int | None = None
    while True:
        page = await meeting.look("bot", PageTranscript(before=before, limit=2))
        buckets = page["buckets"]
        assert [bucket["position"] for bucket in buckets] == sorted(b["position"] for b in buckets)
        seen = [s for bucket in buckets for s in segments(bucket["lines"])] + seen
        if not page["has_more"]:
            break
        before = buckets[0]["position"]
    assert seen == [name for n in range(6) for name in (f"a{n}", f"b{n}")]
    newest = await meeting.look("bot", PageTranscript(limit=1))
    assert [(b["position"], b["is_sealed"]) for b in newest["buckets"]] == [(5_000, False)]


async def test_paging_forward_from_the_first_word_reaches_the_open_lines() -> None:
    """[R3.2] The other way round."""
    meeting = spoken(5)
    seen: list[tuple[int, bool]] = []
    after = -1
    while True:
        page = await meeting.look("bot", PageTranscript(after=after, limit=2))
        seen += [(bucket["position"], bucket["is_sealed"]) for bucket in page["buckets"]]
        if not page["has_more"]:
            break
        after = page["buckets"][-1]["position"]
    assert seen == [(n * 1_000, n < 4) for n in range(5)]


async def test_a_page_is_bounded_in_bytes() -> None:
    """[R3.2] It holds at least one part, and then what still fits."""
    meeting = transcribed()
    big = [line(f"s{n}", n, 0, "x" * 1_000) for n in range(TRANSCRIPT_PAGE_BYTES_MAX // 2_000)]
    rows = {position_of(n, 0): encode_part(n, 0, big) for n in range(5)}
    meeting.rows.listings[LISTING] = rows
    page = await meeting.look("bot", PageTranscript(limit=5))
    assert page["has_more"]
    assert 1 <= len(page["buckets"]) < 5
    assert page["buckets"][-1]["position"] == 4_000


async def test_a_bucket_that_seals_while_a_page_is_read_is_in_it_once() -> None:
    """[R3.3] What is stored wins over what memory held when the query was decided."""
    meeting = spoken(1)
    query = PageTranscript()
    answer = meeting.kind.queries[PageTranscript](meeting.state, query, meeting.context("bot"))
    meeting.do("olivia", End())
    assert answer.read is not None
    page: Any = await answer.read(meeting.rows)
    assert [(b["position"], b["is_sealed"]) for b in page["buckets"]] == [(0, True)]


# ---------------------------------------------------------------- given transcript.range


@pytest.mark.parametrize(("start_ms", "end_ms"), [(5, 5), (6, 5), (0, TRANSCRIPT_RANGE_MS_MAX + 1)])
async def test_an_empty_or_too_wide_range_is_a_bad_request(start_ms: int, end_ms: int) -> None:
    """[R3.4] A range is 1 ms to ``TRANSCRIPT_RANGE_MS_MAX`` wide."""
    with pytest.raises(BadRequest):
        await transcribed().look("bot", RangeTranscript(start_ms=start_ms, end_ms=end_ms))


async def test_a_range_has_what_starts_in_it_from_storage_and_memory() -> None:
    """[R3.4] Merged, in order of speech; a corrected line counts where it starts now."""
    meeting = spoken(4)
    corrected: list[AddChunk] = [
        interim("m", 110_000, 111_000),
        chunk("late", 10_000, 11_000),
        chunk("m", 121_000, 122_000, revision=1),
    ]
    say(meeting, *corrected)
    found = await meeting.look("bot", RangeTranscript(start_ms=900, end_ms=120_000))
    assert segments(found["lines"]) == ["late", "b0", "a1", "b1"]
    assert found["next_ms"] is None
    found = await meeting.look("bot", RangeTranscript(start_ms=120_000, end_ms=180_001))
    assert segments(found["lines"]) == ["a2", "m", "b2", "a3"]


async def test_a_long_range_goes_on_where_it_was_cut_and_loses_nothing() -> None:
    """[R3.4] Cut between two moments, never within one."""
    meeting = transcribed()
    count = TRANSCRIPT_RANGE_LINES_MAX + 500
    lines = [line(f"s{n:04}", n // 4, 0) for n in range(count)]
    meeting.rows.listings[LISTING] = {0: encode_part(0, 0, lines)}
    seen: list[str] = []
    next_ms: int | None = 0
    while next_ms is not None:
        found = await meeting.look("bot", RangeTranscript(start_ms=next_ms, end_ms=5_000))
        assert len(found["lines"]) <= TRANSCRIPT_RANGE_LINES_MAX
        seen += segments(found["lines"])
        next_ms = found["next_ms"]
    assert seen == [f"s{n:04}" for n in range(count)]


async def test_a_range_over_too_many_parts_is_refused() -> None:
    """[R3.4] A flood is read page by page."""
    meeting = transcribed()
    rows = {n: encode_part(0, n, []) for n in range(TRANSCRIPT_RANGE_PARTS_MAX + 1)}
    meeting.rows.listings[LISTING] = rows
    with pytest.raises(LimitExceeded):
        await meeting.look("bot", RangeTranscript(start_ms=0, end_ms=1))
