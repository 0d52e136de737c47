"""Those who take part in the sample meeting: each speaks, writes and types over its own line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import trio
from attrs import define

from collab.cli.sample_meeting import PEOPLE, TITLE, Line
from collab.client.live_notes import LiveNotes
from collab.client.meeting import Meeting
from protocol.client import Client, open_client

ROOT: Final = "notes"  # Where the page has its text.
STROKE_S: Final = 0.045  # A quick typist.
SPEECH_MS_PER_WORD: Final = 300


@define(eq=False)
class Bot:
    """One of them. ``speed`` shortens what takes time."""

    name: str
    client: Client
    target: str
    notes: LiveNotes
    speed: float
    pencil: trio.Lock  # One types at a time, as they all type at the end.
    shown: int = 0  # How often we said where we are.

    async def say(self, segment: str, start_ms: int, line: Line) -> None:
        """Speak as a transcriber hears it: half of it is a guess, then comes the final text."""
        words = line.text.split()
        for revision, text in enumerate((" ".join(words[: len(words) // 2]), line.text)):
            chunk = {
                "provider": "demo",
                "segment": segment,
                "revision": revision,
                "speaker": line.who,
                "start_ms": start_ms,
                "end_ms": start_ms + SPEECH_MS_PER_WORD * len(words),
                "text": text,
                "language": "en",
                "is_final": revision == 1,
            }
            await self.client.call(self.target, "transcript.add", chunk)
            if revision == 0:
                await trio.sleep(SPEECH_MS_PER_WORD * len(words) / 2000 / self.speed)

    async def post(self, text: str) -> int:
        """Post a message; return its id."""
        posted = await self.client.call(self.target, "messages.post", {"text": text})
        return int(posted["id"])

    async def react(self, message_id: int, emoji: str) -> None:
        """Put an emoji on a message."""
        args = {"id": message_id, "emoji": emoji}
        await self.client.call(self.target, "messages.react", args)

    async def type(self, text: str) -> None:
        """Type at the end of the notes, letter by letter, with a caret that others see.

        Cancelled: what was typed stays.
        """
        async with self.pencil:
            shared = self.notes.text(ROOT)
            for letter in text:
                shared.append(letter)
                place = shared.place_of(len(shared))
                await self._show({"anchor": place, "head": place})
                await trio.sleep(STROKE_S / self.speed)
            await self._show(None)  # Else it would stand at the end of what others type.

    async def _show(self, cursor: object) -> None:
        """Show where we are, in the shape that Yjs editors use among themselves."""
        self.shown += 1
        state = {"user": {"name": self.name}, "cursor": cursor}
        client_id = str(self.notes.doc.client_id)
        shown = {"yjs": {client_id: {"clock": self.shown, "state": state}}}
        await self.client.presence(self.target, shown)


@asynccontextmanager
async def open_bots(url: str, target: str, speed: float) -> AsyncIterator[dict[str, Bot]]:
    """Have everybody in the meeting *target* while the block runs; the first one is its owner.

    Raises:
      ClientError: the server is not there, or lets them not in.
    """
    async with AsyncExitStack() as stack:
        bots: dict[str, Bot] = {}
        pencil = trio.Lock()
        for name in PEOPLE:  # One after the other, so that it is known who comes first.
            client = await stack.enter_async_context(open_client(url, token=f"dev:{name}"))
            await client.call(target, "meeting.get", idempotent_read=True)
            notes = await stack.enter_async_context(Meeting(client, target).notes.open())
            bots[name] = Bot(name, client, target, notes, speed, pencil)
        await bots[PEOPLE[0]].client.call(target, "meeting.update", {"title": TITLE})
        yield bots
