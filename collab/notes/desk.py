"""Where the server writes for a user: undo, redo, restore, merge, import.

A draft is written against the document as it was when ``draft_of`` was called, from its bytes and
in a worker thread, while the document's actor goes on. ``drafts`` says whether it still fits when
it is done: what others wrote meanwhile merges with it, as with any edit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import trio

from collab.errors import BadRequest, CollabError
from collab.kind import Reader
from collab.notes import past
from collab.notes.branches import find, read_branch
from collab.notes.commands import ImportNotes, MergeBranch, RedoNotes, RestoreNotes, UndoNotes
from collab.notes.document import OWN_LIMITS, no_panic
from collab.notes.likeness import Unwritable
from collab.notes.markdown import import_update
from collab.notes.past import Past
from collab.notes.rewriting import change_to, joined
from collab.notes.state import NotesLog
from collab.notes.study import Draft
from collab.notes.taking_back import Played, undone
from collab.notes.turns import in_turns
from collab.notes.undoing import newest_burst
from collab.notes.writing import kind_of, pen_of
from protocol.yjs import walk_steps

T = TypeVar("T")
Drafted = UndoNotes | RedoNotes | RestoreNotes | MergeBranch | ImportNotes


def draft_of(
    log: NotesLog, command: Drafted, user_id: str, target: str
) -> Callable[[Reader], Awaitable[None]]:
    """Return what leaves a draft for *command* in its study, or what speaks against one.

    Raises:
      Conflict, NotFound: there is nothing to be done.
    """
    desk = _Desk(log, user_id, target)
    work: Callable[[Reader], Awaitable[Draft]]
    match command:
        case UndoNotes() | RedoNotes():
            burst = newest_burst(log, user_id, is_redo=isinstance(command, RedoNotes))
            work = partial(desk.undo, seqs=tuple(burst.seqs))
        case RestoreNotes():
            work = partial(desk.restore, seq=command.seq)
        case MergeBranch():
            find(log, command.id)
            work = partial(desk.merge, branch_id=command.id)
        case ImportNotes():
            work = partial(desk.import_, markdown=command.markdown, root=command.root)
    return partial(_leave, desk, command, work)


async def _leave(
    desk: _Desk, command: Drafted, work: Callable[[Reader], Awaitable[Draft]], reader: Reader
) -> None:
    """Cancelled: nothing happened."""
    study = command.study
    study.tries += 1
    study.draft = None
    if desk.is_too_late():
        return  # It would not fit: it is to be asked for again.
    try:
        study.draft = await work(reader)
    except CollabError as trouble:
        study.trouble = trouble


class _Desk:
    """One draft's view of the document, which stays as it is now."""

    def __init__(self, log: NotesLog, user_id: str, target: str) -> None:
        self._log = log
        self._user_id = user_id
        self._target = target
        self._pen = pen_of(log, user_id, target)
        self._clock = log.doc.clocks.get(self._pen, 0)
        self._whole = log.doc.whole()
        self._roots = dict(log.roots)
        self._seq = log.seq

    def is_too_late(self) -> bool:
        """Say whether another draft of this user was let in meanwhile."""
        return self._log.doc.clocks.get(self._pen, 0) != self._clock

    async def undo(self, reader: Reader, *, seqs: tuple[int, ...]) -> Draft:
        """Take back what is the user's own since the first of *seqs*."""
        found = await past.load(reader, self._target, first=seqs[0], last=self._seq)
        steps = [
            Played(step.by == self._user_id and step.seq >= seqs[0], step.update)
            for step in found.updates
        ]
        return await self._made(await self._undone(found, steps), seqs=seqs)

    async def restore(self, reader: Reader, *, seq: int) -> Draft:
        """Rewrite what differs; what cannot be rewritten is brought back by taking back."""
        last = min(seq, self._seq)
        found = await past.load(reader, self._target, first=last + 1, last=last)
        try:
            update = await _away(
                lambda: change_to(
                    self._whole, found.before(last + 1), self._roots, self._pen, is_exact=True
                )
            )
        except Unwritable:
            found = await past.load(reader, self._target, first=last + 1, last=self._seq)
            steps = [Played(step.seq > last, step.update) for step in found.updates]
            update = await self._undone(found, steps)
        return await self._made(update)

    async def merge(self, reader: Reader, *, branch_id: int) -> Draft:
        """Rewrite the document to what it and the branch read together."""
        content = await read_branch(self._log, branch_id, reader, self._target)
        report = await in_turns(walk_steps(content))
        roots = {name: kind_of(kinds) for name, kinds in report.roots.items()} | self._roots

        def work() -> bytes:
            return change_to(self._whole, joined(self._whole, content), roots, self._pen)

        return await self._made(await _away(work))

    async def import_(self, _reader: Reader, *, markdown: str, root: str | None) -> Draft:
        """Put Markdown into a root."""

        def work() -> tuple[str, bytes]:
            try:
                return import_update(self._whole, root, markdown, client_id=self._pen)
            except ValueError as error:  # Of the parser: the document was let in.
                raise BadRequest(str(error)) from None

        name, update = await _away(work)
        return await self._made(update, root=name)

    async def _undone(self, found: Past, steps: Sequence[Played]) -> bytes:
        return await _away(lambda: undone(found.base, steps, self._whole, self._roots, self._pen))

    async def _made(self, update: bytes, *, seqs: tuple[int, ...] = (), root: str = "") -> Draft:
        """Return *update* as a draft. Its clock is that of the document it was written against."""
        report = await in_turns(walk_steps(update, OWN_LIMITS))
        return Draft(
            update=update, report=report, pen=self._pen, clock=self._clock, seqs=seqs, root=root
        )


async def _away(work: Callable[[], T]) -> T:
    """Run *work* in a thread. The CRDT library keeps the interpreter's lock, our Python does not.

    Raises:
      CollabError: from *work*.
      DocumentFault: a crash.

    Cancelled: it is waited for; nothing happened.
    """

    def guarded() -> T:
        with no_panic():
            return work()

    return await trio.to_thread.run_sync(guarded)
