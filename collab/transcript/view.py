"""What a reader sees of a transcript: the live tail, pages of buckets, a range of time.

Sealed parts come from storage, open lines from memory as they were when the query was decided;
should a bucket seal in between, its stored part wins.

A reader who follows merges by one rule: of the same (provider, segment), the highest revision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import frozen

from collab.errors import BadRequest, LimitExceeded
from collab.kind import Answer, Item, Reader
from collab.limits import (
    BUCKET_MS,
    OPEN_TEXT_LEN_MAX,
    TRANSCRIPT_PAGE_BYTES_MAX,
    TRANSCRIPT_PAGE_MAX,
    TRANSCRIPT_RANGE_LINES_MAX,
    TRANSCRIPT_RANGE_MS_MAX,
    TRANSCRIPT_RANGE_PARTS_MAX,
    TRANSCRIPT_TAIL_CHUNKS,
)
from collab.transcript.buckets import decode_part, position_of
from collab.transcript.commands import PageTranscript, RangeTranscript
from collab.transcript.state import (
    LISTING,
    Line,
    TranscriptState,
    key_of,
    next_part,
    speech_order,
)
from protocol.structure import unstructurer

_FIELDS_OF: Final = unstructurer(Line)


@frozen
class _Leaf:
    """One bucket part in a page, sealed or open."""

    position: int
    is_sealed: bool
    lines: Sequence[Line]
    weight: int = 0  # Bytes, if it was read from storage.


# ---------------------------------------------------------------- snapshot


def snapshot(state: TranscriptState) -> object:
    """Return the newest lines, and ``before``: where to page back for what is older.

    ``before`` is null when there is nothing older. The page may repeat lines of the tail.
    """
    newest = merge([*state.recent, *state.lines.values()])
    tail = newest[-TRANSCRIPT_TAIL_CHUNKS:]
    return {
        "watermark_ms": state.watermark_ms,
        "lines": [plain(line) for line in tail],
        "before": position_of(max(line.bucket for line in tail) + 1, 0) if tail else None,
    }


def merge(lines: Iterable[Line]) -> list[Line]:
    """Return *lines* in order of speech, with only the highest revision of each segment."""
    newest: dict[str, Line] = {}
    for line in lines:
        key = key_of(line.provider, line.segment)
        held = newest.get(key)
        if held is None or held.revision <= line.revision:
            newest[key] = line
    return sorted(newest.values(), key=speech_order)


def plain(line: Line) -> dict[str, Any]:
    """Return *line* as the wire carries it: the fields of its event, and its seq."""
    shown: dict[str, Any] = _FIELDS_OF(line)
    return shown


# ---------------------------------------------------------------- pages


def page(state: TranscriptState, query: PageTranscript, owner: str) -> Answer:
    """Return a page of bucket parts of *owner* (``kind:key``), ascending by position.

    Raises:
      BadRequest: both ``before`` and ``after`` were given.
    """
    if query.before is not None and query.after is not None:
        raise BadRequest("give before or after, not both")
    open_leaves = [leaf for leaf in _open_leaves(state) if _is_within(leaf.position, query)]

    async def read(reader: Reader) -> object:
        items = await reader.page(
            owner, LISTING, before=query.before, after=query.after, limit=query.limit + 1
        )
        leaves = {leaf.position: leaf for leaf in open_leaves}
        leaves.update((item.position, _sealed_leaf(item)) for item in items)
        ordered = [leaves[position] for position in sorted(leaves)]
        chosen = _cut(ordered if query.after is not None else ordered[::-1], query.limit)
        return {
            "buckets": [_plain_leaf(leaf) for leaf in sorted(chosen, key=_position)],
            "has_more": len(chosen) < len(ordered),
        }

    return Answer(read=read)


def _open_leaves(state: TranscriptState) -> list[_Leaf]:
    by_bucket: dict[int, list[Line]] = {}
    for line in state.lines.values():
        by_bucket.setdefault(line.bucket, []).append(line)
    return [
        _Leaf(
            position=position_of(bucket, next_part(state, bucket)),
            is_sealed=False,
            lines=sorted(lines, key=speech_order),
        )
        for bucket, lines in by_bucket.items()
    ]


def _is_within(position: int, query: PageTranscript) -> bool:
    if query.after is not None:
        return position > query.after
    return query.before is None or position < query.before


def _sealed_leaf(item: Item) -> _Leaf:
    lines = decode_part(item.value).lines
    return _Leaf(item.position, is_sealed=True, lines=lines, weight=len(item.value))


def _cut(leaves: Sequence[_Leaf], limit: int) -> list[_Leaf]:
    """Return the first ones, up to *limit* and to the bound in bytes, but at least one."""
    chosen: list[_Leaf] = []
    weight = 0
    for leaf in leaves[:limit]:
        weight += leaf.weight
        if chosen and weight > TRANSCRIPT_PAGE_BYTES_MAX:
            break
        chosen.append(leaf)
    return chosen


def _position(leaf: _Leaf) -> int:
    return leaf.position


def _plain_leaf(leaf: _Leaf) -> dict[str, Any]:
    return {
        "position": leaf.position,
        "is_sealed": leaf.is_sealed,
        "lines": [plain(line) for line in leaf.lines],
    }


# ---------------------------------------------------------------- ranges of time


def between(state: TranscriptState, query: RangeTranscript, owner: str) -> Answer:
    """Return the lines of *owner* that start from ``start_ms`` up to before ``end_ms``.

    One answer is bounded; ``next_ms`` says where to go on, and nothing is lost between.

    Raises:
      BadRequest: the range is empty, or wider than ``TRANSCRIPT_RANGE_MS_MAX``.
      LimitExceeded: (while reading) its buckets have too many parts; page through them instead.
    """
    start_ms, end_ms = query.start_ms, query.end_ms
    if not 0 < end_ms - start_ms <= TRANSCRIPT_RANGE_MS_MAX:
        raise BadRequest(f"a range is 1 to {TRANSCRIPT_RANGE_MS_MAX} ms wide")
    open_lines = list(state.lines.values())

    async def read(reader: Reader) -> object:
        # A line stands at most one bucket beside the one that it starts in.
        first = max(start_ms // BUCKET_MS - 1, 0)
        last = (end_ms - 1) // BUCKET_MS + 1
        sealed = await _read_buckets(reader, owner, first, last)
        merged = merge([*sealed, *open_lines])
        return _bounded([line for line in merged if start_ms <= line.start_ms < end_ms])

    return Answer(read=read)


async def _read_buckets(reader: Reader, owner: str, first: int, last: int) -> list[Line]:
    lines: list[Line] = []
    position, parts = position_of(first, 0) - 1, 0
    while True:
        items = await reader.page(owner, LISTING, after=position, limit=TRANSCRIPT_PAGE_MAX)
        for item in items:
            position = item.position
            if position >= position_of(last + 1, 0):
                return lines
            lines += decode_part(item.value).lines
        if len(items) < TRANSCRIPT_PAGE_MAX:
            return lines
        parts += len(items)
        if parts >= TRANSCRIPT_RANGE_PARTS_MAX:
            raise LimitExceeded("too many parts in this range: use transcript.page")


def _bounded(lines: Sequence[Line]) -> dict[str, Any]:
    """Cut between two moments, never within one, so that ``next_ms`` always goes forward."""
    text_len = 0
    for count, line in enumerate(lines):
        text_len += len(line.text)
        is_full = count >= TRANSCRIPT_RANGE_LINES_MAX or text_len > OPEN_TEXT_LEN_MAX
        if is_full and line.start_ms > lines[0].start_ms:
            next_ms = line.start_ms
            kept = [plain(kept) for kept in lines[:count] if kept.start_ms < next_ms]
            return {"lines": kept, "next_ms": next_ms}
    return {"lines": [plain(line) for line in lines], "next_ms": None}
