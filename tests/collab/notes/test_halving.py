"""Characters cut in two: accepted as Yjs reads them, in the document and in all that is made of it.

What Yjs itself makes of such edits is compared in ``tests/clients/test_equivalence.py``.
"""

from __future__ import annotations

from random import Random

import pycrdt
import pytest

from collab.errors import RateLimited
from collab.limits import NOTES_FITTED_AT_ONCE_BYTES
from collab.notes import EditNotes
from collab.notes.blocks import read_blocks
from collab.notes.commands import (
    GetBranch,
    MergeBranch,
    NotesAt,
    NotesHalved,
    RestoreNotes,
    SyncNotes,
    UndoNotes,
)
from collab.notes.document import SharedDoc, exhaust
from collab.notes.errors import DocumentFault, NotesBranched
from collab.notes.fitting import cuts_of, fitted
from collab.notes.halving import grouped, halve
from protocol.yjs import UpdateRefused, walk
from protocol.yjs.reader import varuint
from tests.collab.notes.pad import PadStage, reader_of
from tests.protocol.yjs import building as b

ANN, BEN, EVE = 1, 2, 3
HALF = "\ufffd"
# From 😀 to 😁 as a comparison unit by unit has it: only the second one differs.
GRIN_TO_BEAM = b.update(
    b.section(ANN, 3, b.text(HALF, origin=(ANN, 1), right=(ANN, 2))),
    deletes=[b.deletions(ANN, (2, 1))],
)


@pytest.fixture
def pad() -> PadStage:
    """Ann wrote ``a😀`` in the root ``t``."""
    pad = PadStage()
    pad.edit("ann", b.update(b.section(ANN, 0, b.text("a😀", parent="t"))))
    return pad


def test_what_cuts_a_character_is_taken_as_yjs_reads_it(pad: PadStage) -> None:
    """[N3.9] Either half reads U+FFFD; the event holds what was sent, and says what it cuts."""
    pad.edit("ann", GRIN_TO_BEAM)
    assert pad.text() == f"a{HALF}{HALF}"
    event = pad.history[-1][1]
    assert type(event) is NotesHalved
    assert (event.update, event.cuts) == (GRIN_TO_BEAM, [(ANN, 2)])
    assert dict(pad.state.notes.doc.clocks) == {ANN: 4}
    pad.edit("ann", b.update(b.section(ANN, 4, b.text("!", origin=(ANN, 3)))))
    whole = pad.whole
    for again in (pad.crash, pad.restart, pad.crash):
        again()
        assert (pad.whole, pad.text()) == (whole, f"a{HALF}{HALF}!")


def test_an_update_may_cut_its_own_characters(pad: PadStage) -> None:
    """[N3.9] Merged updates hold the character whole and what was put into it."""
    merged = b.update(b.section(BEN, 0, b.text("x🙂y", parent="t"), b.text("|", origin=(BEN, 1))))
    pad.edit("ben", merged)
    assert sorted(pad.text()) == sorted(f"a😀x{HALF}|{HALF}y")
    pad.edit("ben", merged)
    assert pad.seq == 2, "sent again, it is known"
    pad.crash()
    assert sorted(pad.text()) == sorted(f"a😀x{HALF}|{HALF}y")


def test_a_character_known_by_half_is_taken_by_half(pad: PadStage) -> None:
    """[N3.9] Halves that were typed one by one are one character where they were typed."""
    pad.edit("ben", b.update(b.section(BEN, 0, b.text(HALF, origin=(ANN, 2)))))
    pad.edit("ben", b.update(b.section(BEN, 0, b.text("🙂z", origin=(ANN, 2)))))
    assert pad.text() == f"a😀{HALF}{HALF}z"


def test_deleted_characters_are_not_cut(pad: PadStage) -> None:
    """[N3.9] Where nothing is left to be read, nothing is replaced."""
    pad.edit("ann", b.update(deletes=[b.deletions(ANN, (1, 2))]))
    pad.edit("ann", b.update(b.section(ANN, 3, b.text("!", origin=(ANN, 1), right=(ANN, 2)))))
    assert pad.text() == "a!"
    pad.crash()
    assert pad.text() == "a!"


async def test_moments_undo_and_restore_reach_across_a_cut(pad: PadStage) -> None:
    """[N3.10] Before it the character is whole; what is made of the past is read as it was."""
    pad.edit("ann", GRIN_TO_BEAM)
    pad.now_ms += 10_000
    pad.edit("ann", b.update(b.section(ANN, 4, b.text(" words", origin=(ANN, 3)))))

    async def at(seq: int) -> str:
        shown = await pad.look("ann", NotesAt(seq=seq))
        text: str = shown["text"]["t"]
        return text

    assert [await at(seq) for seq in (1, 2, 3)] == [
        "a😀",
        f"a{HALF}{HALF}",
        f"a{HALF}{HALF} words",
    ]
    await pad.act("ann", UndoNotes())
    assert pad.text() == f"a{HALF}{HALF}"
    await pad.act("ann", UndoNotes())
    assert pad.text() == f"a{HALF}{HALF}", "what was cut stays cut; what was put in is gone"
    await pad.act("ben", RestoreNotes(seq=1))
    assert pad.text() == "a😀"
    pad.crash()
    assert pad.text() == "a😀"


