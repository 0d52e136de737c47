"""What the server writes for a user: undo, redo, restore, merge, import."""

from __future__ import annotations

import random

import pycrdt
import pytest

from collab.errors import Conflict, NotFound, RateLimited
from collab.limits import NOTES_DRAFT_TRIES_MAX, NOTES_STATE_EVERY, NOTES_UNDO_PAUSE_MS
from collab.notes.commands import (
    GetBranch,
    ImportNotes,
    MergeBranch,
    NotesAt,
    RedoNotes,
    RestoreNotes,
    UndoNotes,
)
from collab.notes.errors import NotesBranched
from tests.collab.notes.pad import Editor, PadStage, reader_of


@pytest.fixture
def pad() -> PadStage:
    return PadStage()


def _pause(pad: PadStage) -> None:
    pad.now_ms += NOTES_UNDO_PAUSE_MS + 1


async def test_undo_takes_back_ones_own_edits_and_nobody_elses(pad: PadStage) -> None:
    """[N5.5] What others wrote since, also in between, stays."""
    ann, ben = Editor(1), Editor(2)
    pad.edit("ann", ann.write(0, "hello"))
    _pause(pad)
    pad.edit("ann", ann.write(5, " world"))
    ben.take(pad.whole)
    pad.edit("ben", ben.write(8, "BEN"))
    _pause(pad)
    await pad.act("ann", UndoNotes())
    assert pad.text() == "helloBEN"
    await pad.act("ann", UndoNotes())
    assert pad.text() == "BEN"
    with pytest.raises(Conflict):
        await pad.act("ann", UndoNotes())
    await pad.act("ben", UndoNotes())
    assert pad.text() == ""


async def test_undo_brings_back_what_one_deleted_and_redo_takes_it_away_again(
    pad: PadStage,
) -> None:
    """[N5.5] Redo is an undo of the undo; an edit in between ends it."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "héllo wörld"))
    _pause(pad)
    pad.edit("ann", ann.delete(0, 6))
    assert pad.text() == " wörld"
    await pad.act("ann", UndoNotes())
    assert pad.text() == "héllo wörld"
    await pad.act("ann", RedoNotes())
    assert pad.text() == " wörld"
    await pad.act("ann", UndoNotes())
    _pause(pad)
    ann.take(pad.whole)
    pad.edit("ann", ann.write(0, "!"))
    with pytest.raises(Conflict):
        await pad.act("ann", RedoNotes())
    assert pad.text() == "!héllo wörld"


async def test_quick_edits_are_taken_back_together_also_after_a_restart(pad: PadStage) -> None:
    """[N5.6] A burst is one step; undo needs no memory that a restart loses."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "first "))
    _pause(pad)
    for n, letter in enumerate("second"):
        pad.edit("ann", ann.write(6 + n, letter))
    pad.restart()
    await pad.act("ann", UndoNotes())
    assert pad.text() == "first "
    pad.crash()
    await pad.act("ann", RedoNotes())
    assert pad.text() == "first second"


async def test_two_undos_of_one_moment_do_not_take_back_the_same_edit(pad: PadStage) -> None:
    """[N5.7] The second was written against a document that is no more: it is written again."""
    ann = Editor(1)
    for word in ("one ", "two "):
        pad.edit("ann", ann.write(0, word))
        _pause(pad)
    first, second = UndoNotes(), UndoNotes()
    drafts = []
    for command in (first, second):
        pad.do("ann", command)
        assert pad.draft is not None
        drafts.append(pad.draft)
    for draft in drafts:
        await draft(pad.rows)
    assert pad.do("ann", first) == {"seqs": [2]}
    assert pad.text() == "one "
    assert await pad.act("ann", second) == {"seqs": [1]}
    assert pad.text() == ""


async def test_a_draft_that_is_outrun_again_and_again_is_written_in_the_actors_turn(
    pad: PadStage,
) -> None:
    """[N5.7] So many tries beside the actor; of one batch only the first fits even then."""
    ann = Editor(1)
    for n in range(NOTES_DRAFT_TRIES_MAX + 3):
        pad.edit("ann", ann.write(0, str(n % 10)))
        _pause(pad)
    slow = UndoNotes()
    for _ in range(NOTES_DRAFT_TRIES_MAX):
        pad.do("ann", slow)
        assert pad.draft is not None
        slow_draft = pad.draft
        await pad.act("ann", UndoNotes())
        await slow_draft(pad.rows)
    await pad.get_ready("ann", slow)
    assert slow.study.draft is not None, "written in the turn"
    await pad.act("ann", UndoNotes())
    with pytest.raises(RateLimited) as refused:
        pad.do("ann", slow)
    assert refused.value.retryable
    assert pad.text() == "10"


@pytest.mark.parametrize("what", ["restore", "import"])
async def test_what_is_written_meanwhile_stays(pad: PadStage, what: str) -> None:
    """[N5.17] A draft takes away what its sender saw; edits of that moment merge with it."""
    ann, ben = Editor(1), Editor(2)
    pad.edit("ann", ann.write(0, "one\ntwo\n"))
    seq = pad.seq
    pad.edit("ann", ann.write(4, "new "))
    ben.take(pad.whole)
    command = RestoreNotes(seq=seq) if what == "restore" else ImportNotes(markdown="2\n", root="t")
    pad.do("ann", command)
    draft = pad.draft
    assert draft is not None
    pad.edit("ben", ben.write(0, "Ben\n"))
    await draft(pad.rows)
    pad.edit("ben", ben.write(4, "too\n"))
    pad.do("ann", command)
    assert pad.draft is None, "however busy the document, the first draft fits"
    assert pad.text() == ("Ben\ntoo\none\ntwo\n" if what == "restore" else "Ben\ntoo\n2\n")


