"""Turns a written transcript into what a live transcriber would send, and when.

Input is a JSON file with ``meeting_transcripts``: a list of ``{"speaker", "content"}`` turns (the
layout of QMSum). It has no times: words are spoken at ``WORDS_PER_S``. Each turn becomes segments
of a few words; each segment is heard twice: an interim text half way, the final one at its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

WORDS_PER_S: Final = 2.5
WORDS_PER_SEGMENT: Final = 8
PAUSE_MS: Final = 300  # Between turns.


@frozen
class Revision:
    """One thing that the transcriber says about a segment. Times in ms of speech."""

    revision: int
    at_ms: int  # When it is sent.
    end_ms: int
    text: str
    is_final: bool


@frozen
class Segment:
    """A few words of one speaker, with all that will be said about them, in order."""

    name: str
    speaker: str
    start_ms: int
    revisions: tuple[Revision, ...]


def load_segments(file: Path, *, turns_max: int | None = None) -> list[Segment]:
    """Read *file*; at most *turns_max* turns of it.

    Raises:
      ValueError: it is not a transcript of the known layout.
    """
    try:
        turns = json.loads(file.read_text(encoding="utf-8"))["meeting_transcripts"]
        spoken = [(turn["speaker"], turn["content"].split()) for turn in turns[:turns_max]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{file} is no transcript with meeting_transcripts: {error}") from error
    return list(_segments(spoken))


def _segments(turns: list[tuple[str, list[str]]]) -> Iterator[Segment]:
    now_ms = 0
    for turn_number, (speaker, words) in enumerate(turns):
        for first in range(0, len(words), WORDS_PER_SEGMENT):
            said = words[first : first + WORDS_PER_SEGMENT]
            name = f"{turn_number}.{first // WORDS_PER_SEGMENT}"
            segment = Segment(name, speaker, now_ms, tuple(_revisions(said, now_ms)))
            yield segment
            now_ms = segment.revisions[-1].end_ms
        now_ms += PAUSE_MS


def _revisions(words: list[str], start_ms: int) -> Iterator[Revision]:
    half = len(words) // 2
    if half:
        end_ms = start_ms + _duration_ms(half)
        yield Revision(0, end_ms, end_ms, " ".join(words[:half]), is_final=False)
    end_ms = start_ms + _duration_ms(len(words))
    yield Revision(1, end_ms, end_ms, " ".join(words), is_final=True)


def _duration_ms(words: int) -> int:
    return round(words / WORDS_PER_S * 1000)
