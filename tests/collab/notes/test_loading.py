"""Updates that take the CRDT library long are applied beside the document, or refused."""

from __future__ import annotations

import gc
import time
from itertools import pairwise
from typing import Any

import pycrdt
import pytest
from attrs import frozen

from collab.errors import RateLimited
from collab.limits import NOTES_PASSED_AT_ONCE, NOTES_PASSED_BY_FEW, NOTES_SCAN_S
from collab.notes import EditNotes, loading, replaying
from collab.notes.commands import ImportNotes, RestoreNotes
from collab.notes.document import SharedDoc, exhaust
from collab.notes.errors import NotesForeignClient, NotesMalformed
from collab.notes.loading import Allowance, Load, Weight, load_steps, weigh, weight_of
from protocol.yjs import NestingIndex, UpdateRefused, walk
from tests.collab.notes.pad import Editor, PadStage
from tests.protocol.yjs import building as b


def prepended(client: int, count: int) -> bytes:
    """Return what somebody typed who put every character before the last one."""
    later = [b.text("a", right=(client, n)) for n in range(count - 1)]
    return b.update(b.section(client, 0, b.text("a"), *later))


def typed(client: int, count: int) -> bytes:
    later = [b.text("a", origin=(client, n)) for n in range(count - 1)]
    return b.update(b.section(client, 0, b.text("a"), *later))


def crossing(client: int, count: int) -> bytes:
    """Return characters at one place, each with another right neighbour."""
    structs = [b.text("a", origin=(1, 0), right=(1, 1 + n % 900)) for n in range(count)]
    return b.update(b.section(client, 0, *structs))


@pytest.mark.parametrize("made", [prepended, typed])
async def test_what_people_wrote_at_one_place_for_long_is_merged(made: object) -> None:
    """[N3.14] Three people, 3,000 keystrokes each, all at the start, whoever comes first."""
    assert callable(made)
    for clients in ((10, 20, 30), (30, 20, 10)):
        stage = PadStage()
        started = time.thread_time()
        for client in clients:
            await stage.act(f"u{client}", EditNotes(update=made(client, 3_000)))
        # Applied one to the other it takes 3 s: the library passes 13 million items.
        assert time.thread_time() - started < 1.5
        assert stage.text() == "a" * 9_000
        stage.crash()
        assert stage.text() == "a" * 9_000


async def test_what_would_take_the_library_seconds_is_refused() -> None:
    """[N3.14] 78 kB at one place; it is told, the document is as it was and is edited on."""
    stage = PadStage()
    stage.edit("ann", b.one(b.text("hello" * 200)))
    before, seq = stage.whole, stage.seq
    with pytest.raises(NotesMalformed, match="too_entangled"):
        await stage.act("eve", EditNotes(update=crossing(9, 10_000)))
    assert (stage.whole, stage.seq) == (before, seq)
    await stage.act("ann", EditNotes(update=b.one(b.text("!", origin=(1, 999)), clock=1_000)))
    assert stage.text() == "hello" * 200 + "!"


def test_building_beside_the_document_takes_turns() -> None:
    """[N3.14] However long it takes altogether, others are served in between."""
    doc = SharedDoc(b.one(b.text("hello" * 200)))
    update = crossing(9, 900)
    gc.disable()
    try:
        slices = [time.thread_time()]
        for _ in doc.ready_steps(update, walk(update)):
            slices.append(time.thread_time())
    finally:
        gc.enable()
    assert len(slices) > 4
    assert max(end - start for start, end in pairwise(slices)) < 0.05


async def test_of_two_that_take_long_in_one_batch_the_second_is_sent_again() -> None:
    """[N3.15] What was built beside the document fits only the document that it was built from."""
    stage = PadStage()
    first, second = (EditNotes(update=typed(client, 1_000)) for client in (10, 20))
    for command in (first, second):
        study = stage.kind.study(stage.state, command, stage.caller("ann"), "pad:k", stage.rows)
        assert study is not None
        await study()
        assert command.study.readied is not None
    stage.do("ann", first)
    with pytest.raises(RateLimited):
        stage.do("ann", second)
    await stage.act("ann", EditNotes(update=second.update))
    assert stage.text() == "a" * 2_000


