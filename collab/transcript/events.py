"""What happened to a transcript. Journaled: tags and fields never change."""

from __future__ import annotations

from typing import ClassVar

from attrs import define, field


# Not frozen, only to be made quickly: one for each chunk of every meeting. Nobody writes to them.
@define(kw_only=True)
class ChunkAdded:
    """A revision of a segment was accepted. ``bucket`` is where the segment's first one put it."""

    TAG: ClassVar[str] = "transcript.added"

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


@define(kw_only=True)
class BucketSealed:
    """The open lines of a bucket became its immutable part ``part``.

    ``hash`` is BLAKE2b (32 bytes, hex) over the part's bytes as they are stored. The bytes
    themselves go from decide to rows() with the event, in memory only: not journaled, not shown.
    """

    TAG: ClassVar[str] = "transcript.sealed"

    bucket: int
    part: int
    count: int
    hash: str
    first_ms: int
    last_ms: int
    value: bytes = field(default=b"", init=False, eq=False, repr=False)