async def test_a_branch_that_cuts_characters_can_be_merged(pad: PadStage) -> None:
    """[N3.10] Unknown history is kept as it was sent, and read as Yjs would."""
    forged = b.section(ANN, 3, b.text("|", origin=(ANN, 1), right=(ANN, 2)))
    with pytest.raises(NotesBranched) as kept:
        pad.edit("ben", b.update(b.section(BEN, 0, b.text("x", parent="t")), forged))
    branch = await pad.look("ben", GetBranch(id=kept.value.branch_id))
    assert f"a{HALF}|{HALF}" in branch["text"]["t"]
    assert branch["now"]["t"] == "a😀"
    await pad.act("ben", MergeBranch(id=branch["id"]))
    assert f"a{HALF}|{HALF}" in pad.text()


async def test_a_branch_that_holds_whole_what_was_cut_can_be_merged(pad: PadStage) -> None:
    """[N3.10] Whoever kept it did not see the cut: of what is here too, what is here counts."""
    pad.edit("ann", GRIN_TO_BEAM)
    everything = b.section(
        ANN, 0, b.text("a😀", parent="t"), b.text(HALF + "more", origin=(ANN, 0))
    )
    with pytest.raises(NotesBranched) as kept:
        pad.edit("ben", b.update(b.section(BEN, 0, b.text("x", parent="t")), everything))
    branch = await pad.look("ben", GetBranch(id=kept.value.branch_id))
    for text in (branch["text"]["t"], await _merged(pad, branch["id"])):
        assert text.replace("x", "") == f"a{HALF}{HALF}more", text


async def _merged(pad: PadStage, branch_id: int) -> str:
    await pad.act("ben", MergeBranch(id=branch_id))
    return pad.text()


async def test_a_long_document_is_cut_in_slices(pad: PadStage) -> None:
    """[N3.11] Before it is decided; if the document has changed since, the sender tries again."""
    pad.edit("ben", b.update(b.section(BEN, 0, b.text("w" * NOTES_FITTED_AT_ONCE_BYTES))))
    with pytest.raises(RateLimited):
        pad.edit("ann", GRIN_TO_BEAM)
    command = EditNotes(update=GRIN_TO_BEAM)
    study = pad.kind.study(pad.state, command, pad.caller("ann"), "pad:k", pad.rows)
    assert study is not None
    await study()
    pad.edit("ben", b.update(b.section(BEN, NOTES_FITTED_AT_ONCE_BYTES, b.text("z"))))
    with pytest.raises(RateLimited):
        pad.do("ann", command)
    await pad.act("ann", EditNotes(update=GRIN_TO_BEAM))
    assert pad.text().startswith(f"a{HALF}{HALF}")


async def test_what_repeats_a_cut_character_whole_is_taken_for_its_rest(pad: PadStage) -> None:
    """[N3.12] Whoever did not see the cut sends all they have: the character too, uncut, and much.

    Put together on bytes, one of them with two clocks and one with a cut between them, the document
    would have a clock more than it says. (Found by the fuzz: seed 7, round 42.)
    """
    await pad.act("ann", EditNotes(update=GRIN_TO_BEAM))
    cut, typed = pad.whole, [b.text("b", right=(9, n)) for n in range(1_000)]
    everything = b.update(
        b.section(9, 0, b.text("b", parent="t"), *typed),
        b.section(ANN, 0, b.text("a😀", parent="t")),
    )
    replayed = SharedDoc(cut)
    replayed.take_in(everything)
    await pad.act("ben", EditNotes(update=everything))
    assert pad.text().replace("b", "") == f"a{HALF}{HALF}"
    clocks = {client: end for client, (_start, end) in walk(pad.whole).clocks.items()}
    assert clocks == replayed.clocks == pad.state.notes.doc.clocks == {ANN: 4, 9: 1_001}
    assert reader_of(replayed.whole()).get_state() == pad.state.notes.doc.state_vector()
    assert pad.history[-1][1].update == pycrdt.get_update(everything, reader_of(cut).get_state())


def test_bytes_are_halved_where_they_say_and_nowhere_else() -> None:
    """[N3.9] Every other struct, and the deletions, stay to the byte."""
    rng = Random(7)
    for _ in range(200):
        words = ["".join(rng.choices("ab😀é🙂한", k=rng.randint(1, 9))) for _ in range(4)]
        structs, clock, halves = [], 0, []
        for word in words:
            structs.append(b.text(word, parent="t"))
            for character in word:
                if ord(character) > 0xFFFF:
                    halves.append(clock + 1)
                clock += len(character.encode("utf-16-le")) // 2
        update = b.update(
            b.section(9, 0, *structs, b.embed('"😀"'), b.deleted(3)), b.section(8, 5, b.text("😀"))
        )
        chosen = [half for half in halves if rng.random() < 0.5]
        done = halve(update, grouped([(9, half) for half in chosen] + [(9, 10_000), (3, 1)]))
        text = "".join(words).encode("utf-16-le")
        for half in chosen:
            text = text[: 2 * half - 2] + (HALF * 2).encode("utf-16-le") + text[2 * half + 2 :]
        read = "".join(block.text for block in read_blocks(done) if block.client == 9)
        assert read == text.decode("utf-16-le")
        assert walk(done).clocks == walk(update).clocks
        assert halve(done, grouped([(9, half) for half in chosen])) == done
        assert (len(done) == len(update)) == (not chosen)