async def test_a_large_update_is_planned_before_it_is_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[N3.20] Its depths are found out in slices; also when it repeats what is known."""
    stage = PadStage()
    first = EditNotes(update=typed(10, 2_000))
    both = EditNotes(update=pycrdt.merge_updates(first.update, typed(20, 2_000)))
    for command in (first, both):
        await stage.get_ready("ann", command)
        with monkeypatch.context() as patched:
            patched.setattr(NestingIndex, "plan", _never)
            stage.do("ann", command)
    assert stage.text() == "a" * 4_000


def _never(*_: object) -> None:
    raise AssertionError("it was planned in the turn")


@pytest.mark.parametrize("is_outrun", [False, True])
async def test_a_large_draft_is_applied_beside_the_document(is_outrun: bool) -> None:
    """[N3.21] A restore of thousands of lines; one that is outrun is let in all the same."""
    stage = PadStage()
    editor = Editor()
    lines = "".join(f"line {n}\n" for n in range(4_000))
    stage.edit("ann", editor.write(0, lines))
    for n in range(4_000):
        at = 6 * n
        stage.edit("ann", editor.delete(at, at + 1))
    command = RestoreNotes(seq=1)
    await stage.get_ready("bob", command)
    stage.do("bob", command)
    assert stage.draft is not None
    await stage.draft(stage.rows)
    await stage.get_ready("bob", command)
    assert command.study.readied is not None
    if is_outrun:
        stage.edit("ann", editor.write(0, "and "))
    stage.do("bob", command)
    assert stage.text() == ("and " if is_outrun else "") + lines
    stage.crash()
    assert stage.text() == ("and " if is_outrun else "") + lines


async def test_what_was_built_for_a_refused_edit_is_never_taken() -> None:
    """[N3.22] Mallory sends what the server is going to write for Eve; Ann types on meanwhile."""
    stage = PadStage()
    ann = Editor(1)
    stage.edit("ann", ann.write(0, "hello" * 400))
    for n in range(700):
        stage.edit("ann", ann.delete(n + 1, n + 2))
    await stage.act("eve", ImportNotes(markdown="hi", root="x"))  # Her pen is hers now.
    markdown = "\n".join(f"- i **{n}**" for n in range(40))
    foreseen = ImportNotes(markdown=markdown, root="x")
    await stage.get_ready("eve", foreseen)
    stage.do("eve", foreseen)
    assert stage.draft is not None
    await stage.draft(stage.rows)
    assert foreseen.study.draft is not None
    with pytest.raises(NotesForeignClient):
        await stage.act("mallory", EditNotes(update=foreseen.study.draft.update))
    stage.edit("ann", ann.write(0, "NEW "))
    await stage.act("eve", ImportNotes(markdown=markdown, root="x"))
    stage.edit("ann", ann.write(0, "VERY "))
    assert stage.text().startswith("VERY NEW ")
    stage.kind.settle(stage.state)


async def test_a_replay_builds_once_however_many_edits_take_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[N3.23] Each was built beside the document when it came; nobody waits for that again."""
    stage = PadStage()
    for client in range(10, 16):
        await stage.act("ann", EditNotes(update=typed(client, 700)))
        await stage.act("ben", EditNotes(update=b.one(b.text("-"), client=client + 100)))
    built = []

    def load_steps(*arguments: Any) -> Any:
        built.append(arguments)
        return loading.load_steps(*arguments)

    monkeypatch.setattr(replaying, "load_steps", load_steps)
    text = stage.text()
    stage.crash()
    assert stage.text() == text
    assert len(built) == 1


