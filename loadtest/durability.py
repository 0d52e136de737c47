"""Whether what was acknowledged is there after ``kill -9``, read back through the wire.

A kill takes the process, not the page cache: that what is synced survives a power cut, too, is
proved by tests of the storage. This shows that nothing was acknowledged before it was handed over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import trio
from attrs import frozen

from loadtest.edits import ROOT
from loadtest.lean import marks_in
from loadtest.serving import Target
from protocol.client import Client, open_client

TRANSCRIPT_PAGE: Final = 10
MESSAGES_PAGE: Final = 200
CALL_TIMEOUT_S: Final = 60.0

Mark = tuple[int, int]  # (stream, number)


@frozen
class Said:
    """What was sent to one meeting, as its generator tells it."""

    target: str
    user: str  # Who may read it.
    sent: Mapping[str, int]  # stream -> how many
    undecided: Mapping[str, Sequence[int]]  # stream -> refused, or never answered

    def acknowledged(self) -> set[Mark]:
        """Return what must be there."""
        return {
            (int(stream), number)
            for stream, sent in self.sent.items()
            for number in set(range(sent)).difference(self.undecided.get(stream, ()))
        }


async def lost_in_a_kill(target: Target, meetings: Sequence[Said]) -> dict[str, int]:
    """Kill the server, start it again, read *meetings* whole; return what was looked for and lost.

    Raises:
      ServerDidNotStart: it did not come back.
      CallFailed: it does not let *user* read.
    """
    assert target.process is not None, "only a server of our own is killed"
    await target.process.kill()
    await target.process.start()
    looked_for = lost = 0
    for said in meetings:
        token = target.endpoint.token.format(user=said.user)
        async with open_client(target.process.url, token=token) as client:
            found = {mark async for text in _texts(client, said.target) for mark in marks_in(text)}
        expected = said.acknowledged()
        looked_for += len(expected)
        lost += len(expected - found)
    return {"meetings": len(meetings), "acknowledged": looked_for, "lost": lost}


async def _texts(client: Client, target: str) -> AsyncIterator[bytes]:
    """Yield everything that was written down, said or posted in a meeting."""

    async def ask(op: str, args: Mapping[str, Any]) -> Any:
        with trio.fail_after(CALL_TIMEOUT_S):
            return await client.call(target, op, args)

    after, has_more = -1, True
    while has_more:
        page = await ask("transcript.page", {"after": after, "limit": TRANSCRIPT_PAGE})
        for bucket in page["buckets"]:
            after = bucket["position"]
            for line in bucket["lines"]:
                yield line["text"].encode()
        has_more = page["has_more"]
    last, has_more = 0, True
    while has_more:
        page = await ask("messages.page", {"after": last, "limit": MESSAGES_PAGE})
        for message in page["messages"]:
            last = message["id"]
            for part in message["parts"]:
                yield part["text"].encode()
        has_more = page["more"]
    notes = await ask("notes.export", {"format": "text", "root": ROOT})
    yield notes["content"].encode()
