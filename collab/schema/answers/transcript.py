"""Answers about transcripts. Times are milliseconds of speech time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypedDict

from collab.kind import Tagged
from collab.transcript import commands


class ChunkTaken(TypedDict):
    """The seq of the chunk's event."""

    seq: int


class ChunkRefused(TypedDict):
    """Why one chunk of several was not taken."""

    code: str
    message: str


class ChunkResults(TypedDict):
    """What became of each chunk, in order."""

    results: list[ChunkTaken | ChunkRefused]


class TranscriptLine(TypedDict):
    """The newest revision of one segment. ``seq`` is that of its event."""

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


class TranscriptSnapshot(TypedDict):
    """The newest lines. ``before``: where to page back for older ones; null: there are none."""

    watermark_ms: int
    lines: list[TranscriptLine]
    before: int | None


class TranscriptBucket(TypedDict):
    """One part of a bucket of time; sealed ones never change."""

    position: int
    is_sealed: bool
    lines: list[TranscriptLine]


class TranscriptPage(TypedDict):
    """Bucket parts, ascending by position."""

    buckets: list[TranscriptBucket]
    has_more: bool


class TranscriptRange(TypedDict):
    """What was said, in order of speech. ``next_ms``: where to go on; null: that was all."""

    lines: list[TranscriptLine]
    next_ms: int | None


ANSWERS: Final[Mapping[type[Tagged], Any]] = MappingProxyType(
    {
        commands.AddChunk: ChunkTaken,
        commands.AddChunks: ChunkResults,
        commands.PageTranscript: TranscriptPage,
        commands.RangeTranscript: TranscriptRange,
    }
)