async def test_a_replay_keeps_the_order_where_it_matters() -> None:
    """[N3.23] What was deleted may hold what comes later; put together it would not."""
    stage = PadStage()
    stage.edit("eve", b.one(b.text("gone"), client=7))
    await stage.act("ann", EditNotes(update=typed(10, 700)))
    stage.edit("eve", b.update(deletes=[b.deletions(7, (0, 4))]))
    stage.restart()  # From here on it is not known any more what was deleted.
    stage.edit("eve", b.update(b.section(8, 0, b.text("lost", parent=(7, 0)))))
    text = stage.text()
    stage.crash()
    assert stage.text() == text


def test_a_keystroke_is_light_and_is_weighed_by_its_first_bytes() -> None:
    """[N3.16] In an ordinary document it is applied as it is; a document of conflicts is built."""
    editor = Editor(1)
    for update in (editor.write(0, "hello"), editor.write(2, "x"), editor.delete(1, 2)):
        rough, exact = weigh(update), weight_of(walk(update))
        assert rough.structs == exact.structs
        assert rough.ranges >= exact.ranges
        assert Load(items=100_000).is_light(rough)
        assert Load(items=NOTES_PASSED_BY_FEW - 1).is_light(rough)
        assert not Load(items=NOTES_PASSED_BY_FEW).is_light(Weight(1, 0))
        assert not Load(items=NOTES_PASSED_AT_ONCE // 2).is_light(Weight(9, 0))
    assert weigh(crossing(9, 900)).structs >= 900
    assert not Load().is_light(Weight(0, 100_000))
    assert weigh(b"") == weigh(b"\x01") == Weight(0, 0)


def test_light_updates_together_come_to_be_proven() -> None:
    """[N3.16] Nobody makes a document of conflicts from a thousand small updates unseen."""
    load, count = Load(items=50_000), 0
    while load.is_light(Weight(3, 0)):
        load.add(Weight(3, 0))
        count += 1
    assert 100 < count < 1_000


@frozen
class Ticks:
    """A clock that goes on by a step whenever it is read."""

    step_s: float
    read: list[float]

    def __call__(self) -> float:
        self.read.append((self.read[-1] if self.read else 0.0) + self.step_s)
        return self.read[-1]


def test_an_allowance_is_what_structs_take_and_a_rest() -> None:
    """[N3.14] A slow document is refused at the end of its allowance, not before."""
    update = typed(1, 1_000)  # In 7 pieces.
    exhaust(load_steps(update, Allowance(clock=Ticks(NOTES_SCAN_S / 100, []))))
    with pytest.raises(UpdateRefused, match="too_entangled"):
        exhaust(load_steps(update, Allowance(clock=Ticks(NOTES_SCAN_S / 2, []))))


def test_a_tangled_document_is_still_written_in() -> None:
    """[N3.17] Whoever tangled it, by small updates, shuts nobody else out, and cannot go on."""
    whole = pycrdt.merge_updates(b.one(b.text("hello" * 200)), crossing(9, 3_000))
    doc, honest, hostile = SharedDoc(whole), typed(10, 1_000), crossing(11, 6_000)
    readied = exhaust(doc.ready_steps(honest, walk(honest)))
    assert readied is not None
    assert readied.is_change
    with pytest.raises(UpdateRefused, match="too_entangled"):
        exhaust(doc.ready_steps(hostile, walk(hostile)))


def test_opening_that_is_dropped_half_way_loses_nothing() -> None:
    """[N1.9] Whoever is cancelled while a cold document opens leaves all of it to the next."""
    ann, doc = Editor(1), SharedDoc()
    for n in range(1_000):
        doc.take_in(ann.write(n // 2, "ab"))
    for _ in range(3):
        steps = doc.open_steps()
        next(steps)
        next(steps)
        steps.close()
    assert doc.whole() == ann.whole()
    doc.settle()
