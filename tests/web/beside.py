"""What others do without a browser, beside those who have one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import trio

from collab.client import CollabClient, connect

LINES_PER_CALL: Final = 100


def target_of(url: str) -> str:
    """Return which meeting or chat a page shows."""
    kind, key = url.rsplit("/", 2)[-2:]
    return f"{kind}:{key}"


def beside(
    url: str,
    user: str,
    act: Callable[[CollabClient], Awaitable[None]],
    *,
    token: str | None = None,
) -> None:
    """Do something as a client without a browser; in a thread: this one's loop is the browser's.

    Outside of development with a *token*.
    """

    async def run() -> None:
        async with connect(url, token=token or f"dev:{user}") as client:
            await act(client)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(trio.run, run).result()


async def speak(target: str, count: int, client: CollabClient) -> None:
    """Say *count* lines."""
    lines = [
        {
            "provider": "test",
            "segment": str(number),
            "speaker": ("ann", "ben")[number // 7 % 2],
            "start_ms": number * 10,
            "end_ms": number * 10 + 10,
            "text": f"line {number}.",
            "is_final": True,
        }
        for number in range(count)
    ]
    for first in range(0, count, LINES_PER_CALL):
        chunks = {"chunks": lines[first : first + LINES_PER_CALL]}
        await client.wire.call(target, "transcript.add_many", chunks)


async def write(target: str, count: int, client: CollabClient) -> None:
    """Post *count* messages."""
    for number in range(count):
        await client.wire.call(target, "messages.post", {"text": f"message {number}."})


async def call(target: str, op: str, args: Mapping[str, Any], client: CollabClient) -> None:
    """Make one call."""
    await client.wire.call(target, op, args)
