"""What undo brings back, when others had a hand in it."""

from __future__ import annotations

import time

import pytest

from collab.errors import Conflict, LimitExceeded
from collab.limits import NOTES_UNDO_PAUSE_MS
from collab.notes.commands import EditNotes, NotesAt, RedoNotes, RestoreNotes, UndoNotes
from tests.collab.notes.pad import Editor, PadStage
from tests.protocol.yjs import building as b


def _shared_text() -> tuple[PadStage, Editor, Editor]:
    """Return a pad that reads ``keep these words``, and two who have it open."""
    pad, ann, ben = PadStage(), Editor(1), Editor(2)
    pad.edit("ann", ann.write(0, "keep these words"))
    ben.take(pad.whole)
    pad.now_ms += NOTES_UNDO_PAUSE_MS + 1
    return pad, ann, ben


async def test_what_two_deleted_at_once_comes_back_to_whose_deletion_was_first() -> None:
    """[N5.15] The first to arrive deleted it, and can take it back; the second deleted nothing."""
    pad, ann, ben = _shared_text()
    mine, theirs = ann.delete(4, 10), ben.delete(4, 10)
    pad.edit("ann", mine)
    pad.edit("ben", theirs)
    assert pad.text() == "keep words"
    with pytest.raises(Conflict):
        await pad.act("ben", UndoNotes())
    await pad.act("ann", UndoNotes())
    assert pad.text() == "keep these words"
    await pad.act("ann", RedoNotes())
    assert pad.text() == "keep words"


async def test_a_deletion_that_a_client_only_repeats_keeps_nobody_from_undoing_it() -> None:
    """[N5.15] Why it cannot be otherwise: whoever syncs anew sends all deletions, others' too."""
    pad, ann, ben = _shared_text()
    deletion = ann.delete(4, 10)
    pad.edit("ann", deletion)
    ben.take(deletion)
    ben.write(0, "Ben: ")
    pad.edit("ben", ben.whole())
    assert pad.text() == "Ben: keep words"
    await pad.act("ann", UndoNotes())
    assert pad.text() == "Ben: keep these words"


async def test_a_child_of_deleted_words_keeps_nobody_from_undoing() -> None:
    """[N5.16] In the document it was collected with them; undo, which keeps them, does without."""
    pad = PadStage()
    pad.edit("ann", b.one(b.text("hi"), client=99))
    pad.edit("eve", b.one(b.text("ab"), client=7))
    pad.edit("eve", b.update(deletes=[b.deletions(7, (0, 2))]))
    pad.restart()  # Nobody knows any more that words were there.
    pad.edit("eve", b.one(b.text("x", parent=(7, 0)), client=7, clock=2))
    pad.edit("eve", b.one(b.text("y", origin=(7, 2)), client=7, clock=3))
    pad.edit("eve", b.one(b.text("z"), client=7, clock=4))
    await pad.act("ann", UndoNotes())
    assert pad.text() == "z"
    await pad.act("ann", RedoNotes())
    assert sorted(pad.text()) == ["h", "i", "z"]
    await pad.act("ann", RestoreNotes(seq=2))
    assert sorted(pad.text()) == ["a", "b", "h", "i"]


async def test_what_would_take_for_ever_as_it_came_is_seen_and_restored_in_a_moment() -> None:
    """[N5.18] Words of two at one place: built anew they take a moment, one by one they do not."""
    pad, count = PadStage(), 3_000
    pad.edit("ann", b.one(b.text("hello"), client=99))
    for client in (10, 20):
        structs = [b.text("a") for _ in range(count)]
        await pad.act("eve", EditNotes(update=b.update(b.section(client, 0, *structs))))
    assert len(pad.text()) == 2 * count + 5
    started = time.process_time()
    seen = await pad.look("ann", NotesAt(seq=pad.seq))
    assert len(seen["text"]["t"]) == 2 * count + 5
    await pad.act("ann", RestoreNotes(seq=1))
    assert pad.text() == "hello"
    await pad.act("ann", UndoNotes())
    assert len(pad.text()) == 2 * count + 5
    with pytest.raises(LimitExceeded):
        await pad.act("eve", UndoNotes())
    assert time.process_time() - started < 10, "some seconds on a busy machine, not minutes"
