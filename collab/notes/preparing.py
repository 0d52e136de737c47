"""What is done before a command on the document is decided, without holding others up.

* A large update is read in slices of about 2 ms; so is a document that nobody opened yet.
* An undo, a restore, the merge of a branch need what is on disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, TypeVar

import trio

from collab.kind import Reader
from collab.limits import NOTES_STUDIED_BYTES
from collab.notes.commands import EditNotes
from collab.notes.state import HasNotes, NotesLog
from protocol.yjs import UpdateRefused, walk_steps

T = TypeVar("T")


def study(
    state: HasNotes, command: Any, _target: str, _reader: Reader
) -> Callable[[], Awaitable[None]] | None:
    """Return what must be found out before *command* is decided, if anything."""
    log = state.notes
    if type(command) is EditNotes:
        if len(command.update) <= NOTES_STUDIED_BYTES and log.doc.is_ready:
            return None
        return partial(_read_update, log, command)
    return None


async def _read_update(log: NotesLog, command: EditNotes) -> None:
    """Read the update, and open the document, in slices. Cancelled: nothing happened."""
    if not log.doc.is_ready:
        await _in_turns(log.doc.open_steps())
    try:
        command.study.report = await _in_turns(walk_steps(command.update))
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
