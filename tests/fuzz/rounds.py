"""A round: one document from its first update to its last, drawn from a seed.

Real edits, damaged ones, attacks, inventions and repetitions take turns; what was let in is what
the next are built on. The same seed and number are the same round, whatever came before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, Final

from attrs import define, field

from collab.notes.commands import (
    DiscardBranch,
    ExportNotes,
    NotesAuthors,
    RedoNotes,
    SyncNotes,
    UndoNotes,
)
from protocol.yjs import Id, walk
from tests.fuzz.crafted import Ground, attack
from tests.fuzz.honest import Editor, new_editor, scribble
from tests.fuzz.house import ACCEPTED, House
from tests.protocol.yjs import building as b
from tests.protocol.yjs.mutations import Inventor, mutate

USERS: Final = ("ann", "ben", "cyd")
LENGTHS: Final = (1, 4, 30, 150, 1_200)  # Updates of a round: alone, and in long company.
_LENGTH_WEIGHTS: Final = (30, 20, 25, 20, 5)
_HONEST_SHARE: Final = 0.1  # Of rounds: nothing but real edits; all copies must agree fully.
_TURNS: Final = (34, 34, 13, 13, 5)  # See ``Round.steps``.
_HONEST_TURNS: Final = (1, 0, 0, 0, 0, 0)
_POOL_MAX: Final = 64
_TYPES_MAX: Final = 64
_EVE_FIRST: Final = 6  # The inventor writes as clients 1 to 5, all of them eve's.


@define
class Step:
    """What is played next: an update, or a command or query."""

    who: str
    update: bytes = b""
    command: Any = None
    editor: Editor | None = None  # Who made the update honestly.
    is_everything: bool = False  # The whole document, as the library writes it down.

    @property
    def is_honest(self) -> bool:
        return self.editor is not None


@define
class Round:
    """Draws the steps of one round; ``told`` hears how each went."""

    rng: Random
    house: House
    golden: list[bytes]
    with_commands: bool = False  # Undo, authors and exports among the updates.
    _editors: dict[str, Editor] = field(init=False, factory=dict)
    _pool: deque[tuple[str, bytes]] = field(init=False, factory=lambda: deque(maxlen=_POOL_MAX))
    _types: deque[Id] = field(init=False, factory=lambda: deque(maxlen=_TYPES_MAX))
    _inventor: Inventor = field(init=False)

    _is_honest: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._is_honest = self.rng.random() < _HONEST_SHARE
        self._inventor = Inventor(self.rng)

    def length(self) -> int:
        """Draw how many updates it has."""
        return self.rng.choices(LENGTHS, _LENGTH_WEIGHTS)[0]

    def steps(self) -> list[Step]:
        """Draw what is played next: one step, or several that belong together."""
        draw: Callable[[], list[Step]] = self.rng.choices(
            (self._real, self._damaged, self._attack, self._invented, self._again, self._command),
            _HONEST_TURNS if self._is_honest else (*_TURNS, int(self.with_commands)),
        )[0]
        return draw()

    def told(self, step: Step, outcome: str) -> None:
        """Hear how *step* went: the next are built on what was let in."""
        if step.command is not None:
            return
        if outcome == ACCEPTED:
            self.house.is_honest &= step.is_honest
        if outcome == ACCEPTED and not step.is_everything:  # Its bytes are not the seed's alone.
            self._pool.append((step.who, step.update))
            for client, clocks in walk(step.update).types.items():
                self._types.extend((client, clock) for clock in clocks[-4:])
        is_own = step.editor is not None
        if is_own != (outcome == ACCEPTED):
            # A browser whose edit was refused is loaded anew, so is one whose id was abused.
            self._editors.pop(step.who, None)

    def _real(self) -> list[Step]:
        who = self.rng.choice(USERS)
        editor = self._editor(who)
        doc = self.house.log.doc
        if self.rng.random() < 0.3 and not editor.take(doc.since(editor.doc.get_state())):
            del self._editors[who]
            return []
        for _ in range(self.rng.choice((1, 1, 1, 3))):
            if not scribble(self.rng, editor):
                del self._editors[who]
                return []
        sent, editor.sent = editor.sent, []
        steps = [Step(who, update, editor=editor) for update in sent]
        if self.rng.random() < 0.05:
            everything = editor.everything()
            if everything is None:
                del self._editors[who]
                return []
            steps.append(Step(who, everything, editor=editor, is_everything=True))
        return steps

    def _editor(self, who: str) -> Editor:
        editor = self._editors.get(who)
        if editor is None:
            editor = self._editors[who] = new_editor(self.rng, self.house.log.doc.whole())
        return editor

    def _source(self) -> tuple[str, bytes]:
        if self._pool and self.rng.random() < 0.6:
            return self.rng.choice(self._pool)
        if self.rng.random() < 0.5:
            return "eve", self.rng.choice(self.golden)
        return self.rng.choice(attack(self._ground()))

    def _damaged(self) -> list[Step]:
        """Return a damaged real update or attack, sent before or after the whole one, or alone."""
        who, source = self._source()
        if self.rng.random() < 0.4:
            fresh = [step for step in self._real() if step.update and not step.is_everything]
            if fresh:
                who, source = fresh[-1].who, fresh[-1].update
        damaged = mutate(source, self._source()[1], self.rng)
        return [Step(self.rng.choice((who, who, "eve")), damaged)]

    def _ground(self) -> Ground:
        log = self.house.log
        eve = _EVE_FIRST + self.rng.randrange(3)
        return Ground(self.rng, dict(log.doc.clocks), log.clients, tuple(self._types), eve)

    def _attack(self) -> list[Step]:
        return [Step(who, update) for who, update in attack(self._ground())]

    def _invented(self) -> list[Step]:
        self._inventor.ends = dict(self.house.log.doc.clocks)
        self._inventor.types = list(self._types)
        return [Step("eve", self._inventor.update())]

    def _again(self) -> list[Step]:
        who, update = self._source()
        return [Step(who, update), Step("eve", self.house.log.doc.whole(), is_everything=True)]

    def _command(self) -> list[Step]:
        """Draw a command or query; not restoring or merging, which ``test_notes_fuzz`` looks at."""
        rng, who = self.rng, self.rng.choice((*USERS, "eve"))
        branch = rng.choice(sorted(self.house.log.branches) or [1])
        root = rng.choice(sorted(self.house.log.roots) or ["t"])
        command = rng.choice(
            (
                UndoNotes(),
                RedoNotes(),
                DiscardBranch(id=branch),
                NotesAuthors(root=root),
                ExportNotes(root=root),
                ExportNotes(root=root, format="html"),
                SyncNotes(state_vector=b"\x01\x01\x01"),
            )
        )
        return [Step(who, command=command)]


def golden_updates() -> list[bytes]:
    """Return recorded updates of Yjs."""
    return [update for history in b.golden_histories() for update in history]
