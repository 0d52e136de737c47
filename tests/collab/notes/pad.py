"""A minimal kind with notes, and editors that are pycrdt documents of their own."""

from __future__ import annotations

from typing import Any, Final

import pycrdt
from attrs import define, field

from collab import notes
from collab.kind import Kind, Topic
from collab.notes import EditNotes, NotesLog
from protocol.structure import pack, unpack
from tests.collab.messages.stage import Stage


@define
class Pad:
    key: str
    notes: NotesLog = field(factory=NotesLog)


PAD: Final[Kind[Pad]] = Kind(
    name="pad",
    new_state=Pad,
    commands=notes.COMMANDS,
    queries=notes.QUERIES,
    events=notes.EVENTS,
    topics={"notes": Topic[Pad](events=notes.TOPIC_EVENTS, snapshot=notes.snapshot)},
    role_of=lambda _pad, _caller: "anybody",
    permissions={
        "anybody": frozenset(
            [cls.TAG for cls in (*notes.COMMANDS, *notes.QUERIES)] + ["read:notes"]
        )
    },
    rows=notes.rows,
    study=notes.study,
    settle=notes.settle,
)


class PadStage(Stage[Pad]):
    """A pad, its history, and the crash that loses its memory."""

    def __init__(self) -> None:
        super().__init__(PAD)

    def edit(self, who: str, update: bytes) -> Any:
        return self.do(who, EditNotes(update=update))

    async def act(self, who: str, command: Any) -> Any:
        """Study one command and have it drafted, as often as it takes; play it."""
        await self.get_ready(who, command)
        value = self.do(who, command)
        while self.draft is not None:
            await self.draft(self.rows)
            await self.get_ready(who, command)
            value = self.do(who, command)
        return value

    async def get_ready(self, who: str, command: Any) -> None:
        """Study one command."""
        study = self.kind.study(self.state, command, self.caller(who), "pad:k", self.rows)
        if study is not None:
            await study()

    def crash(self) -> None:
        """Lose memory; replay the journal."""
        self.state = self.replayed()

    def restart(self) -> None:
        """Save a snapshot and load it."""
        self.kind.settle(self.state)
        self.state = unpack(pack(self.state), Pad)

    @property
    def whole(self) -> bytes:
        return self.state.notes.doc.whole()

    def text(self, root: str = "t") -> str:
        return str(reader_of(self.whole).get(root, type=pycrdt.Text))


def reader_of(update: bytes) -> pycrdt.Doc[Any]:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(update)
    return doc


class Editor:
    """One client's document; ``sent`` are its own updates that nobody has taken yet."""

    def __init__(self, client_id: int | None = None) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
        self.sent: list[bytes] = []
        self._is_remote = False
        self.doc.observe(self._changed)

    def _changed(self, event: pycrdt.TransactionEvent) -> None:
        if not self._is_remote:
            self.sent.append(event.update)

    def take(self, update: bytes) -> None:
        """Apply what somebody else wrote."""
        self._is_remote = True
        try:
            self.doc.apply_update(update)
        finally:
            self._is_remote = False

    @property
    def text(self) -> pycrdt.Text:
        text: pycrdt.Text = self.doc.get("t", type=pycrdt.Text)
        return text

    def write(self, index: int, text: str) -> bytes:
        """Insert at a byte offset; return the update."""
        self.text.insert(index, text)
        return self.sent.pop()

    def delete(self, start: int, stop: int) -> bytes:
        del self.text[start:stop]
        return self.sent.pop()

    def whole(self) -> bytes:
        return self.doc.get_update()
