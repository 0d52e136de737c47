"""Snapshot, events, resume and reset, from socket to storage and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from collab.kind import Caller
from collab.messages import React
from collab.requests import Do
from protocol.client import Client, Cursor, Event, Follower, SnapshotItem
from protocol.limits import CATCH_UP_EVENTS_MAX
from tests.integration.served import Served, served

TARGET = "meeting:m1"
TOPICS = ("state", "participants", "messages")


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


async def post(client: Client, text: str, *, key: str | None = None) -> int:
    reply = await client.call(TARGET, "messages.post", {"text": text}, key=key)
    return int(reply["id"])


async def first(follower: Follower) -> SnapshotItem:
    item = await anext(follower)
    assert isinstance(item, SnapshotItem)
    return item


async def texts_until(follower: Follower, last: str) -> list[str]:
    """Return the texts of posted messages, up to and including *last*."""
    texts: list[str] = []
    with trio.fail_after(10):
        async for item in follower:
            if isinstance(item, Event) and item.type == "message.posted":
                texts.append(item.data["parts"][0]["text"])
                if texts[-1] == last:
                    return texts
    raise AssertionError("the stream ended")


async def test_a_subscription_is_a_snapshot_and_then_every_event(server: Served) -> None:
    """[V1.1] Writers keep writing while readers join: no gap and no duplicate for anybody."""
    count = 60

    async def write(client: Client) -> None:
        for n in range(count):
            await post(client, str(n))

    async def read(user: str) -> None:
        async with server.client(user) as client, client.follow(TARGET, TOPICS) as follower:
            shown = await first(follower)
            held = [m["parts"][0]["text"] for m in shown.topics["messages"]["messages"]]
            if held[-1:] != [str(count - 1)]:
                held += await texts_until(follower, str(count - 1))
            assert held == [str(n) for n in range(count)]

    async with server.client("ann") as writer, trio.open_nursery() as nursery:
        nursery.start_soon(write, writer)
        for n in range(8):
            nursery.start_soon(read, f"reader-{n}")
            await trio.sleep(0.005)


async def test_a_cursor_resumes_from_memory(server: Served) -> None:
    """[V1.2] What was missed comes in order, and only that."""
    async with server.client("ann") as ann, server.client("ben") as ben:
        async with ben.follow(TARGET, TOPICS) as follower:
            await first(follower)
            await post(ann, "seen")
            await texts_until(follower, "seen")
            cursor = follower.cursor
        for n in range(5):
            await post(ann, f"missed {n}")
        async with ben.follow(TARGET, TOPICS, cursor=cursor) as follower:
            assert await texts_until(follower, "missed 4") == [f"missed {n}" for n in range(5)]


async def test_a_cursor_resumes_from_storage_after_a_restart(tmp_path: Path) -> None:
    """[V1.3] A restart of the server changes nothing for a cursor, however far behind."""
    async with served(tmp_path) as running, running.client("ann") as ann:
        async with ann.follow(TARGET, TOPICS) as follower:
            start = await first(follower)
        for n in range(700):  # More than one page of the catch-up.
            await post(ann, str(n))
    async with served(tmp_path) as running, running.client("ann") as ann:
        cursor = Cursor(epoch=start.epoch, seq=start.seq)
        async with ann.follow(TARGET, TOPICS, cursor=cursor) as follower:
            assert await texts_until(follower, "699") == [str(n) for n in range(700)]


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [
        (Cursor(epoch="somebody else's", seq=1), "epoch_changed"),
        (None, "cursor_ahead"),
    ],
)
async def test_a_cursor_that_cannot_be_continued_is_reset(
    server: Served, cursor: Cursor | None, reason: str
) -> None:
    """[V1.4] Another epoch or a forged seq gets an explicit reset with a fresh snapshot."""
    async with server.client("ann") as ann:
        await post(ann, "here")
        async with ann.follow(TARGET, TOPICS) as follower:
            now = await first(follower)
        asked = cursor or Cursor(epoch=now.epoch, seq=now.seq + 1_000)
        async with ann.follow(TARGET, TOPICS, cursor=asked) as follower:
            again = await first(follower)
    assert again.reset_reason == reason
    assert again.topics == now.topics


async def test_a_cursor_that_is_too_old_is_reset(server: Served) -> None:
    """[V1.4] Beyond the bound of a catch-up, a snapshot is cheaper for both sides."""
    async with server.client("ann") as ann:
        message_id = await post(ann, "first")
        async with ann.follow(TARGET, TOPICS) as follower:
            now = await first(follower)
        old = Cursor(epoch=now.epoch, seq=0)
        await append_noise(server, message_id, CATCH_UP_EVENTS_MAX)
        async with ann.follow(TARGET, TOPICS, cursor=old) as follower:
            again = await first(follower)
    assert again.reset_reason == "cursor_too_old"


async def append_noise(server: Served, message_id: int, count: int) -> None:
    """React and take it back, *count* times, in the actor and without a socket."""
    ref = server.app.system.ref("meeting", "m1")
    for n in range(count):
        await ref.tell(Do(Caller("ann"), React(id=message_id, emoji="👍", on=n % 2 == 0)))
    await ref.ask(Do(Caller("ann"), React(id=message_id, emoji="🎉")), timeout_s=60)


async def test_a_quiet_follower_misses_nothing_when_the_tail_of_others_is_long(
    server: Served,
) -> None:
    """[V1.5] A subscription to few topics is not disturbed by what others carry."""
    async with server.client("ann") as ann, ann.follow(TARGET, ("state",)) as follower:
        shown: Any = await first(follower)
        assert set(shown.topics) == {"state"}
        for n in range(50):
            await post(ann, str(n))
        await ann.call(TARGET, "meeting.update", {"title": "Plans"})
        with trio.fail_after(5):
            event = await anext(follower)
        assert isinstance(event, Event)
        assert event.topic == "state"


async def test_development_brings_things_into_being(server: Served) -> None:
    """[V1.6] With --dev a meeting exists once opened, and everyone in it may speak."""
    async with server.client("ann") as ann, server.client("ben") as ben:
        assert (await ann.call(TARGET, "meeting.get"))["role"] == "host"
        assert (await ben.call(TARGET, "meeting.get"))["role"] == "speaker"
