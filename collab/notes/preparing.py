"""What is done before a command on the document is decided, without holding others up.

* A large update is read in slices of about 2 ms; so is a document that nobody opened yet.
* What the server writes for a user is written here, from bytes and in a worker thread: against the
  document as it is now; ``drafts`` says whether it still fits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, TypeVar

import trio

from collab.errors import BadRequest, CollabError
from collab.kind import Caller, Reader
from collab.limits import NOTES_STUDIED_BYTES
from collab.notes import past
from collab.notes.branches import read_branch
from collab.notes.commands import (
    EditNotes,
    ImportNotes,
    MergeBranch,
    RedoNotes,
    RestoreNotes,
    UndoNotes,
)
from collab.notes.document import OWN_LIMITS, no_panic
from collab.notes.drafts import newest_burst
from collab.notes.fitting import cuts_of, fit_steps
from collab.notes.halving import may_be_cut
from collab.notes.markdown import import_update
from collab.notes.rewriting import change_to, joined, undone
from collab.notes.state import HasNotes, NotesLog
from collab.notes.study import Draft
from collab.notes.writing import kind_of, pen_of
from protocol.yjs import Id, UpdateRefused, walk, walk_steps

T = TypeVar("T")
_DRAFTED = (UndoNotes, RedoNotes, RestoreNotes, MergeBranch, ImportNotes)


def study(
    state: HasNotes, command: Any, caller: Caller, target: str, reader: Reader
) -> Callable[[], Awaitable[None]] | None:
    """Return what must be found out before *command* is decided, if anything."""
    log = state.notes
    if type(command) is EditNotes:
        if len(command.update) <= NOTES_STUDIED_BYTES and log.doc.is_ready:
            return _fitting_of(log, command)
        return partial(_read_update, log, command)
    if type(command) in _DRAFTED:
        return partial(_draft, _Desk(log, caller.user_id, target, reader), command)
    return None


async def _read_update(log: NotesLog, command: EditNotes) -> None:
    """Read the update, and open the document, in slices. Cancelled: nothing happened."""
    if not log.doc.is_ready:
        await _in_turns(log.doc.open_steps())
    try:
        command.study.report = await _in_turns(walk_steps(command.update))
    except UpdateRefused as refusal:
        command.study.refusal = refusal
    else:
        if cuts := cuts_of(log.doc, command.study.report):
            await _fit(log, command, cuts)


def _fitting_of(log: NotesLog, command: EditNotes) -> Callable[[], Awaitable[None]] | None:
    """Return what must be done for a small update that cuts characters in two, if it does."""
    if not (log.doc.index.has_halves or may_be_cut(command.update)):
        return None  # Nearly always.
    try:
        report = command.study.report = walk(command.update)
    except UpdateRefused as refusal:
        command.study.refusal = refusal
        return None
    cuts = cuts_of(log.doc, report)
    return partial(_fit, log, command, cuts) if cuts else None


async def _fit(log: NotesLog, command: EditNotes, cuts: list[Id]) -> None:
    """Build the document that the update can be applied to. Cancelled: nothing happened."""
    try:
        command.study.fitted = await _in_turns(fit_steps(log.seq, log.doc, command.update, cuts))
    except UpdateRefused as refusal:
        command.study.refusal = refusal


async def _in_turns(steps: Generator[None, None, T]) -> T:
    """Return what *steps* returns, letting others run between them."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        await trio.lowlevel.checkpoint()


async def _draft(desk: _Desk, command: Any) -> None:
    """Leave a draft for *command*, or what speaks against it. Cancelled: nothing happened."""
    try:
        if not desk.log.doc.is_ready:
            await _in_turns(desk.log.doc.open_steps())
        command.study.draft = await desk.draft(command)
    except CollabError as trouble:
        command.study.trouble = trouble


class _Desk:
    """Where drafts are written for one user, against the document as it is when this is made."""

    def __init__(self, log: NotesLog, user_id: str, target: str, reader: Reader) -> None:
        self.log = log
        self._user_id = user_id
        self._target = target
        self._reader = reader
        self._pen = pen_of(log, user_id, target)

    async def draft(self, command: Any) -> Draft:
        """Return the update for *command*. Raises: CollabError: why there is none."""
        if isinstance(command, UndoNotes | RedoNotes):
            return await self._undo(is_redo=isinstance(command, RedoNotes))
        if isinstance(command, RestoreNotes):
            return await self._restore(command.seq)
        if isinstance(command, MergeBranch):
            return await self._merge(command.id)
        assert isinstance(command, ImportNotes)
        return await self._import(command.markdown, command.root)

    async def _undo(self, *, is_redo: bool) -> Draft:
        seqs = newest_burst(self.log, self._user_id, is_redo=is_redo).seqs
        found = await past.load(self._reader, self._target, first=seqs[0], last=self.log.seq)
        steps = [
            (step.by == self._user_id and step.seq >= seqs[0], step.update)
            for step in found.updates
        ]
        whole, roots = self.log.doc.whole(), dict(self.log.roots)
        update = await _away(lambda: undone(found.base, steps, whole, roots, self._pen))
        return await self._made(update, seqs=tuple(seqs))

    async def _restore(self, seq: int) -> Draft:
        last = min(seq, self.log.seq)
        found = await past.load(self._reader, self._target, first=last + 1, last=last)
        whole, roots = self.log.doc.whole(), dict(self.log.roots)
        update = await _away(lambda: change_to(whole, found.before(last + 1), roots, self._pen))
        return await self._made(update)

    async def _merge(self, branch_id: int) -> Draft:
        content = await read_branch(self.log, branch_id, self._reader, self._target)
        report = await _in_turns(walk_steps(content))
        roots = {name: kind_of(kinds) for name, kinds in report.roots.items()} | self.log.roots
        whole = self.log.doc.whole()
        update = await _away(lambda: change_to(whole, joined(whole, content), roots, self._pen))
        return await self._made(update)

    async def _import(self, markdown: str, root: str | None) -> Draft:
        whole = self.log.doc.whole()

        def work() -> tuple[str, bytes]:
            try:
                return import_update(whole, root, markdown, client_id=self._pen)
            except ValueError as error:  # Of the parser: the document was let in.
                raise BadRequest(str(error)) from None

        name, update = await _away(work)
        return await self._made(update, root=name)

    async def _made(self, update: bytes, *, seqs: tuple[int, ...] = (), root: str = "") -> Draft:
        """Return *update* as a draft. Its clock is that of the document it was written against."""
        report = await _in_turns(walk_steps(update, OWN_LIMITS))
        start, _ = report.clocks.get(self._pen, (self.log.doc.clocks.get(self._pen, 0), 0))
        return Draft(update=update, report=report, pen=self._pen, clock=start, seqs=seqs, root=root)


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
