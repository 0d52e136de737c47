"""Undo, redo, restore, merge, import: edits that the server writes for a user.

::

    decide, first time          Outcome(draft=...)        written away from the actor (``desk``)
    decide, with a draft        it fits: an event like any edit
                                it does not: another draft; after some, one within the turn

A draft was written against the document as its sender's call found it. What others wrote meanwhile
merges with it, as any two edits do, so a busy document keeps nobody from being restored. Only
another draft of the same user gets in the way, as both would begin at the same clock of the pen.
"""

from __future__ import annotations

from typing import Any

from collab.errors import RateLimited
from collab.kind import Context, Outcome
from collab.limits import NOTES_DRAFT_TRIES_MAX, NOTES_RETRY_MS
from collab.notes.admission import Admitted, Known, judge
from collab.notes.branches import find
from collab.notes.commands import (
    BranchMerged,
    ImportNotes,
    MergeBranch,
    NotesImported,
    NotesRestored,
    NotesUndone,
    RedoNotes,
    RestoreNotes,
    UndoNotes,
)
from collab.notes.desk import Drafted, draft_of
from collab.notes.document import EMPTY
from collab.notes.errors import DocumentFault
from collab.notes.state import HasNotes, NotesLog
from collab.notes.study import Draft, Study
from collab.notes.undoing import newest_burst
from collab.notes.writing import Written, write


def undo(state: HasNotes, command: UndoNotes, context: Context) -> Outcome:
    """Take back the caller's newest burst of edits. Answered with ``{"seqs"}``.

    Raises:
      Conflict: there is nothing to take back.
      RateLimited: other commands of the caller were quicker, several times over; send it again.
    """
    return _take_back(state.notes, command, context, is_redo=False)


def redo(state: HasNotes, command: RedoNotes, context: Context) -> Outcome:
    """Take back the caller's newest undo. Raises as :func:`undo`."""
    return _take_back(state.notes, command, context, is_redo=True)


def _take_back(
    log: NotesLog, command: UndoNotes | RedoNotes, context: Context, *, is_redo: bool
) -> Outcome:
    burst = newest_burst(log, context.caller.user_id, is_redo=is_redo)
    draft = _fitting(log, command, context)
    if draft is None or draft.seqs != tuple(burst.seqs):
        return _draft_first(log, command, context)
    # A burst of which nothing is left to take back is done with, so that the one before it is next.
    written = _write(log, draft, command.study, context) or _nothing()
    event = NotesUndone(**written, seqs=list(draft.seqs), redo=is_redo)
    return Outcome([event], {"seqs": list(draft.seqs)})


def restore(state: HasNotes, command: RestoreNotes, context: Context) -> Outcome:
    """Make the document look as it did; if it does already, nothing.

    Raises:
      NotFound, LimitExceeded: that moment cannot be seen.
      RateLimited: other commands of the caller were quicker, several times over; send it again.
    """
    draft = _fitting(state.notes, command, context)
    if draft is None:
        return _draft_first(state.notes, command, context)
    written = _write(state.notes, draft, command.study, context)
    if written is None:
        return Outcome(value={})
    return Outcome([NotesRestored(**written, seq=command.seq)], {})


def merge_branch(state: HasNotes, command: MergeBranch, context: Context) -> Outcome:
    """Bring a branch in; one that holds nothing new is gone afterwards too.

    Raises:
      NotFound: there is no such branch.
      RateLimited: other commands of the caller were quicker, several times over; send it again.
    """
    log = state.notes
    find(log, command.id)
    draft = _fitting(log, command, context)
    if draft is None:
        return _draft_first(log, command, context)
    written = _write(log, draft, command.study, context) or _nothing()
    return Outcome([BranchMerged(**written, id=command.id)], {})


def import_notes(state: HasNotes, command: ImportNotes, context: Context) -> Outcome:
    """Replace a root's content. Answered with ``{"root"}``.

    Raises:
      BadRequest: the Markdown is nested too deeply.
      RateLimited: other commands of the caller were quicker, several times over; send it again.
    """
    draft = _fitting(state.notes, command, context)
    if draft is None:
        return _draft_first(state.notes, command, context)
    written = _write(state.notes, draft, command.study, context)
    events: list[Any] = [NotesImported(**written, root=draft.root)] if written else []
    return Outcome(events, {"root": draft.root})


def _fitting(log: NotesLog, command: Drafted, context: Context) -> Draft | None:
    """Return the draft, if there is one and it still fits. Raises: what spoke against one."""
    study = command.study
    if study.trouble is not None:
        raise study.trouble
    draft, user_id = study.draft, context.caller.user_id
    if draft is None or draft.clock != log.doc.clocks.get(draft.pen, 0):
        return None
    return draft if log.clients.get(draft.pen, user_id) == user_id else None


def _draft_first(log: NotesLog, command: Drafted, context: Context) -> Outcome:
    """Have a draft written against the document as it is now, and the command decided again.

    Raises:
      RateLimited: there were too many; not even one made in this turn does fit.
    """
    if command.study.tries > NOTES_DRAFT_TRIES_MAX:
        raise RateLimited("another command of the same moment was first", NOTES_RETRY_MS)
    return Outcome(draft=draft_of(log, command, context.caller.user_id, context.target))


def _nothing() -> Written:
    return Written(update=EMPTY, new_clients=[], new_roots={})


def _write(log: NotesLog, draft: Draft, study: Study, context: Context) -> Written | None:
    """Apply a draft; None: it changes nothing.

    Raises:
      NotesTooLarge: a bound would be passed.
      DocumentFault: a crash.
    """
    verdict = judge(log, draft.update, draft.report, context.caller.user_id)
    if isinstance(verdict, Known):
        return None
    if not isinstance(verdict, Admitted):
        raise DocumentFault("a pen writes as somebody else")
    return write(log, draft.update, draft.report, verdict, readied=study.readied)
