"""What people say to a meeting: each maker turns a number of its stream into a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from loadtest.edits import Typist
from loadtest.lean import Stream

CHUNK: Final = "chunk"
EDIT: Final = "edit"
MESSAGE: Final = "message"
QUERY: Final = "query"
WORDS: Final = "and then we should look at the budget again before the next review"
RECENT_MS: Final = 30_000  # What a range query asks for.

Call = tuple[str, Mapping[str, Any]]  # Operation, arguments.
Maker = Callable[[int], Call]


def chunks(stream: Stream) -> Maker:
    """Final chunks of a transcriber, as long as the time between them."""
    period_ms = stream.period_s * 1000

    def make(number: int) -> Call:
        return "transcript.add", {
            "provider": "load",
            "segment": str(number),
            "revision": 0,
            "speaker": "Ann",
            "start_ms": int(number * period_ms),
            "end_ms": int((number + 1) * period_ms),
            "text": f"{stream.mark(number)} {WORDS}",
            "confidence": 0.93,
            "language": "en",
            "is_final": True,
        }

    return make


def edits(stream: Stream, client_ids: Iterator[int]) -> Maker:
    """A word or two, typed into the shared notes.

    What builds on an edit that was refused would be refused as well: so whoever is refused goes on
    under the next of *client_ids*, as an editor that was loaded anew.
    """
    typist = Typist(next(client_ids))
    began, known = 0, 0  # The first number typed under this id; refusals that have been looked at.

    def make(number: int) -> Call:
        nonlocal typist, began, known
        if len(stream.refused) > known:
            newest = islice(stream.refused, known, None)
            known = len(stream.refused)
            if any(refused >= began for refused in newest):
                typist, began = Typist(next(client_ids)), number
        return "notes.edit", {"update": typist.type(stream.mark(number) + "word ")}

    return make


def messages(stream: Stream) -> Maker:
    """Messages of a line."""

    def make(number: int) -> Call:
        return "messages.post", {"text": f"{stream.mark(number)} {WORDS}"}

    return make


def queries(stream: Stream) -> Maker:
    """What people look up, in turn: newest transcript, a span of it, messages, the meeting."""

    def make(number: int) -> Call:
        until_ms = int(number * stream.period_s * 1000)
        asked: tuple[Call, ...] = (
            ("transcript.page", {"limit": 2}),
            (
                "transcript.range",
                {"start_ms": max(0, until_ms - RECENT_MS), "end_ms": until_ms + 1},
            ),
            ("messages.page", {"limit": 50}),
            ("meeting.get", {}),
        )
        return asked[number % len(asked)]

    return make
