"""What an update adds, and a document with it, built beside the live one if that takes long.

::

    update ── what is known already is left out ──> Part ── light? ──> applied as it is
                                                        └── else ───> Readied: another document
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pycrdt
from attrs import frozen

from collab.notes.guarding import no_panic
from collab.notes.loading import OWN_LIMITS, Load, load_both_steps
from collab.notes.replaying import Live, Part, Planned
from protocol.yjs import NestingIndex, UpdateReport, walk_steps


@frozen
class Readied:
    """A document with an update in it that takes long to apply, built beside the live one."""

    update: bytes
    part: bytes  # What is new in it.
    live: Live  # Which document it was built from,
    version: int  # and at what moment.
    doc: pycrdt.Doc[Any]
    load: Load
    is_change: bool

    def is_of(self, live: Live) -> bool:
        """Say whether it was built from *live* as it is now."""
        return self.live is live and self.version == live.version

    def holds(self, update: bytes, live: Live) -> bool:
        """Say whether it is *live* as it is now, with *update* in it."""
        return self.is_of(live) and update in (self.update, self.part)


def repeats_known(report: UpdateReport, clocks: Mapping[int, int]) -> bool:
    """Say whether an update holds structs that a document with *clocks* has."""
    return any(start < clocks.get(client, 0) for client, (start, _) in report.clocks.items())


def unknown_steps(live: Live, update: bytes, report: UpdateReport) -> Generator[None, None, Part]:
    """Return what *update*, which says what *report* tells, adds to the document, in slices.

    It is asked for several times on an update's way in, and found out once.

    Raises:
      UpdateRefused: what is left cannot be read.
      DocumentFault: the library failed.
    """
    if not repeats_known(report, live.clocks):
        return Part(update, report)
    if live.part is not None:
        of, version, part = live.part
        if of is update and version == live.version:
            return part
    version = live.version
    with no_panic():
        rest = pycrdt.get_update(update, live.doc.get_state())
    part = Part(rest, (yield from walk_steps(rest, OWN_LIMITS)))
    live.part = update, version, part
    return part


def plan_steps(live: Live, index: NestingIndex, report: UpdateReport) -> Generator[None]:
    """Leave in *live* what *index* is to remember of an update, in slices.

    The index may change between them: then this was in vain.

    Raises:
      UpdateRefused: the index refuses it.
    """
    version = live.version
    steps = index.plan_steps(report)
    while live.version == version:
        try:
            next(steps)
        except StopIteration as done:
            live.planned = Planned(report, version, done.value)
            return
        yield


def readied_steps(
    live: Live, whole: bytes, update: bytes, part: Part
) -> Generator[None, None, Readied]:
    """Build a document of *whole*, which is the live one's state, and *part*, in slices.

    Raises:
      UpdateRefused: ``too_entangled``.
      DocumentFault: it cannot be built.
    """
    version = live.version
    with no_panic():
        both = pycrdt.merge_updates(whole, part.update)
    yield
    doc, load = yield from load_both_steps(whole, both)
    with no_panic():
        is_change = bool(part.report.clocks) or doc.get_update() != whole
    return Readied(update, part.update, live, version, doc, load, is_change)
