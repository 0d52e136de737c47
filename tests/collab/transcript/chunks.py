"""Chunks for tests, and what readers make of them."""

from __future__ import annotations

from typing import Any

from collab.transcript.commands import AddChunk


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
