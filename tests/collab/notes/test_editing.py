"""Editing one document: what is let in, whose it is, what is refused, what it costs."""

from __future__ import annotations

import logging
from typing import Any

import pycrdt
import pytest

from collab.limits import (
    NOTES_BRANCHES_PER_USER_MAX,
    NOTES_BYTES_MAX,
    NOTES_CLIENTS_PER_USER_MAX,
    NOTES_ROOTS_MAX,
)
from collab.notes import EditNotes
from collab.notes.commands import BranchOpened, DiscardBranch, ListBranches, SyncNotes
from collab.notes.document import EMPTY, no_panic
from collab.notes.errors import (
    DocumentFault,
    NotesBranched,
    NotesForeignClient,
    NotesMalformed,
    NotesMissingHistory,
    NotesTooLarge,
)
from collab.notes.state import NotesLog
from protocol.structure import pack
from protocol.yjs.reader import varuint
from tests.collab.notes.pad import Editor, Pad, PadStage, reader_of
from tests.protocol.yjs import building as b


@pytest.fixture
def pad() -> PadStage:
    return PadStage()


def test_an_edit_is_journaled_as_it_was_sent(pad: PadStage) -> None:
    """[N2.1] The event holds the sender's bytes; a replay of the events is the document."""
    ann = Editor(1)
    updates = [ann.write(0, "hello"), ann.write(5, " 🙂"), ann.delete(0, 1)]
    for update in updates:
        assert pad.edit("ann", update) == {}
    assert [event.update for _stamp, event in pad.history] == updates
    whole = pad.whole
    pad.crash()
    assert (pad.whole, pad.text()) == (whole, "ello 🙂")
    pad.restart()
    assert (pad.whole, pad.text()) == (whole, "ello 🙂")


def test_what_is_known_already_makes_no_event(pad: PadStage) -> None:
    """[N2.2] Sent again, in part or in whole, also deletions: nothing happens."""
    ann = Editor(1)
    first, second, deletion = ann.write(0, "ab"), ann.write(2, "cd"), ann.delete(1, 3)
    for update in (first, second, deletion):
        pad.edit("ann", update)
    for update in (first, second, deletion, ann.whole(), EMPTY):
        pad.edit("ann", update)
    assert pad.seq == 3


def test_a_struct_that_is_known_in_part_cannot_move_its_rest(pad: PadStage) -> None:
    """[N3.12] Five characters that begin with a known one, and claim another root than that.

    The library links the rest behind the known one and counts it in the claimed root: who was there
    sees other lengths than who comes later.
    """
    pad.edit("eve", b.one(b.text("x", parent="u")))
    pad.edit("ann", b.one(b.text("a"), client=2))
    pad.edit("eve", b.one(b.text("xello")))
    updates = [event.update for _stamp, event in pad.history]
    for reader in (reader_of(pad.whole), _reader_of_all(updates)):
        lengths = [len(reader.get(root, type=pycrdt.Array)) for root in ("t", "u")]
        assert lengths == [1, 5]


def _reader_of_all(updates: list[bytes]) -> pycrdt.Doc[Any]:
    reader = reader_of(EMPTY)
    for update in updates:
        reader.apply_update(update)
    return reader


def test_an_untouched_document_costs_nothing(pad: PadStage) -> None:
    """[N1.2] No document is built for whoever never writes; a snapshot holds a few bytes."""
    assert pad.snapshot("ann", "notes") == {"update": EMPTY, "state_vector": b"\x00"}
    pad.kind.settle(pad.state)
    assert pad.state == Pad("k")
    assert len(pack(NotesLog())) < 200


async def test_a_client_catches_up_by_state_vector(pad: PadStage) -> None:
    """[N1.3] What it lacks and nothing else; and it learns what it could send."""
    ann, ben = Editor(1), Editor(2)
    pad.edit("ann", ann.write(0, "one "))
    ben.take((await pad.look("ben", SyncNotes()))["update"])
    vector = ben.doc.get_state()
    pad.edit("ann", ann.write(4, "two"))
    lacking = await pad.look("ben", SyncNotes(state_vector=vector))
    assert len(lacking["update"]) < len(pad.whole)
    ben.take(lacking["update"])
    assert str(ben.text) == "one two"
    offline = ben.write(0, "zero ")
    pad.edit("ben", ben.doc.get_update(lacking["state_vector"]))
    assert pad.text() == "zero one two"
    pad.edit("ben", offline)


