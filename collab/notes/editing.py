"""``notes.edit``: a client's bytes become part of the document, or are refused and audited.

For a document applying *is* deciding: an update that cannot be applied is refused there. So the
document is ahead of the state until the event is evolved; nothing is refused after it was applied,
and what goes wrong from there on is a crash, after which the document is replayed.
"""

from __future__ import annotations

import logging

from attrs import evolve

from collab.errors import CollabError, RateLimited
from collab.kind import Context, Outcome
from collab.limits import NOTES_FITTED_AT_ONCE_BYTES, NOTES_RETRY_MS
from collab.notes import branches
from collab.notes.admission import Known, UnknownHistory, judge, level_for
from collab.notes.commands import EditNotes, NotesHalved, NotesUpdated
from collab.notes.errors import NotesMalformed
from collab.notes.fitting import Fitted, cuts_of, exhaust, fit_steps
from collab.notes.state import HasNotes, NotesLog
from collab.notes.writing import write
from protocol.yjs import Id, UpdateRefused, UpdateReport, read_stroke, walk

_audit = logging.getLogger("collab.audit")


def edit(state: HasNotes, command: EditNotes, context: Context) -> Outcome:
    """Apply an update. What is known already, in whole, changes nothing.

    Raises:
      NotesMalformed, NotesMissingHistory, NotesForeignClient, NotesTooLarge: nothing happened.
      NotesBranched, NotesForeignClient: as the outcome's refusal: it was kept as a branch.
      DocumentFault: a crash; see ``collab.notes.document``.
    """
    log, user_id = state.notes, context.caller.user_id
    if (stroke := read_stroke(command.update)) is not None:
        level = level_for(log, command.update, stroke, user_id)
        if level is not None:
            log.doc.apply_stroke(command.update, stroke, level)
            event = NotesUpdated(update=command.update, new_clients=[], new_roots={})
            return Outcome((event,), {})
    try:
        outcome = _edit(log, command, context)
    except CollabError as refusal:
        log.doc.forget_findings()
        _note(refusal, command, context)
        raise
    if outcome.refusal is not None:
        _note(outcome.refusal, command, context)
    return outcome


def _edit(log: NotesLog, command: EditNotes, context: Context) -> Outcome:
    update, report = command.update, _report_of(command)
    if cuts := cuts_of(log.doc, report):
        return _edit_fitted(log, command, _fitted(log, command, cuts), context)
    readied = log.doc.make_ready(update, report, command.study.readied)
    verdict = judge(log, update, report, context.caller.user_id)
    if isinstance(verdict, Known):
        return Outcome(value={})
    if isinstance(verdict, UnknownHistory):
        return branches.keep(log, update, verdict, context)
    written = write(log, update, report, verdict, readied=readied)
    return Outcome([NotesUpdated(**written)] if written else (), {})


def _edit_fitted(log: NotesLog, command: EditNotes, fitted: Fitted, context: Context) -> Outcome:
    """The same for an update that cuts characters in two: against the document that bears it."""
    sent, user_id = command.update, context.caller.user_id
    readied = command.study.readied if fitted is command.study.fitted else None
    readied = fitted.doc.make_ready(fitted.update, fitted.report, readied)
    bearing = evolve(log, doc=fitted.doc)
    verdict = judge(bearing, fitted.update, fitted.report, user_id)
    if isinstance(verdict, Known):
        return Outcome(value={})
    if isinstance(verdict, UnknownHistory):
        return branches.keep(log, sent, verdict, context)
    written = write(bearing, fitted.update, fitted.report, verdict, sent=sent, readied=readied)
    if written is None:
        return Outcome(value={})  # Nor was anything cut: no event would tell a replay of it.
    log.doc.become(fitted.doc)
    return Outcome([NotesHalved(cuts=fitted.cuts, **written)], {})


def _fitted(log: NotesLog, command: EditNotes, cuts: list[Id]) -> Fitted:
    """Return what was found out before, or what takes a moment only.

    Raises:
      RateLimited: the document has changed since; send it again.
      NotesMalformed: it cannot be read.
    """
    fitted = command.study.fitted
    if fitted is not None and fitted.seq == log.seq:
        return fitted
    if len(log.doc.whole()) > NOTES_FITTED_AT_ONCE_BYTES:
        raise RateLimited("the document has changed meanwhile", NOTES_RETRY_MS)
    try:
        return exhaust(fit_steps(log.seq, log.doc, command.update, cuts))
    except UpdateRefused as refusal:
        raise NotesMalformed(str(refusal)) from None


def _report_of(command: EditNotes) -> UpdateReport:
    study = command.study
    try:
        if study.refusal is not None:
            raise study.refusal
        return study.report if study.report is not None else walk(command.update)
    except UpdateRefused as refusal:
        raise NotesMalformed(str(refusal)) from None


def _note(refusal: CollabError, command: EditNotes, context: Context) -> None:
    """Leave an entry for whoever looks after attacks and broken clients."""
    _audit.warning(
        "%s refused: %s",
        command.TAG,
        refusal.message,
        extra={
            "user": context.caller.user_id,
            "target": context.target,
            "code": refusal.code,
            "size": len(command.update),
        },
    )
