"""One pad that is played hard: commands as the live shell, crashes as the kernel has them.

``play`` is ``collab.live`` and the kernel's hot loop in one: study, decide, evolve through the
journaled form, rows; a refusal leaves everything as it was; whatever else comes out is a crash,
and the pad is replayed from its journal. Every synchronous step is timed.
"""

from __future__ import annotations

import gc
import time
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from typing import Any, Final, TypeVar

import attrs
import pycrdt

from collab.errors import CollabError
from collab.kind import Reader
from collab.notes import EditNotes, NotesLog
from collab.notes.commands import NotesHalved
from collab.notes.errors import NotesMalformed
from protocol.structure import pack, unpack
from protocol.yjs import decode_state_vector
from tests.collab.notes.pad import Pad, PadStage
from tests.fuzz.reading import Sight, sight_of

T = TypeVar("T")
TARGET: Final = "pad:k"
ACCEPTED: Final = "accepted"
KNOWN: Final = "known"
PANIC: Final = "panic"  # With what it says behind it.
_WORTH_A_LOOK_S: Final = 0.005  # A tenth of what is a finding.


class StepClock:
    """Measures synchronous steps in CPU time of this thread, without garbage collection.

    That clock is a call of the system; what took no longer by the clock on the wall than
    ``_WORTH_A_LOOK_S`` took no more CPU time either, and is not looked at.
    """

    def __init__(self) -> None:
        self.slowest_ms = 0.0  # Since it was looked at last; the reader sets it to 0.
        self.slowest_gc_ms = 0.0
        self._started = 0.0
        self._started_wall = 0.0
        self._gc_started = 0.0
        self._gc_s = 0.0
        gc.callbacks.append(self._collecting)

    def close(self) -> None:
        """Measure no more."""
        gc.callbacks.remove(self._collecting)

    def _collecting(self, phase: str, _about: dict[str, int]) -> None:
        now = time.thread_time()
        if phase == "start":
            self._gc_started = now
        else:
            self._gc_s += now - self._gc_started
            self.slowest_gc_ms = max(self.slowest_gc_ms, (now - self._gc_started) * 1_000)

    def start(self) -> None:
        """Begin a step."""
        self._gc_s = 0.0
        self._started_wall = time.perf_counter()
        self._started = time.thread_time()

    def stop(self) -> None:
        """End it."""
        if time.perf_counter() - self._started_wall < _WORTH_A_LOOK_S:
            return
        took_s = time.thread_time() - self._started - self._gc_s
        self.slowest_ms = max(self.slowest_ms, took_s * 1_000)

    @types.coroutine
    def steps_of(self, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Await *work*, timing what it does between two yields to the event loop."""
        answer: Any = None
        while True:
            self.start()
            try:
                request = work.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            finally:
                self.stop()
            answer = yield request


class House(PadStage):
    """A pad with a clock on it. ``PadStage`` proves rules; this one plays thousands of updates."""

    def __init__(self, clock: StepClock) -> None:
        super().__init__()
        self.clock = clock
        self.is_honest = True  # Only honest editors' updates were let in.

    @property
    def log(self) -> NotesLog:
        return self.state.notes

    async def play(self, who: str, update: bytes) -> str:
        """Play an edit; return ``ACCEPTED``, ``KNOWN``, the refusal's code, or ``PANIC…``."""
        return await self.play_command(who, EditNotes(update=update))

    async def play_command(self, who: str, command: Any) -> str:
        """Play any command; see ``play``."""
        self.now_ms += 40
        before = self.seq
        try:
            while True:
                study = self.kind.study(self.state, command, self.caller(who), TARGET, self.rows)
                if study is not None:
                    await self.clock.steps_of(study())  # type: ignore[arg-type]
                draft = self._timed(lambda: self._decide(who, command))
                if draft is None:
                    break
                await self.clock.steps_of(draft(self.rows))  # type: ignore[arg-type]
        except CollabError as refusal:
            return code_of(refusal)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the kernel calls it a crash.
            self.crash()
            return f"{PANIC} {type(error).__name__}: {error}"
        return ACCEPTED if self.seq > before else KNOWN

    async def look_hard(self, who: str, query: Any) -> str:
        """Answer a query; see ``play``."""
        try:
            await self.look(who, query)
        except CollabError as refusal:
            return code_of(refusal)
        except Exception as error:  # noqa: BLE001 -- as above.
            self.crash()
            return f"{PANIC} {type(error).__name__}: {error}"
        return KNOWN

    def _timed(self, step: Callable[[], T]) -> T:
        self.clock.start()
        try:
            return step()
        finally:
            self.clock.stop()

    def _decide(self, who: Any, command: Any) -> Callable[[Reader], Awaitable[None]] | None:
        outcome = self.kind.commands[type(command)](self.state, command, self.context(who))
        self.happen(who, outcome.events)
        if outcome.refusal is not None:
            raise outcome.refusal
        return outcome.draft

    def journal(self) -> list[bytes]:
        """Return every update that was accepted, in order."""
        return [event.update for _, event in self.history if hasattr(event, "update")]

    # ------------------------------------------------------------ what must hold at any moment

    def problems(self) -> tuple[list[str], bool]:
        """Return what does not hold, and whether a copy puts contested neighbours otherwise.

        An attacker may say of a character that its right neighbour lies left of its left one.
        Where that goes, the CRDT does not define: whoever takes the same updates in other pieces
        has it elsewhere. It is no problem as long as nothing is lost; it is one in a document
        where only honest editors wrote.
        """
        found: list[str] = []
        try:
            self.kind.settle(self.state)
            is_contested = self._compare(found)
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            found.append(f"{type(error).__name__}: {error}")
            return found, False
        return found, is_contested

    def _compare(self, found: list[str]) -> bool:
        live, loaded, replayed = self.state, unpack(pack(self.state), Pad), self.replayed()
        clocks, whole = dict(live.notes.doc.clocks), live.notes.doc.whole()
        for name, other in (("loaded", loaded), ("replayed", replayed)):
            if other.notes.doc.clocks != clocks:
                found.append(f"{name}: other clocks")
            if other.notes.doc.index.state != clocks:
                found.append(f"{name}: the index knows other clocks")
            if _beside(other.notes) != _beside(live.notes):
                found.append(f"{name}: other owners, roots, branches or moments")
        merged = pycrdt.merge_updates(b"\0\0", whole, loaded.notes.doc.saved)
        if merged != whole and _clocks_of(merged) != clocks:
            found.append("merged into a fresh document it has other clocks")
        seen = sight_of(whole)
        others = {
            "replayed": replayed.notes.doc.whole(),
            "loaded": loaded.notes.doc.whole(),
            "merged": merged,
        }
        # The same bytes show the same: most copies are equal to the letter.
        sights = {
            name: seen if other == whole else sight_of(other) for name, other in others.items()
        }
        if not any(isinstance(event, NotesHalved) for _, event in self.history):  # Yjs could.
            sights["to a client who was there all along"] = sight_of(*self.journal())
        return self._compare_sights(found, seen, sights)

    def _compare_sights(self, found: list[str], seen: Sight, others: Mapping[str, Sight]) -> bool:
        is_contested = False
        for name, other in others.items():
            if other.letters != seen.letters or (self.is_honest and other.whole != seen.whole):
                found.append(f"{name}: it shows something else")
            is_contested |= other.whole != seen.whole
        return is_contested


def _beside(log: NotesLog) -> dict[str, Any]:
    """Return what a document's actor keeps beside the document."""
    return attrs.asdict(log, filter=lambda at, _: at.init and at.name != "doc", recurse=False)


def _clocks_of(update: bytes) -> dict[int, int]:
    """Return the clocks of a document that is made of *update* alone."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(update)
    return decode_state_vector(doc.get_state())


def code_of(refusal: CollabError) -> str:
    """Return the code, and for malformed bytes the reason as well."""
    if type(refusal) is NotesMalformed:
        return f"{refusal.code}: {refusal.message.split(':')[0]}"
    return refusal.code
