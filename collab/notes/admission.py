"""Which updates a document lets in. Reads only; the order of the questions is the order below.

::

    is there anything new in it?                      no: known, nothing happens
    does it build on what we do not have?             notes_missing_history
    does it write under another user's client id?     unknown history: branch
    does it say again what we have, under other ids?  unknown history: branch
    would a bound be passed?                          notes_too_large
    are things nested too deeply?                     notes_malformed
                                                      admitted; its new ids are its sender's

*Unknown history* is what a client brings from before a restore, or from another document: under
ids of others, beyond what we know of them; or a document of several unknown ids that builds on
nothing of ours and repeats its words, which would be there twice. It is neither merged blindly nor
thrown away. Several unknown ids that repeat nothing are work of one's own: of tabs and sessions
without a connection. They collide with nothing, so they are merged.
"""

from __future__ import annotations

from collections.abc import Container

from attrs import frozen

from collab.limits import (
    NOTES_BYTES_MAX,
    NOTES_CLIENTS_MAX,
    NOTES_CLIENTS_PER_USER_MAX,
    NOTES_ROOTS_MAX,
)
from collab.notes.errors import NotesMalformed, NotesMissingHistory, NotesTooLarge
from collab.notes.readying import repeats_known
from collab.notes.repeating import repeats
from collab.notes.replaying import Part
from collab.notes.state import NotesLog
from protocol.yjs import NestingPlan, Stroke, UpdateRefused, UpdateReport


@frozen
class Admitted:
    """It may be applied."""

    new_clients: list[int]
    plan: NestingPlan
    rest: Part | None  # What is new in it, if it repeats what is known.


@frozen
class Known:
    """There is nothing new in it."""


@frozen
class UnknownHistory:
    """It is to be kept as a branch. ``is_foreign``: one section, under another user's id."""

    is_foreign: bool


def judge(
    log: NotesLog, update: bytes, report: UpdateReport, user_id: str
) -> Admitted | Known | UnknownHistory:
    """Say what to do with an *update* of *user_id*, which says what *report* tells.

    Raises:
      NotesMissingHistory, NotesTooLarge, NotesMalformed: see the table.
    """
    if report.is_empty:
        return Known()
    clocks = log.doc.clocks
    fresh = [client for client, (_, end) in report.clocks.items() if end > clocks.get(client, 0)]
    if not fresh and not report.deletes:
        return Known()
    _check_history(log, report)
    # Before anything is kept, also aside: a branch is applied whenever somebody looks at it.
    plan, rest = _plan(log, update, report)
    owners = log.clients
    new_clients: list[int] = []
    for client in fresh:
        owner = owners.get(client)
        if owner is None:
            new_clients.append(client)
        elif owner != user_id:
            return UnknownHistory(is_foreign=len(report.clocks) == 1)
    is_alone = len(new_clients) > 1 and clocks and _stands_alone(report, clocks.keys())
    if is_alone and repeats(log.doc.whole(), update):
        return UnknownHistory(is_foreign=False)
    _check_bounds(log, report if rest is None else rest.report, user_id, len(new_clients))
    return Admitted(new_clients, plan, rest)


def level_for(log: NotesLog, update: bytes, stroke: Stroke, user_id: str) -> int | None:
    """Return the level of a *stroke* that :func:`judge` would admit; None: ask it."""
    if log.clients.get(stroke.client) != user_id or not log.doc.takes_strokes():
        return None
    level = log.doc.index.level_of(stroke)
    return level if level is not None and log.doc.has_room(len(update)) else None


def _plan(log: NotesLog, update: bytes, report: UpdateReport) -> tuple[NestingPlan, Part | None]:
    """Return what the document's index is to remember of it; and its rest, see ``Admitted``.

    Of an update that repeats what is known, as every full resync does, only the rest is looked at:
    the same clocks read differently once their content was collected, and what the index then
    guessed on the safe side would be held against later updates. And only the rest is applied and
    passed on: a struct that is known in part may lie about its parent, which the library believes.
    """
    try:
        if not repeats_known(report, log.doc.clocks):
            return log.doc.plan_of(report), None
        rest = log.doc.unknown_part(update, report)
        return log.doc.plan_of(rest.report), rest
    except UpdateRefused as refusal:
        raise NotesMalformed(str(refusal)) from None


def _check_history(log: NotesLog, report: UpdateReport) -> None:
    if missing := report.missing_from(log.doc.clocks):
        client, clock = next(iter(missing.items()))
        raise NotesMissingHistory(
            f"it builds on clock {clock} of client {client}, and {len(missing) - 1} other clients;"
            " send everything you have"
        )


def _stands_alone(report: UpdateReport, known: Container[int]) -> bool:
    """Say whether the update neither builds on nor deletes anything that was here before."""
    return not any(client in known for client in (*report.needs, *report.clocks, *report.deletes))


def _check_bounds(log: NotesLog, report: UpdateReport, user_id: str, new_count: int) -> None:
    if new_count:
        held = len(log.clients) + new_count
        if held > NOTES_CLIENTS_MAX:
            raise NotesTooLarge(f"a document has at most {NOTES_CLIENTS_MAX} client ids")
        if held > NOTES_CLIENTS_PER_USER_MAX:
            mine = sum(owner == user_id for owner in log.clients.values()) + new_count
            if mine > NOTES_CLIENTS_PER_USER_MAX:
                raise NotesTooLarge(f"a user has at most {NOTES_CLIENTS_PER_USER_MAX} client ids")
    new_roots = sum(name not in log.roots for name in report.roots)
    if new_roots and len(log.roots) + new_roots > NOTES_ROOTS_MAX:
        raise NotesTooLarge(f"a document has at most {NOTES_ROOTS_MAX} roots")
    if not log.doc.has_room(report.size_bytes):
        raise NotesTooLarge(f"a document has at most {NOTES_BYTES_MAX} bytes")