async def test_any_moment_can_be_seen_and_restored_as_a_new_edit(pad: PadStage) -> None:
    """[N5.3] The document at every seq; restoring goes forward and can itself be undone."""
    ann, texts = Editor(1), [""]
    for n in range(12):
        pad.edit("ann", ann.write(0, f"é{n}\n") if n % 3 else ann.write(0, "🙂"))
        texts.append(pad.text())
    for seq, text in enumerate(texts):
        seen = await pad.look("ben", NotesAt(seq=seq))
        assert seen["text"].get("t", "") == text
    with pytest.raises(NotFound):
        await pad.look("ben", NotesAt(seq=99))
    await pad.act("ben", RestoreNotes(seq=4))
    assert pad.text() == texts[4]
    assert pad.seq == 13
    await pad.act("ben", UndoNotes())
    assert pad.text() == texts[12]
    pad.crash()
    assert pad.text() == texts[12]


async def test_a_stored_state_and_the_updates_after_it_show_the_same_moment() -> None:
    """[N5.4] Every so many edits a state is stored; before, at and after it history is whole."""
    pad, ann = PadStage(), Editor(1)
    texts = [""]
    for n in range(NOTES_STATE_EVERY + 5):
        pad.edit("ann", ann.write(n, str(n % 10)))
        texts.append(texts[-1] + str(n % 10))
    assert list(pad.rows.listings["notes_at"]) == [NOTES_STATE_EVERY]
    for seq in (1, NOTES_STATE_EVERY - 1, NOTES_STATE_EVERY, NOTES_STATE_EVERY + 3):
        seen = await pad.look("ann", NotesAt(seq=seq))
        assert seen["text"]["t"] == texts[seq]


async def test_rich_text_is_restored_and_taken_back_with_its_formatting(pad: PadStage) -> None:
    """[N5.8] XML elements, attributes and marks as well as plain text."""
    ann = Editor(1)
    root: pycrdt.XmlFragment = ann.doc.get("x", type=pycrdt.XmlFragment)
    paragraph = pycrdt.XmlElement("p", {"align": "left"}, [pycrdt.XmlText("one")])
    with ann.doc.transaction():
        root.children.append(paragraph)
    pad.edit("ann", ann.sent.pop())
    before = str(root)
    _pause(pad)
    with ann.doc.transaction():
        text = paragraph.children[0]
        assert isinstance(text, pycrdt.XmlText)
        text.format(0, 2, {"bold": {}})
        paragraph.attributes["align"] = "right"
        root.children.append(pycrdt.XmlElement("h1", {}, [pycrdt.XmlText("two")]))
    pad.edit("ann", ann.sent.pop())
    after = str(root)
    assert before != after

    def shown() -> str:
        return str(reader_of(pad.whole).get("x", type=pycrdt.XmlFragment))

    await pad.act("ann", UndoNotes())
    assert shown() == before
    await pad.act("ann", RedoNotes())
    assert shown() == after
    await pad.act("ben", RestoreNotes(seq=1))
    assert shown() == before
    await pad.act("ben", UndoNotes())
    assert shown() == after


async def test_a_branch_is_shown_and_merged_as_an_edit_of_whoever_merges(pad: PadStage) -> None:
    """[N4.3] What a lost history would bring is seen before it is merged; then it is gone."""
    ann, ben = Editor(1), Editor(2)
    pad.edit("ann", ann.write(0, "shared"))
    ben.take(pad.whole)
    pad.edit("ben", ben.write(6, " text"))
    ann.take(pad.whole)
    lost = Editor(2)  # Ben typed on, and the server forgot it; Ann still has it.
    lost.take(pad.whole)
    ann.take(lost.write(0, "lost "))
    with pytest.raises(NotesBranched) as refused:
        pad.edit("ann", ann.whole())
    branch_id = refused.value.branch_id
    shown = await pad.look("eve", GetBranch(id=branch_id))
    assert (shown["by"], shown["now"]["t"], shown["text"]["t"]) == (
        "ann",
        "shared text",
        "lost shared text",
    )
    await pad.act("eve", MergeBranch(id=branch_id))
    assert pad.text() == "lost shared text"
    assert not pad.state.notes.branches
    assert pad.rows.listings["notes_branches"] == {}
    with pytest.raises(NotFound):
        await pad.act("eve", MergeBranch(id=branch_id))
    fresh = Editor(3)
    fresh.take(pad.whole)
    pad.edit("ann", fresh.write(0, "on "))
    assert pad.text() == "on lost shared text"


async def test_markdown_is_imported_as_one_edit(pad: PadStage) -> None:
    """[N5.11] An import is an event like any other, and can be taken back."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "old"))
    _pause(pad)
    done = await pad.act("ben", ImportNotes(markdown="# New\n", root="t"))
    assert done == {"root": "t"}
    assert pad.text() == "# New\n"
    await pad.act("ben", UndoNotes())
    assert pad.text() == "old"


async def test_random_histories_can_be_undone_to_the_letter(pad: PadStage) -> None:
    """[N5.5] Whoever undoes all of their own edits leaves what the others wrote."""
    rng = random.Random(7)
    ann, ben = Editor(1), Editor(2)
    for step in range(60):
        who, editor = rng.choice((("ann", ann), ("ben", ben)))
        editor.take(pad.whole)
        text = str(editor.text)
        if text and rng.random() < 0.2:
            at = rng.randrange(len(text))
            pad.edit(who, editor.delete(at, at + 1))
        else:
            letter = "a" if who == "ann" else "b"
            pad.edit(who, editor.write(rng.randint(0, len(text)), letter))
        if step % 4 == 0:
            _pause(pad)
    while True:
        try:
            await pad.act("ann", UndoNotes())
        except Conflict:
            break
    assert "a" not in pad.text()