def test_several_roots_live_in_one_document(pad: PadStage) -> None:
    """[N1.4] Text, map, array and XML side by side; their kind is what the first use says."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "x"))
    ann.doc.get("m", type=pycrdt.Map)["k"] = 1
    pad.edit("ann", ann.sent.pop())
    ann.doc.get("a", type=pycrdt.Array).append(1)
    pad.edit("ann", ann.sent.pop())
    xml: pycrdt.XmlFragment = ann.doc.get("x", type=pycrdt.XmlFragment)
    xml.children.append(pycrdt.XmlElement("p"))
    pad.edit("ann", ann.sent.pop())
    kinds = {"t": "text", "m": "map", "a": "array", "x": "xml"}
    assert pad.state.notes.roots == kinds
    pad.crash()
    assert pad.state.notes.roots == kinds


# ---------------------------------------------------------------- refused


def _refuses(pad: PadStage, who: str, update: bytes, error: type[Exception]) -> None:
    """Check that *update* is refused, leaves the document unharmed and an entry in the audit."""
    before, seq = pad.whole, pad.seq
    with pytest.raises(error):
        pad.edit(who, update)
    assert pad.whole == before
    assert pad.seq - seq in (0, 2), "nothing, or a branch"
    pad.crash()
    assert pad.whole == before


HOSTILE = {
    "garbage": b"\xff\xfe\xfd",
    "truncated": bytes.fromhex("0101010004010174"),
    "a clock beyond 2^31": bytes.fromhex("01020700c101010102ffffffff0f44010202414100"),
    "a giant collected block": bytes.fromhex("01010200") + b"\x00" + varuint(2**31) + b"\x00",
    "a subdocument": bytes.fromhex("0101630009010173") + b"\x01a" + b"\x76\x00" + b"\x00",
    "nested values": b"\x01\x01\x63\x00\x08\x01\x01a\x01" + b"\x75\x01" * 26_400 + b"\x7e\x00",
    "a deletion of everything": b"\x00\x01\x01\x01\x00" + varuint(2**31),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_refused_and_the_document_is_unharmed(
    pad: PadStage, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """[N3.1] A typed error and an audit entry; the document equals the replay of its journal."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "hello"))
    with caplog.at_level(logging.WARNING, "collab.audit"):
        _refuses(pad, "eve", HOSTILE[name], (NotesMalformed, NotesMissingHistory))  # type: ignore[arg-type]
    (entry,) = caplog.records
    assert entry.levelno == logging.WARNING
    fields = vars(entry)
    assert (fields["user"], fields["target"]) == ("eve", "pad:k")
    assert fields["code"] in ("notes_malformed", "notes_missing_history")
    assert fields["size"] == len(HOSTILE[name])
    pad.edit("ann", ann.write(5, " world"))
    assert pad.text() == "hello world"


def test_what_builds_on_the_unknown_is_refused_until_everything_is_sent(pad: PadStage) -> None:
    """[N3.2] Nothing is ever held back: an update applies at once and whole, or not at all."""
    ann = Editor(1)
    first, second = ann.write(0, "one"), ann.write(3, " two")
    deletion = ann.delete(0, 1)
    for update in (second, deletion):
        _refuses(pad, "ann", update, NotesMissingHistory)
    pad.edit("ann", ann.whole())
    assert pad.text() == "ne two"
    for update in (first, second, deletion):
        pad.edit("ann", update)
    assert pad.seq == 1


def test_a_client_id_belongs_to_who_used_it_first(pad: PadStage) -> None:
    """[N3.3] Forged under another's id: refused, kept aside, and the victim writes on."""
    ann, forger = Editor(1), Editor(1)
    pad.edit("ann", ann.write(0, "hello"))
    forger.take(pad.whole)
    _refuses(pad, "eve", forger.write(0, "EVIL"), NotesForeignClient)
    pad.edit("ann", ann.write(0, "oh "))
    assert pad.text() == "oh hello"
    assert pad.state.notes.clients == {1: "ann"}


def test_shared_types_nested_by_many_updates_are_refused(pad: PadStage) -> None:
    """[N3.4] Depth is counted over the document's life, whatever one update shows."""
    ann = Editor(1)
    root: pycrdt.Map[object] = ann.doc.get("m", type=pycrdt.Map)
    inner = root
    refused = False
    for _ in range(100):
        deeper: pycrdt.Map[object] = pycrdt.Map({})
        inner["k"] = deeper
        inner = deeper
        try:
            pad.edit("ann", ann.sent.pop())
        except NotesMalformed:
            refused = True
            break
    assert refused
    before = pad.whole
    pad.restart()
    _refuses(pad, "ann", ann.doc.get_update(reader_of(before).get_state()), NotesMalformed)


