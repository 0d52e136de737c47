"""Sets of deleted clocks, as updates that do nothing but delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from collab.notes.document import EMPTY
from protocol.yjs import Span
from protocol.yjs.reader import varuint

Spans: TypeAlias = Mapping[int, Sequence[Span]]  # By client: clocks, ascending and apart.


def united(sets: Iterable[Spans]) -> Spans:
    """Return all clocks that are in any of *sets*."""
    loose: dict[int, list[Span]] = {}
    for spans in sets:
        for client, ranges in spans.items():
            loose.setdefault(client, []).extend(ranges)
    return {client: _apart(ranges) for client, ranges in loose.items()}


def _apart(ranges: list[Span]) -> list[Span]:
    ranges.sort()
    apart: list[Span] = []
    for start, end in ranges:
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def common(first: Spans, second: Spans) -> Spans:
    """Return the clocks that are in both."""
    both: dict[int, list[Span]] = {}
    for client in first.keys() & second.keys():
        ours, theirs = first[client], second[client]
        here = there = 0
        while here < len(ours) and there < len(theirs):
            start = max(ours[here][0], theirs[there][0])
            end = min(ours[here][1], theirs[there][1])
            if start < end:
                both.setdefault(client, []).append((start, end))
            if ours[here][1] < theirs[there][1]:
                here += 1
            else:
                there += 1
    return both


def deleting(spans: Spans) -> bytes:
    """Return the update that deletes *spans*."""
    if not spans:
        return EMPTY
    out = bytearray(b"\0") + varuint(len(spans))
    for client, ranges in spans.items():
        out += varuint(client) + varuint(len(ranges))
        for start, end in ranges:
            out += varuint(start) + varuint(end - start)
    return bytes(out)
