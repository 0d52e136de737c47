"""Undo of one's own edits, over any connection and across restarts.

What can be taken back is remembered as *bursts*: seqs of one user's edits without a pause longer
than ``NOTES_UNDO_PAUSE_MS``. Their bytes are in the journal. To take a burst back, the document
before it is seen again (``desk``), everything since is played into it, and the library's undo
takes back all that is the user's own: the burst, and what came after it and was taken back already
(a word that was deleted and brought back again is another word to the library, so the undos have
to be taken back with it). What that changes becomes one event, written with the user's pen.
"""

from __future__ import annotations

from typing import Any

from collab.errors import Conflict
from collab.kind import Stamp
from collab.limits import NOTES_UNDO_BURST_MAX, NOTES_UNDO_PAUSE_MS, NOTES_UNDO_USERS_MAX
from collab.notes.commands import NotesUndone, NotesUpdated
from collab.notes.state import Burst, NotesLog, UndoStacks


def remember(log: NotesLog, event: Any, stamp: Stamp) -> None:
    """Evolve: what its author can take back from now on."""
    stacks = log.stacks.pop(stamp.by, None) or UndoStacks()
    log.stacks[stamp.by] = stacks  # At the end: the longest idle user is forgotten first.
    if len(log.stacks) > NOTES_UNDO_USERS_MAX:
        del log.stacks[next(iter(log.stacks))]
    if type(event) is NotesUndone:
        taken, other = (stacks.redo, stacks.undo) if event.redo else (stacks.undo, stacks.redo)
        del taken[-1:]
        other.append(Burst([stamp.seq], is_closed=True, until_ms=stamp.at_ms))
        return
    stacks.redo.clear()
    newest = stacks.undo[-1] if stacks.undo else None
    if (
        newest is not None
        and not newest.is_closed
        and type(event) is NotesUpdated
        and stamp.at_ms - newest.until_ms <= NOTES_UNDO_PAUSE_MS
        and len(newest.seqs) < NOTES_UNDO_BURST_MAX
    ):
        newest.seqs.append(stamp.seq)
        newest.until_ms = stamp.at_ms
    else:
        is_closed = type(event) is not NotesUpdated
        stacks.push(Burst([stamp.seq], is_closed=is_closed, until_ms=stamp.at_ms))


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
