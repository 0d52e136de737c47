"""Large events, many of them, and clients that do not read: bounded in bytes, and never a gap."""

from __future__ import annotations

from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import pytest
import trio

from collab import gateway
from collab.answers import Answers, Remembered
from collab.chat.commands import CreateChat
from collab.limits import (
    DEDUPE_BYTES_MAX,
    DEDUPE_KEYS_MAX,
    DEDUPE_KEYS_PER_USER_MAX,
    RING_BYTES_MAX,
)
from protocol.client import Cursor, Event, SnapshotItem
from protocol.limits import EVENT_FRAME_BYTES, OUTBOX_HARD_BYTES
from protocol.messages import Call, Reply, Subscribe
from tests.integration.served import Served, served
from tests.integration.wires import wired

CHAT = "chat:c1"
BIG = [{"type": "text", "text": "x" * 20_000}] * 3


async def test_a_follower_far_behind_in_bytes_catches_up() -> None:
    """[V1.7] Ten megabytes behind: frames stay small, everything comes, no session is lost."""
    async with served() as server, server.client("ann") as ann:
        await ann.call(CHAT, "chat.get")
        async with ann.follow(CHAT, ["messages"]) as follower:
            await anext(follower)
            cursor = follower.cursor
        for _ in range(170):
            await ann.call(CHAT, "messages.post", {"parts": BIG})
        assert cursor is not None
        await expect_posts(server, cursor, 170)


async def expect_posts(server: Served, cursor: Cursor, count: int) -> None:
    opened = server.wire.metrics.sessions_opened
    async with server.client("ann") as client:
        with trio.fail_after(20):
            async with client.follow(CHAT, ["messages"], cursor=cursor) as follower:
                seq = cursor.seq
                for _ in range(count):
                    item = await anext(follower)
                    assert isinstance(item, Event)
                    assert item.seq > seq
                    seq = item.seq
    assert server.wire.metrics.sessions_opened == opened + 1


async def test_the_ring_is_bounded_in_bytes() -> None:
    """[V1.8] Recent events of a followed chat take bounded memory, however large they are."""
    async with served() as server, server.client("ann") as ann:
        await ann.call(CHAT, "chat.get")
        async with ann.follow(CHAT, ["messages"]) as follower:
            await anext(follower)
            for _ in range(120):
                await ann.call(CHAT, "messages.post", {"parts": BIG})
            (held,) = server.app.followers
            recent = held.hub.recent
            nbytes = sum(item[2].nbytes for item in recent)  # type: ignore[attr-defined]
            assert 0 < nbytes <= RING_BYTES_MAX


async def test_a_connection_that_is_full_leaves_nothing_behind() -> None:
    """[V1.9] Closed while a subscription was being answered: no follower, no ghost, no pin."""
    async with wired() as server:
        await server.app.do(CHAT, CreateChat(title="x", system_prompt="p" * 32_000), user_id="ann")
        client = await server.client("ann")
        client.socket.window = 0
        for n in range(60):
            client.send(Call(ref=n + 1, target=CHAT, op="chat.get"))
            await trio.testing.wait_all_tasks_blocked()
            if client.socket.backlog_bytes > OUTBOX_HARD_BYTES - 40_000:
                break
        client.send(Subscribe(ref=500, target=CHAT, topics=("state", "presence", "messages")))
        client.send(Subscribe(ref=501, target="chat:c1", topics=("state",)))
        for n in range(5):
            client.send(Call(ref=600 + n, target=CHAT, op="chat.get"))
        await trio.testing.wait_all_tasks_blocked()
        client.socket.abort()
        await trio.testing.wait_all_tasks_blocked()
        assert server.wire.connection_count == 0
        assert len(server.app.followers) == 0


