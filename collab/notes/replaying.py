"""A document that is built, and how what was let in before comes into it once more."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any, Final, NamedTuple

import pycrdt

from collab.notes.errors import DocumentFault
from collab.notes.guarding import no_panic, own_bytes
from collab.notes.loading import OWN_LIMITS, SLICE_S, Load, Weight, load_steps, weigh, weight_of
from protocol.yjs import NestingIndex, NestingPlan, UpdateReport, walk_steps

REPLAYED_AT_ONCE: Final = 256  # Updates: about 2 ms.
_PASSED_AT_ONCE: Final = 40_000  # Items: 8 ms at most, and next to nothing in what people write.


class Part(NamedTuple):
    """What an update adds to a document: an update of its own, of what the document lacks.

    Only that is ever put together with the document's own bytes. What both have may read
    differently: of a character that was cut in two the document holds both halves, an update of
    somebody who did not cut it the whole (``halving``), and merged they take up other clocks.
    """

    update: bytes
    report: UpdateReport


class Planned(NamedTuple):
    """What the index is to remember of an update, which says what ``of`` tells."""

    of: UpdateReport
    version: int  # Of the document.
    plan: NestingPlan


class Live:
    """A built document, and what is known of it."""

    __slots__ = (
        "added_bytes",
        "clocks",
        "doc",
        "holds_back",
        "index",
        "load",
        "measured_bytes",
        "part",
        "planned",
        "version",
        "whole",
    )

    def __init__(self) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self.clocks: dict[int, int] = {}  # The state vector.
        self.index: NestingIndex | None = None  # Built for the first edit.
        self.whole: bytes | None = None  # The encoded state, until the next change.
        self.holds_back = False  # It has updates that wait for something: a bug, or damage.
        self.measured_bytes = 0  # Of the encoded state, when it was encoded last;
        self.added_bytes = 0  # and of the updates since.
        self.load = Load()
        self.version = 0  # Changes with every update that is applied.
        # What an update adds, once that was found out: of which one, and at which version.
        self.part: tuple[bytes, int, Part] | None = None
        self.planned: Planned | None = None  # The newest large update, if it was planned before.


def replay_steps(live: Live, behind: list[bytes]) -> Generator[None]:
    """Apply updates that were let in before.

    From the first on that takes long they are put together with what there is, and a new document
    is built from it: once, however many of them take long.
    """
    try:
        yield from _replay_steps(live, behind, is_at_once=True)
    except DocumentFault:
        # An attacker's update may build on what one before it deleted: only in their order do they
        # fit. What was applied already is applied once more.
        yield from _replay_steps(live, behind, is_at_once=False)


def _replay_steps(live: Live, behind: list[bytes], *, is_at_once: bool) -> Generator[None]:
    applied: list[bytes] = []
    started, passes = time.thread_time(), 0
    for index, update in enumerate(behind):
        is_light = live.load.is_light(weigh(update)) and not live.load.is_stale
        weight = weigh(update) if is_light else (yield from _weight_steps(live, update))
        if not live.load.is_light(weight):
            yield from _note_steps(live, applied)
            yield from _build_steps(live, behind[index:] if is_at_once else [update])
            if is_at_once:
                return
            applied.clear()
            continue
        passes += live.load.passes(weight)
        is_over = len(applied) == REPLAYED_AT_ONCE
        if passes >= _PASSED_AT_ONCE:  # Looking at the clock costs as much as a keystroke.
            is_over |= time.thread_time() - started > SLICE_S
            passes = 0
        if is_over:
            yield from _note_steps(live, applied)
            applied.clear()
            started = time.thread_time()
        live.load.add(weight)
        with no_panic():
            live.doc.apply_update(update)
        applied.append(update)
    yield from _note_steps(live, applied)


def _build_steps(live: Live, updates: Sequence[bytes]) -> Generator[None]:
    """Build a new document from what there is and *updates*."""
    with no_panic():
        # What it repeats may read differently, see ``Part``; the others repeat nothing.
        first = pycrdt.get_update(updates[0], live.doc.get_state())
        both = pycrdt.merge_updates(live.doc.get_update(), first, *updates[1:])
    yield
    live.doc, live.load = yield from load_steps(both, None)
    for at in range(0, len(updates), REPLAYED_AT_ONCE):
        yield from _note_steps(live, updates[at : at + REPLAYED_AT_ONCE])


def _weight_steps(live: Live, update: bytes) -> Generator[None, None, Weight]:
    """Return what *update* weighs exactly, with the document's own load looked up anew."""
    with no_panic():
        live.load.fit(live.doc.get_update())
    yield
    with own_bytes():
        return weight_of((yield from walk_steps(update, OWN_LIMITS)))


def _note_steps(live: Live, applied: Sequence[bytes]) -> Generator[None]:
    """Look whether the document lacks something of what was applied, and end a slice."""
    with no_panic():
        state = live.doc.get_state()
        # What of it the document lacks begins with a number of sections.
        live.holds_back |= any(pycrdt.get_update(update, state)[0] for update in applied)
    yield
