"""Our document reads what Yjs itself reads from the same updates. N8."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import pycrdt
import pytest

from collab.notes.errors import NotesMissingHistory
from tests.clients.editors import HERE, NODE, require_node
from tests.collab.notes.pad import PadStage, reader_of

require_node()

ROOTS: Final = {
    "plain": pycrdt.Text,
    "map": pycrdt.Map,
    "array": pycrdt.Array,
    "xml": pycrdt.XmlFragment,
}
PEOPLE: Final = ("ann", "ben", "cyd")


class Yjs:
    """Yjs in a Node process, asked one thing after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Return its answer; a driver that failed has printed why and ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def read(self, update: bytes) -> dict[str, Any]:
        """Return what a fresh Yjs document shows that loads *update*."""
        return self.ask("read", update=base64.b64encode(update).decode())


@pytest.fixture(scope="module")
def yjs() -> Iterator[Yjs]:
    assert NODE is not None
    with subprocess.Popen(
        [NODE, str(HERE / "equivalence.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Yjs(process)
        assert process.stdin is not None
        process.stdin.close()


def plain(value: Any) -> Any:
    """Return what a value of ours shows, as the driver does with one of Yjs's."""
    if isinstance(value, pycrdt.Text | pycrdt.XmlText):
        return runs(value)
    if isinstance(value, pycrdt.XmlElement):
        children = [plain(child) for child in value.children]
        attributes = dict(value.attributes)  # type: ignore[call-overload]
        return {"tag": value.tag, "attributes": attributes, "children": children}
    if isinstance(value, pycrdt.XmlFragment):
        return [plain(child) for child in value.children]
    if isinstance(value, pycrdt.Array):
        return [plain(item) for item in value]
    if isinstance(value, pycrdt.Map):
        return {key: plain(value[key]) for key in value.keys()}  # noqa: SIM118
    return value


def runs(text: pycrdt.Text | pycrdt.XmlText) -> list[list[Any]]:
    """Return words and embedded values with their looks; runs of one look are one run."""
    out: list[list[Any]] = []
    for part, looks in text.diff():
        look = looks or {}
        if isinstance(part, str) and out and isinstance(out[-1][0], str) and out[-1][1] == look:
            out[-1][0] += part
        else:
            out.append([plain(part), look])
    return out


def shown(update: bytes) -> dict[str, Any]:
    """Return what our library shows of *update*, root by root."""
    doc = reader_of(update)
    return {name: plain(doc.get(name, type=kind)) for name, kind in ROOTS.items()}


def deliver(rng: Random, pad: PadStage, sent: list[tuple[str, bytes]]) -> int:
    """Send everything in any order, crashing at times; return how many were refused at first.

    What builds on something that is still under way comes again later, as a client's resync does.
    """
    refused = 0
    crash_chance = 4 / len(sent)  # A long history is replayed no more often than a short one.
    while sent:
        later = []
        rng.shuffle(sent)
        for who, update in sent:
            try:
                pad.edit(who, update)
            except NotesMissingHistory:
                later.append((who, update))
            if rng.random() < crash_chance:
                rng.choice((pad.crash, pad.restart))()
        assert len(later) < len(sent), "what is left will never fit"
        refused += len(later)
        sent = later
    return refused


def check(yjs: Yjs, seed: int, *, edits: int, cuts: bool = False) -> int:
    """Play one history; return how many updates had to wait for others."""
    rng = Random(seed)
    is_one_person = seed % 3 == 0  # Three tabs of one person: updates may be of several clients.
    played = yjs.ask("play", seed=seed, edits=edits, tabs=is_one_person, cuts=cuts)
    sent = [
        ("ann" if is_one_person else PEOPLE[one["from"]], base64.b64decode(one["update"]))
        for one in played["sent"]
    ]
    pad = PadStage()
    waited = deliver(rng, pad, sent)
    expected = played["seen"]
    clocks = {int(client): clock for client, clock in expected["clocks"].items()}
    for _ in range(2):  # Before and after a replay of the journal.
        doc = pad.state.notes.doc
        assert dict(doc.clocks) == clocks
        assert shown(doc.whole()) == expected["roots"]
        assert yjs.read(doc.whole()) == {**expected, "pending": False}
        pad.crash()
    return waited


@pytest.mark.parametrize("seed", range(1, 17))
def test_our_document_reads_what_yjs_reads(yjs: Yjs, seed: int) -> None:
    """[N8.4] Any order, repetition, splitting and merging, with crashes: equal to the letter."""
    check(yjs, seed, edits=60)


def test_updates_do_arrive_before_what_they_build_on(yjs: Yjs) -> None:
    """[N8.4] The proof above meets what it is about."""
    assert sum(check(yjs, seed, edits=60) for seed in range(100, 103)) > 20


@pytest.mark.parametrize("seed", range(200, 216))
def test_characters_cut_in_two_read_as_yjs_reads_them(yjs: Yjs, seed: int) -> None:
    """[N8.4] [N3.9] Also when clients put things between the two units of a character."""
    check(yjs, seed, edits=60, cuts=True)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1_000, 1_100))
def test_our_document_reads_what_yjs_reads_at_length(yjs: Yjs, seed: int) -> None:
    """[N8.4] The same, for longer."""
    check(yjs, seed, edits=400)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2_000, 2_050))
def test_characters_cut_in_two_read_as_yjs_reads_them_at_length(yjs: Yjs, seed: int) -> None:
    """[N8.4] [N3.9] The same, for longer."""
    check(yjs, seed, edits=400, cuts=True)
