"""What is done before a command on the document is decided, without holding others up.

* A large update is read in slices of about 2 ms; so is a document that nobody opened yet.
* A large one is planned, and if it takes long to apply, applied to another document beside.
* What the server writes for a user is written away from the actor (``desk``), and here only if it
  did not fit several times over, because the same user was quicker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from collab.errors import CollabError
from collab.kind import Caller, Reader
from collab.limits import NOTES_DRAFT_TRIES_MAX, NOTES_STUDIED_BYTES
from collab.notes.commands import EditNotes, SyncNotes
from collab.notes.desk import Drafted, draft_of
from collab.notes.fitting import cuts_of, fit_steps
from collab.notes.halving import may_be_cut
from collab.notes.state import HasNotes, NotesLog
from collab.notes.turns import in_turns
from protocol.yjs import Id, UpdateRefused, UpdateReport, walk, walk_steps


def study(
    state: HasNotes, command: Any, caller: Caller, target: str, reader: Reader
) -> Callable[[], Awaitable[None]] | None:
    """Return what must be found out before *command* is decided, if anything."""
    log = state.notes
    if type(command) is EditNotes:
        update, doc = command.update, log.doc
        if len(update) <= NOTES_STUDIED_BYTES and doc.is_ready and doc.is_light(update):
            return _fitting_of(log, command)
        return partial(_read_update, log, command)
    if type(command) is SyncNotes:
        is_whole_asked = len(command.state_vector) <= 1
        return None if is_whole_asked or log.doc.is_ready else partial(_open, log)
    if isinstance(command, Drafted):
        if log.doc.is_ready and command.study.tries < NOTES_DRAFT_TRIES_MAX:
            draft = command.study.draft
            is_small = draft is None or len(draft.update) <= NOTES_STUDIED_BYTES
            return None if is_small else partial(_ready_draft, log, command)
        return partial(_get_ready, log, command, caller.user_id, target, reader)
    return None


async def _open(log: NotesLog) -> None:
    """Open the document in slices. Cancelled: nothing happened."""
    await in_turns(log.doc.open_steps())


async def _read_update(log: NotesLog, command: EditNotes) -> None:
    """Read the update, and open the document, in slices. Cancelled: nothing happened."""
    if not log.doc.is_ready:
        await in_turns(log.doc.open_steps())
    try:
        command.study.report = await in_turns(walk_steps(command.update))
    except UpdateRefused as refusal:
        command.study.refusal = refusal
    else:
        if cuts := cuts_of(log.doc, command.study.report):
            await _fit(log, command, cuts)
        await _ready(log, command, command.study.report)


async def _ready(log: NotesLog, command: EditNotes, report: UpdateReport) -> None:
    """Build a document with the update in it, if that takes long. Cancelled: nothing happened."""
    study, fitted = command.study, command.study.fitted
    doc, update = log.doc, command.update
    if fitted is not None:
        doc, update, report = fitted.doc, fitted.update, fitted.report
    try:
        study.readied = await in_turns(doc.ready_steps(update, report))
        await in_turns(doc.plan_steps(update, report))
    except UpdateRefused as refusal:
        study.refusal = refusal


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
        command.study.fitted = await in_turns(fit_steps(log.seq, log.doc, command.update, cuts))
    except UpdateRefused as refusal:
        command.study.refusal = refusal


async def _ready_draft(log: NotesLog, command: Drafted) -> None:
    """Build a document with the draft in it, and plan it. Cancelled: nothing happened.

    Whether the document is the same still is found out when it is decided: a draft is let in all
    the same, and then takes as long as it takes.
    """
    study, doc = command.study, log.doc
    assert study.draft is not None
    update, report = study.draft.update, study.draft.report
    with suppress(UpdateRefused):  # It is ours: what it costs is bounded by what the document is.
        study.readied = await in_turns(doc.ready_steps(update, report))
        await in_turns(doc.plan_steps(update, report))


async def _get_ready(
    log: NotesLog, command: Drafted, user_id: str, target: str, reader: Reader
) -> None:
    """Open the document; if drafts came too late again and again, write one now, in the turn.

    Cancelled: nothing happened.
    """
    if not log.doc.is_ready:
        await in_turns(log.doc.open_steps())
    if command.study.tries >= NOTES_DRAFT_TRIES_MAX:
        # Refused now means refused when it is decided, which tells the sender.
        with suppress(CollabError):
            await draft_of(log, command, user_id, target)(reader)
