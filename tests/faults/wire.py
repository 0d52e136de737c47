"""One session of the wire in JSON, message by message, over the client without manners."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import trio

from protocol.messages import SUBPROTOCOL_JSON
from tests.protocol.transport.raw import TEXT, RawClient, frame

ANSWER_S_MAX = 20.0


class Wire:
    """A connection on which nothing was said yet."""

    def __init__(self, raw: RawClient) -> None:
        self._raw = raw

    async def say(self, **message: Any) -> None:
        """Send one message."""
        await self._raw.send(frame(TEXT, orjson.dumps(message)))

    async def hear(self, *tags: str) -> dict[str, Any]:
        """Return the next message with one of *tags*; skip the others. Raises: EOFError."""
        with trio.fail_after(ANSWER_S_MAX):
            while True:
                opcode, payload = await self._raw.read_frame()
                if opcode == TEXT:
                    message: dict[str, Any] = orjson.loads(payload)
                    if message["t"] in tags:
                        return message

    async def sign_in(self, token: str) -> str:
        """Say hello; return ``welcome`` or the code of the refusal."""
        await self.say(t="hello", token=token)
        message = await self.hear("welcome", "error")
        return str(message.get("code", message["t"]))

    async def call(self, target: str, op: str, ref: int, **args: Any) -> dict[str, Any]:
        """Make a call; return its reply or error."""
        await self.say(t="call", ref=ref, target=target, op=op, args=args)
        return await self.hear("reply", "error")


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """Open one; its socket is closed at the end of the block."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        raw = RawClient(stream)
        await raw.open("/v1", extra=[f"Sec-WebSocket-Protocol: {SUBPROTOCOL_JSON}"])
        yield Wire(raw)
