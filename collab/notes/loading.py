"""Builds a document from bytes piece by piece, and says beforehand what may take long.

The CRDT library puts an item into its list by passing all that others put at the same place
meanwhile (YATA's scan for conflicts). For what people write that is next to nothing; made for the
purpose, 48 kB take seconds, again whenever the document is opened. How long it takes depends on
what is there already, and in which order it comes: 5,000 words that two people put before each
other's offline are a moment when the document is built anew, with the higher client id first as
the library encodes it, and seconds when the second one's are applied to the first one's.

::

    Load       how much the next update may have to pass: light ones are applied as they are
    load_steps builds a document from an update in slices; with an allowance, it gives up
    load_both_steps  the same, for an update and the document that it comes to

What is not light is applied to a new document, built from both; what that costs beyond the
ordinary is measured in CPU time, since nothing else tells: see ``Allowance``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from typing import Any, Final, NamedTuple

import pycrdt
from attrs import define, field

from collab.limits import (
    NOTES_BYTES_MAX,
    NOTES_FEW_STRUCTS,
    NOTES_PASSED_AT_ONCE,
    NOTES_PASSED_BY_FEW,
    NOTES_PASSED_UNPROVEN,
    NOTES_RANGES_AT_ONCE,
    NOTES_SCAN_S,
    NOTES_STRUCT_S,
)
from collab.notes.guarding import no_panic, own_bytes
from protocol.yjs import UpdateRefused, UpdateReport, WalkLimits
from protocol.yjs.limits import CLOCK_MAX, DOCUMENT_CLIENTS_MAX
from protocol.yjs.pieces import piece_steps

OWN_LIMITS: Final = WalkLimits(  # It was checked piece by piece, and only has to be read.
    update_bytes_max=4 * NOTES_BYTES_MAX,
    structs_max=4 * NOTES_BYTES_MAX,
    clients_max=DOCUMENT_CLIENTS_MAX,
    deletes_max=4 * NOTES_BYTES_MAX,
    clock_leap_max=CLOCK_MAX - 1,
    roots_max=4 * NOTES_BYTES_MAX,
)
SLICE_S: Final = 0.003
_KEYSTROKE_BYTES: Final = 48  # So small that what it deletes cuts little.
_KEYSTROKE_RANGES: Final = 1
_UNSTEADY: Final = 1.2  # The same work takes so much longer at times.
_STALE_ITEMS: Final = 8_192
_STRUCT_BYTES: Final = 5  # The least that a struct with a place takes in an update,
_ITEM_BYTES: Final = 4  # and an item of a list, deleted, in a whole document.


class Weight(NamedTuple):
    """How much an update asks of the library."""

    structs: int
    ranges: int  # Deleted.


STROKE_WEIGHT: Final = Weight(1, 0)


def weigh(update: bytes) -> Weight:
    """Return the weight of *update* as its first and last bytes tell it, or more."""
    if len(update) < 2:
        return Weight(0, 0)  # No update at all: it is not walked yet.
    sections = update[0]
    has_deletions = update[-1] or len(update) > _KEYSTROKE_BYTES
    ranges = len(update) // 2 if has_deletions else _KEYSTROKE_RANGES
    if sections == 0:
        return Weight(0, ranges)
    if sections == 1 and update[1] < 128:
        return Weight(update[1], ranges)
    return Weight(len(update) // _STRUCT_BYTES + 1, ranges)


def weight_of(report: UpdateReport) -> Weight:
    """Return the weight of the update that *report* tells of."""
    return Weight(report.struct_count, sum(map(len, report.deletes.values())))


@define
class Load:
    """What a document may cost, from above: a struct passes at most all items there are."""

    items: int = 0  # Of all lists together.
    _passed: int = field(init=False, default=0)  # By light updates since it was proven.
    _known: int = field(init=False)  # So many they were when that was found out.

    def __attrs_post_init__(self) -> None:
        self._known = self.items

    @property
    def is_stale(self) -> bool:
        """True if many more items may have come since; :meth:`fit` finds out, in a millisecond."""
        return self.items > 2 * self._known + _STALE_ITEMS

    def is_light(self, weight: Weight) -> bool:
        """Say whether an update can be applied at once: a bounded time, whatever it is."""
        passes = self.passes(weight)
        is_little = weight.structs <= NOTES_FEW_STRUCTS
        passes_max = NOTES_PASSED_BY_FEW if is_little else NOTES_PASSED_AT_ONCE
        return (
            passes <= passes_max
            and weight.ranges <= NOTES_RANGES_AT_ONCE
            and self._passed + passes <= NOTES_PASSED_UNPROVEN
        )

    def passes(self, weight: Weight) -> int:
        """Return how many items an update passes at most."""
        return weight.structs * (self.items + weight.structs)

    def add(self, weight: Weight) -> None:
        """Count an update that is applied now."""
        self._passed += self.passes(weight)
        # Every struct cuts two others, every range of deletions too.
        self.items += 2 * (weight.structs + weight.ranges)

    def fit(self, whole: bytes) -> None:
        """Note that the document is encoded as *whole*: what was typed has become few items."""
        self.items = self._known = min(self.items, len(whole) // _ITEM_BYTES + 1)


@define
class Allowance:
    """How much CPU time a document may take to build: an ordinary share per struct, and a rest.

    The library's scan cannot be counted from outside. Ordinary documents take a tenth of their
    share, so what people write never gets near; a document made of conflicts is far beyond.
    """

    clock: Callable[[], float] = time.thread_time
    over_max_s: float = NOTES_SCAN_S
    over_s: float = field(init=False, default=0.0)  # Beyond the ordinary share, so far.

    def spend(self, seconds: float, weight: int) -> None:
        """Note that *weight* structs took *seconds*.

        Raises:
          UpdateRefused: ``too_entangled``.
        """
        self.over_s += seconds - weight * NOTES_STRUCT_S
        if self.over_s > self.over_max_s:
            raise UpdateRefused("too_entangled", "too many changes cross at one place")


def load_steps(
    update: bytes, allowance: Allowance | None
) -> Generator[None, None, tuple[pycrdt.Doc[Any], Load]]:
    """Return a new document from *update*, which was walked before, in slices of some ms.

    Raises:
      UpdateRefused: ``too_entangled``, with an *allowance*.
      DocumentFault: the library failed.
    """
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    clock = time.thread_time if allowance is None else allowance.clock
    whole, weight = Load(), weigh(update)
    if whole.is_light(weight):
        whole.add(weight)
        with no_panic():
            doc.apply_update(update)
        return doc, whole
    with own_bytes():
        cut = yield from piece_steps(update, OWN_LIMITS)
    items, slice_s = 0, 0.0
    started = clock()
    for piece in cut:
        with no_panic():
            doc.apply_update(piece.update)
        ended = clock()
        items += piece.weight
        if allowance is not None:
            allowance.spend(ended - started, piece.weight)
        slice_s += ended - started
        started = ended
        if slice_s > SLICE_S:
            yield
            started, slice_s = clock(), 0.0
    return doc, Load(items)


def load_both_steps(
    whole: bytes, both: bytes
) -> Generator[None, None, tuple[pycrdt.Doc[Any], Load]]:
    """Return a new document from *both*: a document's state *whole*, and an update.

    If the document itself took its allowance already, which many small updates can make it do, the
    update is held only for what it adds: nobody shuts others out of a document.

    Raises:
      UpdateRefused: ``too_entangled``.
      DocumentFault: the library failed.
    """
    try:
        return (yield from load_steps(both, Allowance()))
    except UpdateRefused:
        alone = Allowance(over_max_s=math.inf)
        yield from load_steps(whole, alone)
        if alone.over_s < NOTES_SCAN_S / 2:
            raise
    over_max_s = alone.over_s * _UNSTEADY + NOTES_SCAN_S / 2
    return (yield from load_steps(both, Allowance(over_max_s=over_max_s)))