def test_a_document_has_bounds(pad: PadStage) -> None:
    """[N3.5] Bytes, roots and client ids are bounded; a refusal names its bound."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "x" * 700_000))
    for _ in range(NOTES_BYTES_MAX // 700_000 - 1):
        pad.edit("ann", ann.write(0, "x" * 700_000))
    with pytest.raises(NotesTooLarge, match="bytes"):
        pad.edit("ann", ann.write(0, "x" * 700_000))
    pad.crash()


def test_a_document_has_so_many_roots(pad: PadStage) -> None:
    """[N3.5] Names that an editor chose are no way to fill memory."""
    ann = Editor(1)
    for n in range(NOTES_ROOTS_MAX):
        ann.doc.get(f"r{n}", type=pycrdt.Text).insert(0, "x")
        pad.edit("ann", ann.sent.pop())
    with pytest.raises(NotesTooLarge, match="roots"):
        pad.edit("ann", ann.write(0, "x"))


def test_a_user_has_so_many_client_ids(pad: PadStage) -> None:
    """[N3.5] Nobody uses up the ids of everybody."""
    many = range(10, NOTES_CLIENTS_PER_USER_MAX + 10)
    pad.state.notes.clients.update(dict.fromkeys(many, "ann"))
    with pytest.raises(NotesTooLarge, match="client ids"):
        pad.edit("ann", Editor(5).write(0, "x"))
    pad.edit("ben", Editor(6).write(0, "x"))


def test_deleting_makes_room_again() -> None:
    """[N3.5] The bound is on what the document holds, not on what was ever typed."""
    pad, ann = PadStage(), Editor(1)
    for _ in range(10):
        pad.edit("ann", ann.write(0, "x" * 900_000))
        pad.edit("ann", ann.delete(0, 900_000))
    assert len(pad.whole) < 1_000


def test_a_panic_of_the_library_is_an_ordinary_crash_of_one_document() -> None:
    """[N3.6] Only a panic and plain errors are turned; what belongs to the program passes."""

    class PanicException(BaseException):
        """Named as the library's own, which cannot be made from here."""

    with pytest.raises(DocumentFault, match="panic"), no_panic():
        raise PanicException("index out of bounds")
    with pytest.raises(DocumentFault), no_panic():
        pycrdt.Doc().apply_update(b"\xff")
    with pytest.raises(KeyboardInterrupt), no_panic():
        raise KeyboardInterrupt


# ---------------------------------------------------------------- unknown history


async def test_unknown_history_is_neither_merged_nor_lost(pad: PadStage) -> None:
    """[N4.1] It becomes a branch with author and time; sent again it is the same branch."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "The agenda of Monday's meeting"))
    others = Editor(5)
    others.write(0, "The agenda of Monday")
    more = Editor(6)
    more.take(others.whole())
    more.write(20, "'s meeting")
    pad.now_ms += 5
    for _ in range(2):
        with pytest.raises(NotesBranched) as refused:
            pad.edit("ben", more.whole())
    assert pad.text() == "The agenda of Monday's meeting"
    (branch,) = (await pad.look("ann", ListBranches()))["branches"]
    assert branch == {
        "id": refused.value.branch_id,
        "by": "ben",
        "at_ms": pad.now_ms,
        "size": len(more.whole()),
    }
    assert [type(event) for _stamp, event in pad.history].count(BranchOpened) == 1
    pad.do("ann", DiscardBranch(id=branch["id"]))
    assert (await pad.look("ann", ListBranches()))["branches"] == []


def deep_stranger(depth: int) -> bytes:
    """Return two unknown authors' update: arrays *depth* deep, the outermost deleted."""
    arrays = varuint(depth) + varuint(77) + b"\x00" + b"\x07\x01\x01d\x00"
    arrays += b"".join(b"\x07\x00" + varuint(77) + varuint(n) + b"\x00" for n in range(depth - 1))
    other = b"\x01" + varuint(78) + b"\x00" + b"\x04\x01\x01z\x10The same words.."
    return b"\x02" + other + arrays + b"\x01" + varuint(77) + b"\x01\x00\x01"