def test_lengths_written_with_more_bytes_than_they_need_are_halved_too(pad: PadStage) -> None:
    """[N3.9] A length of 4 may be sent as 84 00; found by the fuzz: no replay could read it."""
    long_length = bytes((1, 1, EVE, 0, 0x84, ANN, 0, 0x84, 0x00)) + "😀".encode() + b"\0"
    pad.edit("eve", long_length)
    pad.edit("eve", b.update(b.section(EVE, 2, b.text("-", origin=(EVE, 0), right=(EVE, 1)))))
    assert pad.text() == f"a😀{HALF}-{HALF}"
    pad.crash()
    assert pad.text() == f"a😀{HALF}-{HALF}"


def test_of_what_is_known_only_the_rest_counts_also_beside_a_cut(pad: PadStage) -> None:
    """[N3.12] Eve's five characters begin with a known one, and claim another root than that."""
    pad.edit("eve", b.update(b.section(EVE, 0, b.text("x", parent="u"))))
    cutting = b.text("!", origin=(ANN, 1), right=(ANN, 2))
    pad.edit("eve", b.update(b.section(EVE, 0, b.text("xello", parent="t"), cutting)))
    event = pad.history[-1][1]
    assert (type(event), event.cuts) == (NotesHalved, [(ANN, 2)])
    assert walk(event.update).clocks == {EVE: (1, 6)}
    for again in (pad.restart, pad.crash, pad.restart):
        assert dict(pad.state.notes.doc.clocks) == {ANN: 3, EVE: 6}
        reader = reader_of(pad.whole)
        assert [len(reader.get(root, type=pycrdt.Array)) for root in ("t", "u")] == [4, 5]
        again()


def test_what_changes_nothing_cuts_nothing(pad: PadStage) -> None:
    """[N3.9] Of what no event tells, a replay knows nothing: the document stays as it is."""
    gone = b.update(deletes=[b.deletions(ANN, (1, 2))])
    pad.edit("ann", gone)
    doc, seq = pad.state.notes.doc, pad.seq
    half_of_it = b.update(deletes=[b.deletions(ANN, (2, 1))])
    assert cuts_of(doc, walk(half_of_it)) == [(ANN, 2)], "the index remembers what was there"
    live = doc.whole()
    pad.edit("ben", half_of_it)
    assert pad.seq == seq
    assert doc.whole() is live


def test_whoever_has_one_half_is_told_the_other(pad: PadStage) -> None:
    """[N3.18] As Yjs writes it; the document keeps the character whole."""
    for cold in (False, True):
        if cold:
            pad.restart()
        told = pad.state.notes.doc.since(varuint(1) + varuint(ANN) + varuint(2))
        assert walk(told).clocks == {ANN: (2, 3)}
        assert [block.text for block in read_blocks(told)] == [HALF]
        assert pad.text() == "a😀"


async def test_a_document_to_be_caught_up_with_is_opened_in_slices(pad: PadStage) -> None:
    """[N1.7] Also for who only asks."""
    pad.crash()
    await pad.get_ready("ben", SyncNotes(state_vector=varuint(1) + varuint(ANN) + varuint(1)))
    assert pad.state.notes.doc.is_ready
    pad.crash()
    await pad.get_ready("ben", SyncNotes())
    assert not pad.state.notes.doc.is_ready


def test_what_the_library_writes_down_wrong_is_no_senders_fault() -> None:
    """[N3.19] It is dropped and replayed: it must not live on and refuse everybody.

    A cut that no event names is what the library miscounts. Of what it then writes down the clocks
    alone are looked at before it is saved: that is quick.
    """
    for words, may_be_saved in (("a😀", False), ("a😀b", True)):
        whole = b.update(b.section(ANN, 0, b.text(words, parent="t")))
        document = SharedDoc(whole)
        document.take_in(b.update(deletes=[b.deletions(ANN, (2, 1))]))
        with pytest.raises(DocumentFault, match="own bytes"):
            exhaust(document.open_steps())
        if not may_be_saved:
            with pytest.raises(DocumentFault, match="clocks"):
                document.settle()
        assert document.saved == whole


def test_own_bytes_that_cannot_be_read_are_a_fault() -> None:
    """[N3.19] Whatever reads them, on whosever behalf."""
    broken = b.update(b.section(ANN, 0, b.text("a😀", parent="t"), b.text("", origin=(ANN, 0))))
    update = b.update(b.section(BEN, 0, b.text("🙂", parent="t")))
    with pytest.raises(DocumentFault, match="zero_length"):
        fitted(broken, update)
    with pytest.raises(UpdateRefused, match="zero_length"):
        fitted(update, broken)
