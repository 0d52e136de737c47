"""Undo, redo, restore, merge, import: edits that the server writes for a user.

What is written (a :class:`Draft`) was prepared against the document of that moment; an edit that
came in between merges with it as any two edits do. Only two drafts of one user in one batch
collide, as both would begin at the same clock of the user's pen: the second is to be sent again.
"""

from __future__ import annotations

from typing import Any

from collab.errors import CollabError, Conflict, RateLimited
from collab.kind import Context, Outcome
from collab.limits import NOTES_RETRY_MS
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
from collab.notes.document import EMPTY
from collab.notes.errors import DocumentFault
from collab.notes.state import Burst, HasNotes, NotesLog
from collab.notes.study import Draft, Study
from collab.notes.writing import Written, write


def undo(state: HasNotes, command: UndoNotes, context: Context) -> Outcome:
    """Take back the caller's newest burst of edits. Answered with ``{"seqs"}``.

    Raises:
      Conflict: there is nothing to take back.
      RateLimited: another command of this moment was first; send it again.
    """
    return _take_back(state.notes, command, context, is_redo=False)


def redo(state: HasNotes, command: RedoNotes, context: Context) -> Outcome:
    """Take back the caller's newest undo. Raises as :func:`undo`."""
    return _take_back(state.notes, command, context, is_redo=True)


def _take_back(
    log: NotesLog, command: UndoNotes | RedoNotes, context: Context, *, is_redo: bool
) -> Outcome:
    burst = newest_burst(log, context.caller.user_id, is_redo=is_redo)
    draft = _fitting(log, command.study)
    if draft.seqs != tuple(burst.seqs):
        raise _try_again()
    # A burst of which nothing is left to take back is done with, so that the one before it is next.
    written = _write(log, draft, context) or _nothing()
    event = NotesUndone(**written, seqs=list(draft.seqs), redo=is_redo)
    return Outcome([event], {"seqs": list(draft.seqs)})


def newest_burst(log: NotesLog, user_id: str, *, is_redo: bool) -> Burst:
    """Return what *user_id* takes back next.

    Raises:
      Conflict: there is nothing.
    """
    stacks = log.stacks.get(user_id)
    bursts = () if stacks is None else (stacks.redo if is_redo else stacks.undo)
    if not bursts:
        raise Conflict("there is nothing of yours to take back")
    return bursts[-1]


def restore(state: HasNotes, command: RestoreNotes, context: Context) -> Outcome:
    """Make the document look as it did; if it does already, nothing.

    Raises:
      NotFound, LimitExceeded: that moment cannot be seen.
      RateLimited: another command of this moment was first; send it again.
    """
    written = _write(state.notes, _fitting(state.notes, command.study), context)
    if written is None:
        return Outcome(value={})
    return Outcome([NotesRestored(**written, seq=command.seq)], {})


def merge_branch(state: HasNotes, command: MergeBranch, context: Context) -> Outcome:
    """Bring a branch in; one that holds nothing new is gone afterwards too.

    Raises:
      NotFound: there is no such branch.
      RateLimited: another command of this moment was first; send it again.
    """
    log = state.notes
    find(log, command.id)
    written = _write(log, _fitting(log, command.study), context) or _nothing()
    return Outcome([BranchMerged(**written, id=command.id)], {})


def import_notes(state: HasNotes, command: ImportNotes, context: Context) -> Outcome:
    """Replace a root's content. Answered with ``{"root"}``.

    Raises:
      BadRequest: the Markdown is nested too deeply.
      RateLimited: another command of this moment was first; send it again.
    """
    draft = _fitting(state.notes, command.study)
    written = _write(state.notes, draft, context)
    events: list[Any] = [NotesImported(**written, root=draft.root)] if written else []
    return Outcome(events, {"root": draft.root})


def _fitting(log: NotesLog, study: Study) -> Draft:
    """Return the draft, if it still fits the document."""
    if study.trouble is not None:
        raise study.trouble
    draft = study.draft
    if draft is None or draft.clock != log.doc.clocks.get(draft.pen, 0):
        raise _try_again()
    return draft


def _nothing() -> Written:
    return Written(update=EMPTY, new_clients=[], new_roots={})


def _try_again() -> CollabError:
    return RateLimited("another command of the same moment was first", NOTES_RETRY_MS)


def _write(log: NotesLog, draft: Draft, context: Context) -> Written | None:
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
    return write(log, draft.update, draft.report, verdict)
