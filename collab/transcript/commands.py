"""What a transcriber sends and what a reader asks for.

A *segment* is one utterance as its provider numbers it; it comes in *revisions*, interim ones
and at last a final one. A *chunk* is one revision of one segment. Times are milliseconds of
speech time: 0 is where the provider's recording begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import NOTHING, define, field, frozen
from attrs.validators import and_, instance_of, max_len, min_len, optional

from collab.limits import (
    CALL_TEXT_LEN_MAX,
    CHUNK_TEXT_LEN_MAX,
    CHUNKS_PER_CALL_MAX,
    ID_LEN_MAX,
    LANGUAGE_LEN_MAX,
    PROVIDER_LEN_MAX,
    REVISION_MAX,
    SEGMENT_LEN_MAX,
    SPEECH_MS_MAX,
    TRANSCRIPT_PAGE_DEFAULT,
    TRANSCRIPT_PAGE_MAX,
)
from collab.messages.checks import number, place, words
from protocol.stated import stated

Validator = Callable[[Any, Any, Any], None]


def _name(len_max: int) -> Validator:
    """Check a printable, non-empty name. One function, because chunks come 10,000 a second."""

    def check(_made: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, str) or not 0 < len(value) <= len_max or not value.isprintable():
            raise ValueError(f"{attribute.name} must be 1 to {len_max} printable characters")

    return check


def _called(len_max: int, *, default: Any = NOTHING) -> Any:
    """Return a field for such a name; a None default allows None."""
    check = _name(len_max)
    validator = optional(check) if default is None else check
    bounds = stated(minLength=1, maxLength=len_max)
    return field(default=default, validator=validator, metadata=bounds)


def _text_together(_made: Any, attribute: Any, value: Any) -> None:
    if sum(len(chunk.text) for chunk in value) > CALL_TEXT_LEN_MAX:
        raise ValueError(f"{attribute.name} have at most {CALL_TEXT_LEN_MAX} characters together")


def _share(_made: Any, attribute: Any, value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is not None and not (is_number and 0 <= value <= 1):
        raise ValueError(f"{attribute.name} must be from 0 to 1, or absent")


@define(kw_only=True)  # Not frozen: chunks come 10,000 a second.
class Chunk:
    """One revision of one segment.

    ``speaker`` is a user id, or any other name while the provider does not know who it is.
    ``revision`` grows within a segment; after the final one nothing more is taken.
    """

    provider: str = _called(PROVIDER_LEN_MAX)
    segment: str = _called(SEGMENT_LEN_MAX)
    revision: int = number(0, REVISION_MAX, default=0)
    speaker: str = _called(ID_LEN_MAX)
    start_ms: int = number(0, SPEECH_MS_MAX)
    end_ms: int = number(0, SPEECH_MS_MAX)
    text: str = words(CHUNK_TEXT_LEN_MAX)
    confidence: float | None = field(
        default=None, validator=_share, metadata=stated(minimum=0, maximum=1)
    )
    language: str | None = _called(LANGUAGE_LEN_MAX, default=None)
    is_final: bool = field(default=False, validator=instance_of(bool))


@define(kw_only=True)
class AddChunk(Chunk):
    """Append one chunk. Answered with ``{"seq"}`` of its event.

    The same chunk again is answered with the first one's seq and changes nothing.
    Refused with ``conflict``: other content under the same revision, a revision below the known
    one, anything after the final one, or speech from too long ago.
    """

    TAG: ClassVar[str] = "transcript.add"


@frozen(kw_only=True)
class AddChunks:
    """Append several chunks in order, as if each were sent alone; one never spoils another.

    Answered with ``{"results"}``: for each chunk ``{"seq"}`` or ``{"code", "message"}``.
    """

    TAG: ClassVar[str] = "transcript.add_many"

    chunks: list[Chunk] = field(
        validator=and_(min_len(1), max_len(CHUNKS_PER_CALL_MAX), _text_together)
    )


@frozen(kw_only=True)
class PageTranscript:
    """Read bucket parts: the newest below ``before``, or the oldest above ``after``.

    Answered with ``{"buckets": [{"position", "is_sealed", "lines"}], "has_more"}``, ascending.
    The same segment may be in several parts: its highest revision counts.
    """

    TAG: ClassVar[str] = "transcript.page"

    before: int | None = place(low=0, default=None)
    after: int | None = place(low=-1, default=None)
    limit: int = number(1, TRANSCRIPT_PAGE_MAX, default=TRANSCRIPT_PAGE_DEFAULT)


@frozen(kw_only=True)
class RangeTranscript:
    """Read what was said from ``start_ms`` up to before ``end_ms``, merged, in order of speech.

    Answered with ``{"lines", "next_ms"}``; go on from ``next_ms`` unless it is null.
    """

    TAG: ClassVar[str] = "transcript.range"

    start_ms: int = number(0, SPEECH_MS_MAX)
    end_ms: int = number(0, SPEECH_MS_MAX)
