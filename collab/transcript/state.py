"""What a live transcript holds in memory: open lines, and little about the sealed ones.

::

    chunk -> open line -> (bucket seals) -> row in the listing "transcript", immutable
                                        \\-> 28 bytes in KnownSegments, until it is too old

Plain attrs throughout: a meeting's snapshot is made of it generically.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from collab.limits import BUCKET_MS, SEAL_DELAY_MS
from collab.transcript.commands import Chunk
from collab.transcript.events import ChunkAdded
from collab.transcript.known import KnownSegments

LISTING = "transcript"
SEAL_AT_FIRST_MS = BUCKET_MS + SEAL_DELAY_MS


@define
class Line:
    """The newest accepted revision of one segment. ``seq`` is that of its event."""

    provider: str
    segment: str
    revision: int
    speaker: str
    start_ms: int
    end_ms: int
    text: str
    confidence: float | None
    language: str | None
    is_final: bool
    bucket: int
    seq: int


@define
class TranscriptState:
    """One meeting's transcript, as its rules need it."""

    watermark_ms: int = 0  # How far speech has come: the greatest end of any chunk.
    seal_at_ms: int = SEAL_AT_FIRST_MS  # The watermark at which buckets seal next.
    lines: dict[str, Line] = field(factory=dict)  # Open ones, by key_of().
    text_len: int = 0  # Characters of the open lines together, names included.
    sealed: dict[int, KnownSegments] = field(factory=dict)  # By bucket; recent ones only.
    known_count: int = 0  # Segments in ``sealed``.
    recent: list[Line] = field(factory=list)  # Newest sealed lines, for the snapshot's tail.


def key_of(provider: str, segment: str) -> str:
    """Return the key of a segment. Names are printable, so NUL cannot be in them."""
    return f"{provider}\0{segment}"


def speech_order(line: Line) -> tuple[int, int]:
    """Sort key: by speech time, then by arrival."""
    return line.start_ms, line.seq


def next_part(state: TranscriptState, bucket: int) -> int:
    """Return the part that the open lines of *bucket* will become."""
    held = state.sealed.get(bucket)
    return 0 if held is None else held.next_part


def len_of(line: Line | ChunkAdded) -> int:
    """Return how many characters *line* adds to its bucket."""
    return len(line.text) + len(line.provider) + len(line.segment) + len(line.speaker)


def content_of(of: Chunk | ChunkAdded | Line) -> tuple[Any, ...]:
    """Return what two chunks with one revision must have in common."""
    return (
        of.text,
        of.start_ms,
        of.end_ms,
        of.is_final,
        of.speaker,
        None if of.confidence is None else float(of.confidence),
        of.language,
    )
