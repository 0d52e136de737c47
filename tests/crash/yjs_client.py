"""A raw client of each Yjs family, as small as their protocols allow: no editor, no library.

A Hocuspocus client is told of each update that it was applied; a y-websocket client sees what
others wrote only after it is durable. Both are promises that a crash may not break.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import trio
import trio_websocket
from pycrdt import Doc, Text

from protocol.yjs import SyncStep1, SyncStep2, SyncUpdate, YjsMessage, decode_message
from protocol.yjs import encode_message as encode_yjs
from protocol.yjs.hocuspocus import (
    Authenticated,
    Envelope,
    SyncStatus,
    Token,
    decode_hocuspocus,
    encode_hocuspocus,
)

ROOT: Final = "words"
NOTHING: Final = b"\x00"  # The state vector of an empty document.


@asynccontextmanager
async def _websocket(port: int, path: str) -> AsyncIterator[Any]:
    """Open a WebSocket over a stream of our own, so that it is closed whatever happens."""
    async with (
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
        trio.open_nursery() as nursery,
    ):
        yield await trio_websocket.wrap_client_stream(nursery, stream, f"127.0.0.1:{port}", path)
        nursery.cancel_scope.cancel()


class Words:
    """A replica of the shared text, which is a list of words that nobody writes twice."""

    def __init__(self) -> None:
        self.doc: Doc[Any] = Doc()
        self.text = self.doc.get(ROOT, type=Text)

    def write(self, word: str) -> bytes:
        """Append *word*; return the update."""
        before = self.doc.get_state()
        self.text += f"{word};"
        return self.doc.get_update(before)

    def all(self) -> list[str]:
        """Return every word, in the text's order."""
        return str(self.text).split(";")[:-1]

    def apply(self, message: object) -> None:
        """Take in what a server sent, if it is an update."""
        if isinstance(message, (SyncStep2, SyncUpdate)):
            self.doc.apply_update(message.update)


class YjsClient:
    """A y-websocket client that has seen the document once."""

    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket
        self.words = Words()

    async def send(self, message: YjsMessage) -> None:
        """Send one message."""
        await self._websocket.send_message(encode_yjs(message))

    async def receive(self) -> YjsMessage:
        """Return the next message, after taking it in."""
        message = decode_message(await self._websocket.get_message())
        self.words.apply(message)
        return message


@asynccontextmanager
async def yjs_client(port: int, document: str, user: str) -> AsyncIterator[YjsClient]:
    """Open a y-websocket client and wait for the whole document."""
    async with _websocket(port, f"/yjs/{document}?token=dev:{user}") as websocket:
        client = YjsClient(websocket)
        await client.send(SyncStep1(NOTHING))
        while not isinstance(await client.receive(), SyncStep2):
            pass
        yield client


class HocuspocusClient:
    """A Hocuspocus client that has been let in and has seen the document once."""

    def __init__(self, websocket: Any, document: str) -> None:
        self._websocket = websocket
        self._document = document
        self.words = Words()

    async def send(self, body: Any) -> None:
        """Send one message."""
        await self._websocket.send_message(encode_hocuspocus(Envelope(self._document, body)))

    async def receive(self) -> object:
        """Return the next message's body, after taking it in."""
        message = decode_hocuspocus(await self._websocket.get_message())
        body = message.body if isinstance(message, Envelope) else message
        self.words.apply(body)
        return body

    async def write(self, word: str) -> None:
        """Append *word*; return when the server has said that it is applied."""
        await self.send(SyncUpdate(self.words.write(word)))
        while True:
            body = await self.receive()
            if isinstance(body, SyncStatus):
                assert body.applied, "a good edit was refused"
                return


@asynccontextmanager
async def hocuspocus_client(port: int, document: str, user: str) -> AsyncIterator[HocuspocusClient]:
    """Open a Hocuspocus client and wait for the whole document."""
    async with _websocket(port, "/hocuspocus") as websocket:
        client = HocuspocusClient(websocket, document)
        await client.send(Token(f"dev:{user}"))
        while not isinstance(await client.receive(), Authenticated):
            pass
        await client.send(SyncStep1(NOTHING))
        while not isinstance(await client.receive(), SyncStep2):
            pass
        yield client
