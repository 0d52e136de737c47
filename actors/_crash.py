"""How an activation ends before its time, and what senders and the log learn of a failure."""

from __future__ import annotations

import logging

from attrs import define, field

from actors._errors import ActorStopped, JournalBroken, JournalConflict, OutcomeUnknown
from actors._guard import raise_unless_crash
from actors._mailbox import Letter

_log = logging.getLogger(__name__)


@define(eq=False)
class Crash(Exception):
    """The activation cannot go on: its state is not what the journal says, or nobody can tell."""

    cause: BaseException
    while_: str
    redo: list[Letter] = field(factory=list)  # To be decided again by the next activation.
    is_counted: bool = True  # Against the restart intensity.
    is_solo: bool = False  # Nobody knows which letter is to blame: redo one at a time.


def append_error(actor_id: str, error: BaseException) -> Exception:
    """Return what the sender of a message learns when storing its batch ended in *error*."""
    if isinstance(error, JournalConflict):
        return ActorStopped(actor_id)  # Surely not stored.
    if isinstance(error, JournalBroken):
        return JournalBroken(error.detail)
    return OutcomeUnknown(actor_id, error)


def log_crash(error: BaseException, what: str) -> None:
    """Log *error* of a callback whose failure stops nothing, or raise it if it is none."""
    raise_unless_crash(error)
    _log.error(what, exc_info=error)