@pytest.mark.parametrize("later", [0, 260])
async def test_deleted_content_is_not_shown_again(tmp_path: Path, later: int) -> None:
    """[V1.10] Neither from the ring nor from the journal: the event comes without its content.

    Nor when it was at rest in the ring, *later* events after it was said.
    """
    async with (
        served(tmp_path) as server,
        server.client("ann") as ann,
        server.client("ben") as ben,
    ):
        await ann.call(CHAT, "chat.get")
        async with ann.follow(CHAT, ["messages"]) as following:
            await anext(following)
            posted = await ann.call(CHAT, "messages.post", {"text": "my secret"})
            edited = {"id": posted["id"], "text": "my other secret"}
            await ann.call(CHAT, "messages.edit", edited)
            for number in range(later):
                await ann.call(CHAT, "messages.post", {"text": f"{number}"})
            await ann.call(CHAT, "messages.delete", {"id": posted["id"]})
            await ben.call(CHAT, "messages.post", {"text": "hi"})
            from_ring = await everything(server, "ben", after=following.cursor, back=4 + later)
    async with served(tmp_path) as server:
        from_journal = await everything(server, "ben")
    for events in (from_ring, from_journal):
        assert [event.type for event in events][-4 - later :] == [
            "message.posted",
            "message.edited",
            *["message.posted"] * later,
            "message.deleted",
            "message.posted",
        ]
        assert "secret" not in str(events)


async def everything(
    server: Served, user: str, *, after: Cursor | None = None, back: int = 0
) -> list[Event]:
    """Follow from the beginning, or from *back* events before *after*."""
    async with server.client(user) as client:
        async with client.follow(CHAT, ["messages"]) as follower:
            now = await anext(follower)
            assert isinstance(now, SnapshotItem)
        events: list[Event] = []
        start = max(0, (after.seq if after else 0) - back)
        origin = Cursor(epoch=now.epoch, seq=start)
        with trio.fail_after(5):
            async with client.follow(CHAT, ["messages"], cursor=origin) as follower:
                while not events or events[-1].by != "ben":  # He wrote last.
                    item = await anext(follower)
                    assert isinstance(item, Event)
                    events.append(item)
        return events


def test_nobody_pushes_out_anothers_answers() -> None:
    """[V2.8] Remembered answers are bounded per user, in all, and in bytes; the heaviest gives."""
    answers = Answers()
    small = Remembered("op", 1, {"id": 1}, 100)
    answers.remember("ann", "k", small)
    for n in range(DEDUPE_KEYS_MAX):
        answers.remember("ben", f"b{n}", small)
    assert answers.find("ann", "k") == small
    assert answers.find("ben", "b0") is None
    assert answers.find("ben", f"b{DEDUPE_KEYS_MAX - DEDUPE_KEYS_PER_USER_MAX}") == small
    for user in range(DEDUPE_KEYS_MAX // DEDUPE_KEYS_PER_USER_MAX + 1):
        for n in range(DEDUPE_KEYS_PER_USER_MAX):
            answers.remember(f"u{user}", f"k{n}", small)
    assert len(answers.dump()) <= DEDUPE_KEYS_MAX
    assert answers.find("ann", "k") == small
    for n in range(300):
        answers.remember("cat", f"k{n}", Remembered("op", n, "x" * 10_000, 10_100))
    assert len(msgpack.packb(answers.dump())) <= 1.2 * DEDUPE_BYTES_MAX
    again = Answers()
    again.load(answers.dump())
    assert again.dump() == answers.dump()
    assert EVENT_FRAME_BYTES < DEDUPE_BYTES_MAX


async def test_queries_that_read_storage_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """[V1.13] At most so many at once; each gives its place back, also if it fails or is left."""
    monkeypatch.setattr(gateway, "READS_AT_ONCE_MAX", 2)
    async with wired() as server:
        ann, bob = await server.client("ann"), await server.client("ann")
        meeting = "meeting:m"
        ann.send(Call(ref=0, target=meeting, op="meeting.schedule", args={"title": "t"}))
        await ann.receive()
        for ref in range(1, 21):
            ann.send(Call(ref=ref, target=meeting, op="transcript.page", args={"limit": 2}))
            bob.send(Call(ref=ref, target=meeting, op="transcript.page", args={"limit": 2}))
            narrow = {"start_ms": 5, "end_ms": 6} if ref % 2 else {"start_ms": 6, "end_ms": 5}
            ann.send(Call(ref=100 + ref, target=meeting, op="transcript.range", args=narrow))
        bob.socket.abort()
        with trio.fail_after(5):
            answers = [await ann.receive() for _ in range(40)]
    assert sum(type(answer) is Reply for answer in answers) == 30