def test_what_no_document_could_bear_is_not_kept_aside_either(pad: PadStage) -> None:
    """[N4.6] Nested too deeply for the library's stack: refused, not kept as a branch."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "The same words.."))
    with pytest.raises(NotesMalformed):
        pad.edit("ben", deep_stranger(200))
    with pytest.raises(NotesBranched):
        pad.edit("ben", deep_stranger(20))
    assert [type(event) for _stamp, event in pad.history].count(BranchOpened) == 1


def test_offline_edits_of_several_sessions_are_merged(pad: PadStage) -> None:
    """[N4.2] New ids that build on what the document knows are the sender's own work."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "shared"))
    first = Editor(2)
    first.take(pad.whole)
    first.write(6, " one")
    second = Editor(3)
    second.take(first.whole())
    second.write(10, " two")
    pad.edit("ben", second.whole())
    assert pad.text() == "shared one two"
    assert pad.state.notes.clients == {1: "ann", 2: "ben", 3: "ben"}


def test_work_of_several_tabs_on_a_new_document_is_merged(pad: PadStage) -> None:
    """[N4.2] Ids that build on nothing known are one's own work too, unless they repeat ours."""
    one, two = Editor(5), Editor(6)
    one.write(0, "written in one tab, without a connection; ")
    two.take(one.whole())
    two.write(0, "and in another; ")
    pad.edit("ann", Editor(1).write(0, "meanwhile somebody else wrote this"))
    pad.edit("ben", two.whole())
    for words in ("written in one tab", "and in another", "meanwhile somebody else"):
        assert pad.text().count(words) == 1
    assert pad.state.notes.clients == {1: "ann", 5: "ben", 6: "ben"}


def test_words_of_others_are_whose_who_brings_them_first(pad: PadStage) -> None:
    """[N4.7] Nothing is lost: their author, coming later with more, is kept as a branch."""
    pad.edit("ann", Editor(1).write(0, "kept. "))
    cyd = Editor(7)
    cyd.take(pad.whole)
    cyd.write(0, "cyd, before the restore. ")
    ben = Editor(8)
    ben.take(cyd.whole())
    pad.edit("ben", ben.whole())
    assert pad.text() == "cyd, before the restore. kept. "
    assert pad.state.notes.clients[7] == "ben"
    pad.edit("cyd", cyd.whole())
    cyd.write(0, "More. ")
    with pytest.raises(NotesBranched):
        pad.edit("cyd", cyd.whole())
    (branch,) = pad.state.notes.branches.values()
    assert branch.by == "cyd"
    again = Editor(9)
    again.take(pad.whole)
    pad.edit("cyd", again.write(0, "Again. "))
    assert pad.text() == "Again. cyd, before the restore. kept. "


def test_nobody_fills_the_room_for_branches(pad: PadStage) -> None:
    """[N4.4] So many branches of one user; more of them are refused and not kept."""
    ann = Editor(1)
    pad.edit("ann", ann.write(0, "x"))
    for n in range(NOTES_BRANCHES_PER_USER_MAX + 2):
        forger = Editor(1)
        forger.take(pad.whole)
        with pytest.raises(NotesForeignClient):
            pad.edit("eve", forger.write(0, f"forged {n}"))
    assert len(pad.state.notes.branches) == NOTES_BRANCHES_PER_USER_MAX


async def test_a_large_update_is_read_in_slices(pad: PadStage) -> None:
    """[N3.7] The actor studies it before deciding; others run in between."""
    ann = Editor(1)
    with ann.doc.transaction():
        for n in range(20_000):
            ann.text.insert(0, str(n % 10))
    update = ann.sent.pop()
    command = EditNotes(update=update)
    await pad.act("ann", command)
    assert command.study.report is not None
    refused = EditNotes(update=update + b"\x00")
    with pytest.raises(NotesMalformed):
        await pad.act("ann", refused)
    assert refused.study.refusal is not None


def test_strokes_are_events_like_others(pad: PadStage) -> None:
    """[N13.9] Journaled, replayed, refused to others, known when sent again, bounded."""
    ann, ben = Editor(1), Editor(2)
    pad.edit("ann", ann.write(0, "hello "))
    for word in ("wide ", "world"):
        pad.edit("ann", ann.write(len(ann.text), word))
    assert [event.new_clients for _stamp, event in pad.history] == [[1], [], []]
    last = pad.history[-1][1].update
    assert pad.edit("ann", last) == {}
    assert len(pad.history) == 3  # Known: no event.
    forged = b.one(b.text("evil", origin=(1, 15)), clock=16)
    with pytest.raises(NotesForeignClient):
        pad.edit("ben", forged)
    whole = pad.whole
    pad.crash()
    assert (pad.whole, pad.text()) == (whole, "hello wide world")
    ben.take(whole)
    pad.edit("ben", ben.write(0, "Oh, "))
    assert pad.text() == "Oh, hello wide world"
    gap = b.one(b.text("late", origin=(1, 15)), clock=20)
    with pytest.raises(NotesMissingHistory):
        pad.edit("ann", gap)
