"""Editors that cut characters in two, come and go, and send all they have again."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import pytest

from collab.errors import CollabError
from collab.notes import EditNotes, loading
from collab.notes.document import EMPTY
from collab.notes.errors import NotesMissingHistory
from protocol.yjs import NestingIndex, walk
from tests.clients.editors import HERE, NODE, require_node
from tests.collab.notes.pad import PadStage

require_node()

PEOPLE: Final = ("ann", "ben", "cyd", "dan")


class Desks:
    """Yjs documents in a Node process, one for each person."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, what: str, who: str, **arguments: Any) -> dict[str, Any]:
        """Return the answer; a driver that failed has printed why and ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, "who": who, **arguments}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def edit(self, who: str, seed: int, count: int) -> list[bytes]:
        return [plain(one) for one in self.ask("edit", who, seed=seed, count=count)["updates"]]

    def take(self, who: str, update: bytes) -> None:
        self.ask("take", who, update=coded(update))

    def since(self, who: str, vector: bytes) -> bytes:
        return plain(self.ask("since", who, vector=coded(vector))["update"])


def coded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def plain(text: str) -> bytes:
    return base64.b64decode(text)


@pytest.fixture
def desks() -> Iterator[Desks]:
    assert NODE is not None
    with subprocess.Popen(
        [NODE, str(HERE / "cutting.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Desks(process)
        assert process.stdin is not None
        process.stdin.close()


class Meeting:
    """A pad and the people at it, some of whom are away at times."""

    def __init__(self, desks: Desks, seed: int) -> None:
        self.desks = desks
        self.rng = Random(seed)
        self.pad = PadStage()
        self.away: set[str] = set()
        for who in PEOPLE:
            desks.ask("open", who, client=1 + self.rng.getrandbits(31))

    async def send(self, who: str, update: bytes) -> None:
        """Let *who* edit; the others get what the event says."""
        before = len(self.pad.history)
        try:
            await self.pad.act(who, EditNotes(update=update))
        except NotesMissingHistory:
            await self.pad.act(who, EditNotes(update=self.desks.since(who, b"\0")))
        self.check()
        for _stamp, event in self.pad.history[before:]:
            for other in PEOPLE:
                if other != who and other not in self.away:
                    self.desks.take(other, event.update)

    async def come_back(self, who: str) -> None:
        """Sync in both directions, as a provider does; or hand in everything, as after a loss."""
        self.away.discard(who)
        doc = self.pad.state.notes.doc
        vector = b"\0" if self.rng.random() < 0.5 else doc.state_vector()
        told = doc.since(plain(self.desks.ask("vector", who)["vector"]))
        if is_told_first := self.rng.random() < 0.5:
            self.desks.take(who, told)
        lacks = self.desks.since(who, vector)
        if not is_told_first:
            self.desks.take(who, told)
        if lacks != EMPTY:
            await self.send(who, lacks)

    def check(self) -> None:
        """The document can be read, and its index says what a new one would say."""
        doc = self.pad.state.notes.doc
        report = walk(doc.whole())
        index = NestingIndex()
        index.commit(index.plan(report))
        assert index.state == doc.index.state == dict(doc.clocks)

    async def step(self) -> None:
        """Let something happen."""
        rng, who = self.rng, self.rng.choice(PEOPLE)
        chance = rng.random()
        if chance < 0.05:
            self.away.add(who)
        elif chance < 0.15:
            await self.come_back(who)
        elif chance < 0.17:
            rng.choice((self.pad.crash, self.pad.restart))()
            self.check()
        else:
            for update in self.desks.edit(who, rng.getrandbits(31), rng.choice((1, 1, 1, 5))):
                if who not in self.away:
                    await self.send(who, update)


async def play(desks: Desks, seed: int, *, steps: int) -> None:
    """Play one meeting; all end with the same, as does a replay of the journal."""
    meeting = Meeting(desks, seed)
    try:
        for _ in range(steps):
            await meeting.step()
        for who in PEOPLE * 2:
            await meeting.come_back(who)
    except CollabError as refusal:
        raise AssertionError(f"seed {seed}: an honest client was refused") from refusal
    pad = meeting.pad
    shown = pad.text()
    for who in PEOPLE:
        look = desks.ask("look", who)
        assert (look["text"], look["pending"]) == (shown, False), f"seed {seed}: {who}"
    for again in (pad.crash, pad.restart, pad.crash):
        again()
        assert pad.text() == shown, f"seed {seed}"


@pytest.fixture(params=["all at once", "beside the document"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let updates take either way into the document (N3.14), however short it is."""
    if request.param == "beside the document":
        monkeypatch.setattr(loading, "NOTES_PASSED_AT_ONCE", 200)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seed", range(1, 5))
async def test_who_cuts_characters_and_comes_back_is_let_in(desks: Desks, seed: int) -> None:
    """[N3.9] [N3.12] Honest editors are never refused, and all end with the same words."""
    await play(desks, seed, steps=120)


@pytest.mark.long
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seed", range(100, 140))
async def test_who_cuts_characters_is_let_in_at_length(desks: Desks, seed: int) -> None:
    """[N3.9] [N3.12] The same, for longer."""
    await play(desks, seed, steps=300)
