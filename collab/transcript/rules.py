"""Accepts chunks. Pure: no clock, no storage. Buckets seal in ``sealing``.

* A segment's revisions only go up; nothing follows the final one; the same chunk again is
  answered with the first one's seq. Refusals change nothing.
* A line belongs to the bucket of its segment's first revision: ``start_ms // BUCKET_MS``.

::

    kind of a meeting            here
    ------------------------     -----------------------------------------------
    transcript.add           ->  add(state, chunk, seq)         reads
    transcript.add_many      ->  add_many(state, chunks, seq)   reads
    ChunkAdded               ->  evolve_added(state, event)     writes
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from collab.errors import BadRequest, CollabError, Conflict, LimitExceeded
from collab.kind import Outcome, Stamp
from collab.limits import (
    BUCKET_MS,
    BUCKET_PARTS_MAX,
    CHUNK_MS_MAX,
    KNOWN_SEGMENTS_MAX,
    LATENESS_MS_MAX,
    SEAL_DELAY_MS,
    SPEECH_JUMP_MS_MAX,
    SPEECH_MS_MAX,
)
from collab.transcript.commands import Chunk
from collab.transcript.events import ChunkAdded
from collab.transcript.known import Known, digest_of, hash_of
from collab.transcript.sealing import due
from collab.transcript.state import (
    Line,
    TranscriptState,
    content_of,
    key_of,
    len_of,
    next_part,
)

# ---------------------------------------------------------------- deciding


@define
class _Draft:
    """What the chunks of one command would change, so that later ones see the earlier ones."""

    watermark_ms: int
    added: list[ChunkAdded] = field(factory=list)
    place_by_key: dict[str, int] = field(factory=dict)  # Into ``added``: newest of a segment.


def add(state: TranscriptState, chunk: Chunk, seq: int) -> Outcome:
    """Return what one chunk causes; *seq* is that of the newest event so far.

    Raises:
      BadRequest: its times make no sense.
      Conflict: contradicts what is known of its segment, or too late.
      LimitExceeded: too many segments within the lateness window, or parts of its bucket.
    """
    draft = _Draft(state.watermark_ms)
    known_seq = _judge(state, draft, chunk)
    if known_seq is not None:
        return Outcome(value={"seq": known_seq})
    sealed = due(state, draft.watermark_ms)
    return Outcome([*sealed, *draft.added], {"seq": seq + len(sealed) + 1})


def add_many(state: TranscriptState, chunks: Sequence[Chunk], seq: int) -> Outcome:
    """Return what *chunks* cause, each judged as if sent alone; refusals are results."""
    draft = _Draft(state.watermark_ms)
    judged: list[tuple[int | None, int] | CollabError] = []  # (seq if known, place if not)
    for chunk in chunks:
        try:
            known_seq = _judge(state, draft, chunk)
            place = draft.place_by_key.get(key_of(chunk.provider, chunk.segment), -1)
            judged.append((known_seq, place))
        except CollabError as refusal:
            judged.append(refusal)
    sealed = due(state, draft.watermark_ms) if draft.added else []
    first_seq = seq + len(sealed) + 1
    results = [
        {"code": result.code, "message": result.message}
        if isinstance(result, CollabError)
        else {"seq": first_seq + result[1] if result[0] is None else result[0]}
        for result in judged
    ]
    return Outcome([*sealed, *draft.added], {"results": results})


def _judge(state: TranscriptState, draft: _Draft, chunk: Chunk) -> int | None:
    """Put the event of *chunk* into *draft*, or return the seq of the same chunk before it."""
    _check_times(chunk, draft.watermark_ms)
    key = key_of(chunk.provider, chunk.segment)
    bucket = chunk.start_ms // BUCKET_MS
    place = draft.place_by_key.get(key)
    newest = state.lines.get(key) if place is None else draft.added[place]
    if newest is not None:
        if newest.revision == chunk.revision and content_of(newest) == content_of(chunk):
            # Twice in one command: the first one's place gives its seq.
            return newest.seq if isinstance(newest, Line) else None
        _check_revision(chunk, newest.revision, newest.is_final)
        bucket = newest.bucket
    elif state.sealed:
        known_bucket, known = _find_sealed(state, key, bucket)
        if known is not None:
            if known.revision == chunk.revision and known.digest == digest_of(content_of(chunk)):
                return known.seq
            _check_revision(chunk, known.revision, known.is_final)
            bucket = known_bucket
    _check_place(state, draft, chunk, bucket)
    draft.place_by_key[key] = len(draft.added)
    draft.added.append(_added(chunk, bucket))
    if chunk.end_ms > draft.watermark_ms:
        draft.watermark_ms = chunk.end_ms
    return None


def _check_times(chunk: Chunk, watermark_ms: int) -> None:
    start_ms, end_ms = chunk.start_ms, chunk.end_ms
    if not 0 <= start_ms <= end_ms:
        raise BadRequest("a chunk starts at 0 or later and does not end before it starts")
    if end_ms - start_ms > CHUNK_MS_MAX:
        raise BadRequest(f"a chunk is at most {CHUNK_MS_MAX} ms long")
    if end_ms > SPEECH_MS_MAX:
        raise BadRequest(f"speech time ends at {SPEECH_MS_MAX} ms")
    if start_ms > watermark_ms + SPEECH_JUMP_MS_MAX:
        raise BadRequest(f"a chunk starts at most {SPEECH_JUMP_MS_MAX} ms after the newest one")


def _check_revision(chunk: Chunk, newest: int, is_final: bool) -> None:  # noqa: FBT001
    if chunk.revision == newest:
        raise Conflict(f"revision {newest} of this segment has other content")
    if chunk.revision < newest:
        raise Conflict(f"revision going backwards: {newest} of this segment is known")
    if is_final:
        raise Conflict(f"revision {newest} of this segment was the final one")


def _check_place(state: TranscriptState, draft: _Draft, chunk: Chunk, bucket: int) -> None:
    if chunk.end_ms < draft.watermark_ms - LATENESS_MS_MAX:
        raise Conflict(f"too late: speech is more than {LATENESS_MS_MAX} ms further")
    if not -1 <= chunk.start_ms // BUCKET_MS - bucket <= 1:
        raise Conflict("a segment does not move this far from where it was first placed")
    # One below the bound: sealing, which comes before this chunk, may take one more part.
    if next_part(state, bucket) >= BUCKET_PARTS_MAX - 1:
        raise LimitExceeded(f"a bucket has at most {BUCKET_PARTS_MAX} parts")
    if state.known_count + len(state.lines) + len(draft.added) >= KNOWN_SEGMENTS_MAX:
        raise LimitExceeded(f"at most {KNOWN_SEGMENTS_MAX} segments in {LATENESS_MS_MAX} ms")


def _find_sealed(state: TranscriptState, key: str, bucket: int) -> tuple[int, Known | None]:
    """Look where a segment that now starts in *bucket* may have been placed first."""
    key_hash = hash_of(key)
    for near in (bucket, bucket - 1, bucket + 1):
        segments = state.sealed.get(near)
        if segments is not None and (known := segments.find(key_hash)) is not None:
            return near, known
    return bucket, None


def _added(chunk: Chunk, bucket: int) -> ChunkAdded:
    return ChunkAdded(
        provider=chunk.provider,
        segment=chunk.segment,
        revision=chunk.revision,
        speaker=chunk.speaker,
        start_ms=chunk.start_ms,
        end_ms=chunk.end_ms,
        text=chunk.text,
        confidence=None if chunk.confidence is None else float(chunk.confidence),
        language=chunk.language,
        is_final=chunk.is_final,
        bucket=bucket,
    )


# ---------------------------------------------------------------- evolving


def evolve_added(state: TranscriptState, event: ChunkAdded, stamp: Stamp) -> None:
    """Make the chunk its segment's open line; move the watermark."""
    key = key_of(event.provider, event.segment)
    before = state.lines.get(key)
    state.text_len += len_of(event) - (0 if before is None else len_of(before))
    state.lines[key] = Line(
        event.provider,
        event.segment,
        event.revision,
        event.speaker,
        event.start_ms,
        event.end_ms,
        event.text,
        event.confidence,
        event.language,
        event.is_final,
        event.bucket,
        stamp.seq,
    )
    if event.end_ms > state.watermark_ms:
        state.watermark_ms = event.end_ms
        if event.end_ms >= state.seal_at_ms:
            passed = (event.end_ms - SEAL_DELAY_MS) // BUCKET_MS
            state.seal_at_ms = (passed + 1) * BUCKET_MS + SEAL_DELAY_MS
