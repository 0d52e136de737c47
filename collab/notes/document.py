"""The one place that touches pycrdt's live document. Everything that it may do to us ends here.

* A Rust panic is a ``BaseException``; here it becomes :class:`DocumentFault`, an ordinary crash of
  the actor: the activation is dropped and replayed, and only the sender sees an error.
* An update whose dependency is missing would be held back in silence and dropped from the next
  encoded state. Callers apply nothing that ``missing`` names; after applying we look whether the
  clocks did advance, and before a snapshot whether they are what we think.
* Nothing here awaits: a transaction never spans an await.

The document is built when it is first needed: a document that nobody touches costs nothing, and
the first reader of one at rest gets the saved bytes as they are.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Final, TypeVar

import pycrdt
from attrs import define, field

from collab.errors import RateLimited
from collab.limits import NOTES_BYTES_MAX, NOTES_RETRY_MS
from collab.notes.errors import DocumentFault, NotesMalformed
from collab.notes.guarding import no_panic as no_panic
from collab.notes.guarding import observed as observed
from collab.notes.halving import grouped, halve, may_be_cut
from collab.notes.loading import OWN_LIMITS as OWN_LIMITS
from collab.notes.loading import (
    STROKE_WEIGHT,
    Weight,
    weigh,
    weight_of,
)
from collab.notes.opening import index_steps, opened_steps
from collab.notes.readying import Readied, plan_steps, readied_steps, unknown_steps
from collab.notes.replaying import Live, Part
from protocol.yjs import (
    Id,
    NestingIndex,
    NestingPlan,
    Stroke,
    UpdateRefused,
    UpdateReport,
    decode_state_vector,
)
from protocol.yjs.reader import varuint

T = TypeVar("T")
EMPTY: Final = b"\x00\x00"  # The update that changes nothing.
_MEASURED_EVERY_BYTES: Final = 65_536


@define
class SharedDoc:
    """One document: ``saved`` is what a snapshot holds, the rest is built from it on demand."""

    saved: bytes = EMPTY
    _live: Live | None = field(init=False, default=None, eq=False, repr=False)
    # Replayed updates that the live document has not seen, and applied ones not yet evolved.
    _behind: list[bytes] = field(init=False, factory=list, eq=False, repr=False)
    _ahead: list[bytes] = field(init=False, factory=list, eq=False, repr=False)
    # Characters that replayed updates cut in two, of these updates and of what was before them.
    _cuts: set[Id] = field(init=False, factory=set, eq=False, repr=False)

    # ------------------------------------------------------------ the event's two ways in

    def apply(
        self,
        update: bytes,
        report: UpdateReport,
        plan: NestingPlan,
        *,
        sent: bytes | None = None,
        readied: Readied | None = None,
    ) -> bool:
        """Apply *update* for the event that is being decided; return whether it changed anything.

        Args:
          sent: What the event holds, if not *update*: ``take_in`` is given that very object.
          readied: Taken in the place of this document if it is of this moment and has *update*.

        Raises:
          DocumentFault: it could not be applied whole. The document is unusable then.
        """
        live = self._opened()
        is_change, state = self._apply(live, update, weight_of(report), readied)
        live.version += 1
        for client, (_, end) in report.clocks.items():
            clock = max(end, live.clocks.get(client, 0))
            # The pair as it must stand in the state vector: a search is cheaper than reading all.
            if varuint(client) + varuint(clock) not in state:
                raise DocumentFault(f"client {client} did not advance to {clock}")
            live.clocks[client] = clock
        if not is_change:
            return False
        assert live.index is not None, "the plan was made with it"
        live.index.commit(plan)
        live.whole = live.part = live.planned = None
        live.added_bytes += len(update)
        self._ahead.append(update if sent is None else sent)
        return True

    def apply_stroke(self, update: bytes, stroke: Stroke, level: int) -> None:
        """Apply *update*, which is *stroke* and will lie on *level*, for the event being decided.

        It is of a client who is known, and light.

        Raises:
          DocumentFault: it could not be applied. The document is unusable then.
        """
        live = self._opened()
        doc = live.doc
        with no_panic(), doc.transaction():
            doc.apply_update(update)
            state = doc.get_state()
        client, end = stroke.client, stroke.end
        if varuint(client) + varuint(end) not in state:
            raise DocumentFault(f"client {client} did not advance to {end}")
        live.load.add(STROKE_WEIGHT)
        live.version += 1
        live.clocks[client] = end
        assert live.index is not None, "the level was asked of it"
        live.index.commit_stroke(stroke, level)
        live.whole = None
        live.added_bytes += len(update)
        self._ahead.append(update)

    def takes_strokes(self) -> bool:
        """Say whether a stroke can be applied at once."""
        live = self._live
        return (
            live is not None
            and live.index is not None
            and not self._behind
            and live.load.is_light(STROKE_WEIGHT)
        )

    def _apply(
        self, live: Live, update: bytes, weight: Weight, readied: Readied | None
    ) -> tuple[bool, bytes]:
        """Apply *update*, or take what was readied; return if it is a change, and the clocks."""
        if readied is not None and readied.holds(update, live):
            live.doc, live.load = readied.doc, readied.load
            with no_panic():
                return readied.is_change, live.doc.get_state()
        changes: list[object] = []
        with no_panic(), observed(live.doc, changes.append), live.doc.transaction():
            live.doc.apply_update(update)
            state = live.doc.get_state()
        live.load.add(weight)
        return bool(changes), state

    def become(self, fitted: SharedDoc) -> None:
        """Go on with *fitted*: this document with characters cut, and what was applied to it."""
        assert not self._behind
        assert not self._ahead
        self._live, self._ahead = fitted._opened(), fitted._ahead

    # ------------------------------------------------------------ what takes long to apply

    def is_light(self, update: bytes) -> bool:
        """Say whether *update*, whatever it is, is applied in some milliseconds at most."""
        return self._is_light(weigh(update))

    def _is_light(self, weight: Weight) -> bool:
        load = self._opened().load
        if load.is_light(weight) and not load.is_stale:
            return True
        load.fit(self.whole())
        return load.is_light(weight)

    def ready_steps(
        self, update: bytes, report: UpdateReport
    ) -> Generator[None, None, Readied | None]:
        """Build a document with *update* in it, in slices; None if there is no need to.

        Dropping the generator costs nothing: the live document is not touched.

        Raises:
          UpdateRefused: ``too_entangled``.
          DocumentFault: it cannot be built.
        """
        live = self._opened()
        if self._is_light(weight_of(report)) or report.missing_from(live.clocks):
            return None
        part = yield from unknown_steps(live, update, report)
        if self._is_light(weight_of(part.report)):
            return None
        return (yield from readied_steps(live, self.whole(), update, part))

    def plan_steps(self, update: bytes, report: UpdateReport) -> Generator[None]:
        """Plan *update*, for ``plan_of`` its unknown part, in slices; or not, if it will not do.

        Raises:
          UpdateRefused: the index refuses it.
          DocumentFault: the library failed.
        """
        live = self._opened()
        if not report.missing_from(live.clocks):
            part = yield from unknown_steps(live, update, report)
            yield from plan_steps(live, self.index, part.report)

    def plan_of(self, report: UpdateReport) -> NestingPlan:
        """Return what the index is to remember of an update, as it was planned or is now.

        Raises:
          UpdateRefused: the index refuses it.
        """
        live = self._opened()
        planned = live.planned
        if planned is None or planned.of is not report or planned.version != live.version:
            return self.index.plan(report)
        return planned.plan

    def make_ready(
        self, update: bytes, report: UpdateReport, readied: Readied | None
    ) -> Readied | None:
        """Return what ``apply`` of *update* needs to take no time: what was *readied* before.

        Raises:
          RateLimited: the document has changed since; send it again.
          NotesMalformed: too many changes cross at one place.
        """
        live = self._opened()
        if readied is not None:
            if not readied.is_of(live):
                raise RateLimited("the document has changed meanwhile", NOTES_RETRY_MS)
        elif not self._is_light(weight_of(report)):
            try:
                readied = exhaust(self.ready_steps(update, report))
            except UpdateRefused as refusal:
                raise NotesMalformed(str(refusal)) from None
        return readied

    def forget_findings(self) -> None:
        """Let go of what was found out of an update that was not let in: it may be large."""
        if self._live is not None:
            self._live.part = self._live.planned = None

    def take_in(self, update: bytes) -> None:
        """Evolve: the live path has applied it already, a replay applies it when it is needed."""
        if update == EMPTY:
            return
        if self._ahead and self._ahead[0] is update:
            del self._ahead[0]
            return
        assert not self._ahead, "an event was decided that did not happen"
        self._behind.append(update)

    def cut_behind(self, update: bytes, cuts: Iterable[Id]) -> None:
        """Evolve: note, before *update* is taken in, which characters it cuts in two."""
        if not (self._ahead and self._ahead[0] is update):
            self._cuts.update((client, clock) for client, clock in cuts)

    # ------------------------------------------------------------ reading

    @property
    def clocks(self) -> Mapping[int, int]:
        """The state vector: client id to number of its clocks."""
        return self._opened().clocks

    @property
    def is_empty(self) -> bool:
        """True before the first edit ever."""
        return (
            self.saved == EMPTY
            and not self._behind
            and (self._live is None or not self._live.clocks)
        )

    @property
    def is_ready(self) -> bool:
        """True if the next edit finds everything built."""
        live = self._live
        return live is not None and live.index is not None and not self._behind

    @property
    def index(self) -> NestingIndex:
        """Depths of everything in it, built when first asked for."""
        live = self._opened()
        if live.index is None:
            exhaust(index_steps(live, self.whole()))
        assert live.index is not None
        return live.index

    def whole(self) -> bytes:
        """Return the document's whole state as an update.

        Raises:
          DocumentFault: it cannot be encoded.
        """
        if self._live is None and not self._behind:
            return self.saved
        live = self._opened()
        if live.whole is None:
            with no_panic():
                live.whole = live.doc.get_update()
            live.measured_bytes = len(live.whole)
            live.added_bytes = 0
        return live.whole

    def has_room(self, more_bytes: int) -> bool:
        """Say whether the whole state stays within ``NOTES_BYTES_MAX`` with so many bytes more.

        An update adds at most its own size. At the bound the state is encoded to learn its real
        size, but not for every keystroke.
        """
        live = self._opened()
        room = NOTES_BYTES_MAX - more_bytes
        if live.measured_bytes + live.added_bytes <= room:
            return True
        if live.added_bytes < _MEASURED_EVERY_BYTES:
            return False
        return len(self.whole()) <= room

    def state_vector(self) -> bytes:
        """Return the state vector as bytes. Raises: DocumentFault."""
        with no_panic():
            return self._opened().doc.get_state()

    def since(self, state_vector: bytes) -> bytes:
        """Return what a document with *state_vector*, which was checked, lacks.

        Whoever has the first half of a character gets the second one, as Yjs writes it. The library
        would leave it out, or send the whole character at its place.

        Raises:
          DocumentFault: it cannot be encoded.
        """
        if state_vector in (b"", b"\x00"):
            return self.whole()
        live, theirs = self._opened(), decode_state_vector(state_vector)
        if any(0 < clock < live.clocks.get(client, 0) for client, clock in theirs.items()):
            may_cut = may_be_cut(self.whole()) if live.index is None else live.index.has_halves
            if may_cut and (cuts := self.index.halves_at(theirs)):
                with no_panic():
                    return pycrdt.get_update(halve(self.whole(), grouped(cuts)), state_vector)
        with no_panic():
            return live.doc.get_update(state_vector)

    def unknown_part(self, update: bytes, report: UpdateReport) -> Part:
        """Return *update* without the structs that the document has.

        Raises:
          UpdateRefused: what is left cannot be read.
          DocumentFault: the library failed.
        """
        return exhaust(unknown_steps(self._opened(), update, report))

    # ------------------------------------------------------------ building and saving

    def settle(self) -> None:
        """Bring ``saved`` up to date. Never while something is held back: it would be lost.

        Raises:
          DocumentFault: it cannot be encoded, or holds other clocks than we believe.
        """
        if self._live is None and not self._behind:
            return
        live = self._opened()
        assert not self._ahead, "saved between deciding and evolving"
        with no_panic():
            whole, clocks = self.whole(), live.doc.get_state()
            encoded = pycrdt.get_state(whole)
        if not decode_state_vector(clocks) == decode_state_vector(encoded) == live.clocks:
            raise DocumentFault("the document's clocks are not those of its updates")
        if live.holds_back:
            raise DocumentFault("a replayed update is held back; saving would lose it")
        self.saved = whole

    def open_steps(self) -> Generator[None]:
        """Build document and index, yielding between slices of about 2 ms."""
        yield from self._open_steps()
        live = self._live
        assert live is not None
        if live.index is None:
            yield from index_steps(live, self.whole())

    def _opened(self) -> Live:
        if self._live is None or self._behind:
            exhaust(self._open_steps())
        assert self._live is not None
        return self._live

    def _open_steps(self) -> Generator[None]:
        behind = list(self._behind)
        self.saved, self._live = yield from opened_steps(self.saved, self._live, behind, self._cuts)
        del self._behind[: len(behind)]
        self._cuts = set()


def exhaust(steps: Generator[None, None, T]) -> T:
    """Return what *steps* returns, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
