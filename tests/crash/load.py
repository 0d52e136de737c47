"""Real clients at work, and what they were told: the load under which a server is killed.

Writers of messages and of a transcript over the wire of our own, an editor over the protocol of
Hocuspocus, and editors over that of y-websocket. Everything is written once, under a name that is
never used again; :func:`check` asks a server that came back for all of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import trio
from attrs import define, field

from collab.client import CollabClient, connect
from collab.transcript.commands import Chunk
from protocol.yjs import SyncUpdate
from tests.crash.ledger import Lost
from tests.crash.yjs_client import hocuspocus_client, yjs_client

CHAT: Final = "c1"
MEETING: Final = "m1"
WRITERS: Final = ("ann", "bob")
TRANSCRIBER: Final = "tess"
EDITOR: Final = "hoc"
Y_EDITORS: Final = ("yan", "yve")
CHUNKS: Final = 5  # Of one call.
RETRIED: Final = 3  # Acknowledged writes of each writer that are sent once more.
_SPEECH_MS: Final = 100  # Of one chunk.
_RANGE_MS: Final = 600_000
_PAGE: Final = 200


@define(eq=False)
class Told:
    """What the clients sent, and what they were answered."""

    messages: dict[str, int] = field(factory=dict)  # Text, which is its key too -> id.
    open_messages: set[str] = field(factory=set)  # Sent, and not answered.
    chunks: dict[str, int] = field(factory=dict)  # Segment -> seq.
    open_chunks: list[Chunk] = field(factory=list)
    words: set[str] = field(factory=set)  # Told to be applied, or seen by somebody else.
    open_words: set[str] = field(factory=set)
    numbers: Counter[str] = field(factory=Counter)  # User -> how much they wrote.
    retried: int = 0

    def next(self, user: str) -> str:
        """Return a name for what *user* writes next."""
        self.numbers[user] += 1
        return f"{user}-{self.numbers[user]}"

    @property
    def acknowledged(self) -> int:
        """How much was promised in all."""
        return len(self.messages) + len(self.chunks) + len(self.words)


async def work(port: int, told: Told) -> None:
    """Have all clients write, without a pause, until cancelled."""
    async with trio.open_nursery() as nursery:
        for user in WRITERS:
            nursery.start_soon(_post, port, user, told)
        nursery.start_soon(_transcribe, port, told)
        nursery.start_soon(_edit, port, told)
        for user in Y_EDITORS:
            nursery.start_soon(_edit_y, port, user, told)


def _connect(port: int, user: str) -> Any:
    return connect(f"http://127.0.0.1:{port}", token=f"dev:{user}")


async def _post(port: int, user: str, told: Told) -> None:
    async with _connect(port, user) as client:
        while True:
            text = told.next(user)
            told.open_messages.add(text)
            await _post_one(client, text, told)


async def _post_one(client: CollabClient, text: str, told: Told) -> None:
    posted = await client.chat(CHAT).messages.post(text, key=text)
    if told.messages.setdefault(text, posted["id"]) != posted["id"]:
        raise Lost(f"{text} is message {posted['id']}, and was {told.messages[text]}")
    told.open_messages.discard(text)


def _chunk(segment: str) -> Chunk:
    start_ms = int(segment.rpartition("-")[2]) * _SPEECH_MS
    return Chunk(
        provider="p",
        segment=segment,
        speaker=TRANSCRIBER,
        start_ms=start_ms,
        end_ms=start_ms + _SPEECH_MS,
        text=f"said {segment}",
        is_final=True,
    )


async def _transcribe(port: int, told: Told) -> None:
    async with _connect(port, TRANSCRIBER) as client:
        while True:
            told.open_chunks = [_chunk(told.next(TRANSCRIBER)) for _ in range(CHUNKS)]
            await _send_chunks(client, told.open_chunks, told)
            told.open_chunks = []


async def _send_chunks(client: CollabClient, chunks: list[Chunk], told: Told) -> None:
    answer = await client.meeting(MEETING).transcript.add_many(chunks)
    for chunk, result in zip(chunks, answer["results"], strict=True):
        if told.chunks.setdefault(chunk.segment, result.get("seq")) != result.get("seq"):
            raise Lost(f"{chunk.segment}: {result}, and was {told.chunks[chunk.segment]}")


async def _edit(port: int, told: Told) -> None:
    async with hocuspocus_client(port, MEETING, EDITOR) as client:
        while True:
            word = told.next(EDITOR)
            told.open_words.add(word)
            await client.write(word)
            told.words.add(word)
            told.open_words.discard(word)


async def _edit_y(port: int, user: str, told: Told) -> None:
    """Write a word whenever something came; what came from others has been promised to us."""
    async with yjs_client(port, MEETING, user) as client:
        while True:
            word = told.next(user)
            told.open_words.add(word)
            await client.send(SyncUpdate(client.words.write(word)))
            await client.receive()
            seen = {w for w in client.words.all() if not w.startswith(f"{user}-")}
            told.words |= seen
            told.open_words -= seen


# ---------------------------------------------------------------- what must be there


async def check(port: int, told: Told) -> None:
    """Ask for everything that was promised, and send again what was not answered.

    Raises:
      Lost: something is missing, there twice, or answered differently the second time.
    """
    async with trio.open_nursery() as nursery:
        for user in WRITERS:
            nursery.start_soon(_retry_messages, port, user, told)
        nursery.start_soon(_retry_chunks, port, told)
    async with _connect(port, WRITERS[0]) as client:
        _exactly_once("messages", await _all_messages(client), set(told.messages))
        _exactly_once("chunks", await _all_chunks(client, told), set(told.chunks))
    async with yjs_client(port, MEETING, Y_EDITORS[0]) as editor:
        found = editor.words.all()
    _exactly_once("words", found, told.words, maybe=told.open_words)
    told.words |= set(found)
    told.open_words.clear()  # What is not there now was never promised, and its client is gone.


async def _retry_messages(port: int, user: str, told: Told) -> None:
    mine = [text for text in told.messages if text.startswith(f"{user}-")]
    unanswered = [text for text in told.open_messages if text.startswith(f"{user}-")]
    async with _connect(port, user) as client:
        for text in (*mine[-RETRIED:], *unanswered):
            await _post_one(client, text, told)
            told.retried += 1


async def _retry_chunks(port: int, told: Told) -> None:
    again = [_chunk(segment) for segment in list(told.chunks)[-RETRIED:]] + told.open_chunks
    if not again:
        return
    async with _connect(port, TRANSCRIBER) as client:
        await _send_chunks(client, again, told)
    told.retried += len(again)
    told.open_chunks = []


async def _all_messages(client: CollabClient) -> list[str]:
    texts: list[str] = []
    before = None
    while True:
        page = await client.chat(CHAT).messages.page(before=before, limit=_PAGE)
        texts += [message["parts"][0]["text"] for message in page["messages"]]
        if not page["more"]:
            return texts
        before = page["messages"][0]["id"]


async def _all_chunks(client: CollabClient, told: Told) -> list[str]:
    segments: list[str] = []
    end_ms = (told.numbers[TRANSCRIBER] + 1) * _SPEECH_MS
    at_ms: int | None = 0
    while at_ms is not None and at_ms < end_ms:
        upto_ms = min(at_ms + _RANGE_MS, end_ms)
        spoken = await client.meeting(MEETING).transcript.range(at_ms, upto_ms)
        segments += [line["text"].removeprefix("said ") for line in spoken["lines"]]
        at_ms = spoken["next_ms"] if spoken["next_ms"] is not None else upto_ms
    return segments


def _exactly_once(
    what: str, found: list[str], promised: set[str], maybe: set[str] | None = None
) -> None:
    counts = Counter(found)
    missing = promised - set(counts)
    twice = [name for name, count in counts.items() if count > 1]
    foreign = set(counts) - promised - (maybe or set())
    if missing or twice or foreign:
        raise Lost(
            f"{what}: {len(missing)} missing {sorted(missing)[:5]}, {len(twice)} twice"
            f" {twice[:5]}, {len(foreign)} never written {sorted(foreign)[:5]}"
        )
