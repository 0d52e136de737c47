"""Seals buckets of open lines. Pure: no clock, no storage.

* Buckets seal when speech is ``SEAL_DELAY_MS`` past their end, when open lines pass a bound, and
  at the end of the meeting.
* What arrives for a sealed bucket waits for the next sealing and becomes a further part.

::

    kind of a meeting            here
    ------------------------     -------------------------------------------
    transcript.add           ->  due(state, watermark_ms)       reads
    meeting.end              ->  seal_all(state)                reads
    BucketSealed             ->  evolve_sealed(state, event)    writes
                                 rows(event)                    for storage
    MeetingEnded             ->  close(state)                   writes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from collab.kind import Put, Stamp
from collab.limits import (
    BUCKET_MS,
    CHUNK_MS_MAX,
    LATENESS_MS_MAX,
    OPEN_LINES_MAX,
    OPEN_TEXT_LEN_MAX,
    SEAL_DELAY_MS,
    TRANSCRIPT_TAIL_CHUNKS,
)
from collab.transcript.buckets import encode_part, hash_part, position_of
from collab.transcript.events import BucketSealed
from collab.transcript.known import KnownSegments, digest_of, hash_of, row_of
from collab.transcript.state import (
    LISTING,
    Line,
    TranscriptState,
    content_of,
    key_of,
    len_of,
    next_part,
    speech_order,
)

# ---------------------------------------------------------------- deciding


def due(state: TranscriptState, watermark_ms: int) -> list[BucketSealed]:
    """Return what seals before chunks that bring speech to *watermark_ms* are added."""
    if len(state.lines) >= OPEN_LINES_MAX or state.text_len >= OPEN_TEXT_LEN_MAX:
        return seal_all(state)
    if watermark_ms < state.seal_at_ms:
        return []
    first_open = (watermark_ms - SEAL_DELAY_MS) // BUCKET_MS
    return _seal(state, [line for line in state.lines.values() if line.bucket < first_open])


def seal_all(state: TranscriptState) -> list[BucketSealed]:
    """Return the events that seal everything that is open."""
    return _seal(state, state.lines.values())


def _seal(state: TranscriptState, lines: Iterable[Line]) -> list[BucketSealed]:
    by_bucket: dict[int, list[Line]] = {}
    for line in lines:
        by_bucket.setdefault(line.bucket, []).append(line)
    return [_sealed(state, bucket, by_bucket[bucket]) for bucket in sorted(by_bucket)]


def _sealed(state: TranscriptState, bucket: int, lines: Sequence[Line]) -> BucketSealed:
    part = next_part(state, bucket)
    value = encode_part(bucket, part, lines)
    event = BucketSealed(
        bucket=bucket,
        part=part,
        count=len(lines),
        hash=hash_part(value),
        first_ms=min([line.start_ms for line in lines]),
        last_ms=max([line.end_ms for line in lines]),
    )
    event.value = value
    return event


# ---------------------------------------------------------------- evolving


def evolve_sealed(state: TranscriptState, event: BucketSealed, _stamp: Stamp) -> None:
    """Let the bucket's open lines go; keep what tells duplicates, and the tail."""
    keys = [key for key, line in state.lines.items() if line.bucket == event.bucket]
    taken = {key: state.lines.pop(key) for key in keys}
    assert len(taken) == event.count, "the journal and the rules disagree about a bucket"
    state.text_len -= sum([len_of(line) for line in taken.values()])
    _remember(state, event, taken)
    newest = {key_of(line.provider, line.segment): line for line in state.recent}
    newest.update(taken)
    state.recent = sorted(newest.values(), key=speech_order)[-TRANSCRIPT_TAIL_CHUNKS:]


def _remember(state: TranscriptState, event: BucketSealed, taken: Mapping[str, Line]) -> None:
    segments = state.sealed.setdefault(event.bucket, KnownSegments())
    segments.next_part = event.part + 1
    segments.add(
        [
            (
                hash_of(key),
                row_of(line.seq, line.revision, line.is_final, digest_of(content_of(line))),
            )
            for key, line in taken.items()
        ]
    )
    # Of older buckets nothing can come any more: see rules.
    oldest = (state.watermark_ms - LATENESS_MS_MAX - CHUNK_MS_MAX) // BUCKET_MS - 1
    state.sealed = {bucket: held for bucket, held in state.sealed.items() if bucket >= oldest}
    state.known_count = sum(len(held) for held in state.sealed.values())


def close(state: TranscriptState) -> None:
    """Forget what only further chunks would need: the meeting is over."""
    assert not state.lines, "a meeting ends with all of its buckets sealed"
    state.sealed = {}
    state.known_count = 0


def rows(event: BucketSealed) -> list[Put]:
    """Return the row of a bucket that was sealed just now (never asked for on a replay)."""
    assert event.value, "an event that was read back has no row to write"
    return [Put(LISTING, position_of(event.bucket, event.part), event.value)]
