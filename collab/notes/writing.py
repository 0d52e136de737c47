"""The way of every change into the document: judged, applied, and what its event must say of it.

Used by all commands that change it, be the update a client's or of our own making.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, TypedDict

from collab.kind import Put, Stamp
from collab.limits import NOTES_STATE_EVERY
from collab.notes import moments, undoing
from collab.notes.admission import Admitted
from collab.notes.commands import NotesHalved, NotesUpdated
from collab.notes.readying import Readied
from collab.notes.state import HasNotes, NotesLog
from protocol.yjs import RootKind, UpdateReport

STATES: Final = "notes_at"  # Listing of stored states; position = seq of the event after which.
# The surest sign first: an element has keys as well, and a rich text may hold embedded values.
_SENT: Final = frozenset({NotesUpdated, NotesHalved})  # By a client, not written by us.
_KINDS: Final = (RootKind.XML, RootKind.TEXT, RootKind.ARRAY, RootKind.MAP)


class Written(TypedDict):
    """The fields that every event with an update has."""

    update: bytes
    new_clients: list[int]
    new_roots: dict[str, str]


def write(
    log: NotesLog,
    update: bytes,
    report: UpdateReport,
    admitted: Admitted,
    *,
    sent: bytes | None = None,
    readied: Readied | None = None,
) -> Written | None:
    """Apply what was admitted; None: it changed nothing after all.

    From here on nothing may be refused.

    Args:
      sent: What the event is to hold, if it is not *update* itself, nor the rest of it.
      readied: See ``SharedDoc.apply``.

    Raises:
      DocumentFault: a crash.
    """
    if admitted.rest is not None:
        (update, report), sent = admitted.rest, None
    if not log.doc.apply(update, report, admitted.plan, sent=sent, readied=readied):
        return None
    return Written(
        update=update if sent is None else sent,
        new_clients=admitted.new_clients,
        new_roots={
            name: kind_of(kinds) for name, kinds in report.roots.items() if name not in log.roots
        },
    )


def pen_of(log: NotesLog, user_id: str, target: str) -> int:
    """Return the client id under which the server writes for *user_id*: theirs, or a free one."""
    pen = log.pens.get(user_id)
    attempt = 0
    while pen is None:
        drawn = hashlib.blake2b(f"{target} {user_id} {attempt}".encode(), digest_size=4).digest()
        attempt += 1
        if int.from_bytes(drawn) not in log.clients:
            pen = int.from_bytes(drawn)
    return pen


def kind_of(kinds: frozenset[RootKind]) -> str:
    """Return what a root most probably is, or an empty text."""
    return next((kind.value for kind in _KINDS if kind in kinds), "")


def written(state: HasNotes, event: Any, stamp: Stamp) -> None:
    """Evolve any event that has an update."""
    log = state.notes
    log.doc.take_in(event.update)
    for client in event.new_clients:
        log.clients[client] = stamp.by
    if event.new_clients and type(event) not in _SENT:
        log.pens[stamp.by] = event.new_clients[0]
    log.roots.update(event.new_roots)
    log.seq = stamp.seq
    log.edits += 1
    log.edits_since += 1
    log.bytes_since += len(event.update)
    if _is_state_due(log):
        log.stored_seq = stamp.seq
        log.bytes_before += log.bytes_since
        log.edits_since = log.bytes_since = 0
    moments.extend(log, stamp)
    undoing.remember(log, event, stamp)


def halved(state: HasNotes, event: NotesHalved, stamp: Stamp) -> None:
    """Evolve an event that cuts characters; a replay cuts them before anything is applied."""
    state.notes.doc.cut_behind(event.update, event.cuts)
    written(state, event, stamp)


def _is_state_due(log: NotesLog) -> bool:
    """Say whether a state is to be stored, so that moments after it are quick to see again.

    States take about as many bytes as the updates between them: a long document is stored less
    often than a short one.
    """
    if log.edits_since < NOTES_STATE_EVERY:
        return False
    return log.bytes_since >= log.bytes_before // 4 or log.edits_since >= 10 * NOTES_STATE_EVERY


def rows(state: HasNotes, stamp: Stamp) -> Sequence[Put]:
    """Return the rows of an event that has an update: ended moments, and a state if it is due."""
    log = state.notes
    ended = moments.rows(log)
    if log.stored_seq != stamp.seq:
        return ended
    return [*ended, Put(STATES, stamp.seq, log.doc.whole())]
