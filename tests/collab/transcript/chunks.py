"""Chunks for tests, and what readers make of them."""

from __future__ import annotations

from typing import Any

from collab.meeting import MEETING
from collab.meeting.commands import Invitee, Join, Schedule, Start
from collab.meeting.state import MeetingState
from collab.transcript.buckets import decode_part
from collab.transcript.commands import AddChunk
from collab.transcript.events import BucketSealed
from collab.transcript.state import LISTING, Line
from collab.transcript.view import merge
from tests.collab.messages.stage import Stage


def chunk(segment: str, start_ms: int, end_ms: int, **more: Any) -> AddChunk:
    """Return a final chunk that says its segment and revision, unless told otherwise."""
    fields: dict[str, Any] = {
        "provider": "fake",
        "revision": 0,
        "speaker": "voice-1",
        "is_final": True,
        "text": f"{segment}/{more.get('revision', 0)}",
    }
    return AddChunk(segment=segment, start_ms=start_ms, end_ms=end_ms, **{**fields, **more})


def interim(segment: str, start_ms: int, end_ms: int, **more: Any) -> AddChunk:
    return chunk(segment, start_ms, end_ms, is_final=False, **more)


def transcribed() -> Stage[MeetingState]:
    """Return a live meeting whose transcriber is ``bot``."""
    meeting = Stage(MEETING, "m")
    bot = Invitee(user_id="bot", role="transcriber")
    meeting.do("olivia", Schedule(title="Plan", participants=[bot]))
    meeting.do("bot", Join())
    meeting.do("olivia", Start())
    return meeting


def say(meeting: Stage[MeetingState], *chunks: AddChunk) -> int:
    """Add *chunks* one by one; return the last one's seq."""
    seq = 0
    for each in chunks:
        seq = meeting.do("bot", each)["seq"]
    return seq


def sealed_events(meeting: Stage[MeetingState]) -> list[tuple[int, int, int]]:
    """Return (bucket, part, count) of everything that was sealed, in order."""
    events = [event for _, event in meeting.history if isinstance(event, BucketSealed)]
    return [(event.bucket, event.part, event.count) for event in events]


def stored_lines(meeting: Stage[MeetingState]) -> list[Line]:
    """Return the lines of all sealed parts, as storage holds them."""
    rows = meeting.rows.listings.get(LISTING, {})
    return [line for _, value in sorted(rows.items()) for line in decode_part(value).lines]


def all_lines(meeting: Stage[MeetingState]) -> dict[str, Line]:
    """Return what a reader of everything ends up with: the highest revision of each segment."""
    merged = merge([*stored_lines(meeting), *meeting.state.transcript.lines.values()])
    return {line.segment: line for line in merged}
