"""Writes: one effect however often they arrive, durable before they are answered."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio

from actors import Batch
from collab.app import AppSettings
from protocol.client import Event, SnapshotItem, websocket_connector
from protocol.codec import encode_client
from protocol.errors import CallFailed
from protocol.messages import SUBPROTOCOL_MSGPACK, Call, Hello
from tests.integration.served import eventually, served

TARGET = "meeting:m1"


async def test_a_retried_write_gets_the_first_answer(tmp_path: Path) -> None:
    """[V2.1] After a reconnect, and after a restart: one effect, the same answer."""
    post = ("messages.post", {"text": "once"})
    async with served(tmp_path) as server:
        async with server.client("ann") as ann:
            first = await ann.ask(TARGET, *post, key="k1")
        async with server.client("ann") as ann:
            again = await ann.ask(TARGET, *post, key="k1")
    async with served(tmp_path) as server, server.client("ann") as ann:
        restarted = await ann.ask(TARGET, *post, key="k1")
        page = await ann.call(TARGET, "messages.page", {})
    assert first == again == restarted
    assert len(page["messages"]) == 1


async def test_keys_belong_to_their_user() -> None:
    """[V2.2] Another user's write with the same key is a write of its own."""
    async with served() as server, server.client("ann") as ann, server.client("ben") as ben:
        first = await ann.call(TARGET, "messages.post", {"text": "a"}, key="k")
        second = await ben.call(TARGET, "messages.post", {"text": "b"}, key="k")
        assert first != second


async def test_a_retried_leave_gets_its_first_answer() -> None:
    """[V2.3] Remembered answers come before permission."""
    async with served() as server, server.client("ann") as ann, server.client("ben") as ben:
        await ann.call(TARGET, "meeting.get")
        await ben.call(TARGET, "meeting.get")
        first = await ben.ask(TARGET, "participants.leave", key="bye")
        assert await ben.ask(TARGET, "participants.leave", key="bye") == first
        with pytest.raises(CallFailed, match="permission_denied"):
            await ben.call(TARGET, "participants.leave", key="another")


async def test_a_refused_write_leaves_no_trace() -> None:
    """[V2.4] Neither an event nor a remembered answer."""
    async with served() as server, server.client("ann") as ann:
        await ann.call(TARGET, "meeting.get")
        async with ann.follow(TARGET, ["messages"]) as follower:
            shown = await anext(follower)
            assert isinstance(shown, SnapshotItem)
            with pytest.raises(CallFailed, match="not_found"):
                await ann.call(TARGET, "messages.edit", {"id": 999, "text": "x"}, key="k")
            await ann.call(TARGET, "messages.post", {"text": "next"}, key="k")
            event = await anext(follower)
    assert isinstance(event, Event)
    assert event.seq == shown.seq + 1


async def test_nothing_leaves_before_it_is_durable(tmp_path: Path) -> None:
    """[V2.5] Reply and event wait for the journal; a reader sees only what it holds."""
    async with served(tmp_path) as server, server.client("ann") as ann:
        await ann.call(TARGET, "meeting.get")
        store = server.app.store
        held, appended = trio.Event(), store.append

        async def append_later(batch: Batch) -> None:
            await held.wait()
            await appended(batch)

        async with ann.follow(TARGET, ["messages"]) as follower, trio.open_nursery() as nursery:
            await anext(follower)
            store.append = append_later  # type: ignore[method-assign]
            nursery.start_soon(ann.call, TARGET, "messages.post", {"text": "slow disk"})
            with trio.move_on_after(0.2) as waited:
                await anext(follower)
            assert waited.cancelled_caught
            assert ann.unsent == 1
            held.set()
            with trio.fail_after(2):
                event = await anext(follower)
    assert isinstance(event, Event)
    assert event.type == "message.posted"


async def test_a_clock_that_jumps_disturbs_nobody() -> None:
    """[V2.6] Backwards or far ahead: order comes from seq, never from the clock."""
    now_ms = [1_000_000_000_000]
    settings = AppSettings(dev=True, clock_ms=lambda: now_ms[0])
    async with served(settings=settings) as server, server.client("ann") as ann:
        await ann.call(TARGET, "meeting.get")
        async with ann.follow(TARGET, ["messages"]) as follower:
            await anext(follower)
            for jump_ms in (0, -3_600_000, 90_000_000_000, -86_400_000):
                now_ms[0] += jump_ms
                await ann.call(TARGET, "messages.post", {"text": str(jump_ms)}, key=str(jump_ms))
            again = await ann.ask(TARGET, "messages.post", {"text": "0"}, key="0")
            events = [await anext(follower) for _ in range(4)]
    seqs = [event.seq for event in events if isinstance(event, Event)]
    assert seqs == sorted(set(seqs))
    assert len(seqs) == 4
    assert again.seq == seqs[0]


async def test_a_key_belongs_to_one_operation() -> None:
    """[V2.7] The same key with another operation is refused; nothing is taken for done."""
    async with served() as server, server.client("ann") as ann:
        await ann.call(TARGET, "meeting.get")
        await ann.call(TARGET, "messages.post", {"text": "a"}, key="k")
        with pytest.raises(CallFailed, match="conflict"):
            await ann.call(TARGET, "meeting.update", {"title": "T"}, key="k")


async def test_what_changed_nothing_is_decided_again() -> None:
    """[V2.9] A no-op leaves no answer behind: its retry is decided as things stand then."""
    async with served() as server, server.client("ann") as ann:
        await ann.call(TARGET, "meeting.get")
        first = await ann.ask(TARGET, "meeting.update", {"title": "m1"}, key="k")
        await ann.call(TARGET, "meeting.update", {"title": "other"})
        again = await ann.ask(TARGET, "meeting.update", {"title": "m1"}, key="k")
    assert first.seq is not None
    assert again.seq == first.seq + 2


async def test_what_was_written_right_before_leaving_is_done(tmp_path: Path) -> None:
    """[V2.15] The last words of somebody who closes the page count, whatever is busy just then."""
    connect = websocket_connector()
    async with served(tmp_path) as server, server.client("ann") as ann:
        await ann.call(TARGET, "meeting.get")
        store = server.app.store
        held, is_held, appended = trio.Event(), trio.Event(), store.append

        async def append_later(batch: Batch) -> None:
            is_held.set()
            await held.wait()
            await appended(batch)

        store.append = append_later  # type: ignore[method-assign]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ann.call, TARGET, "messages.post", {"text": "slow disk"})
            await is_held.wait()
            connections = server.wire.connection_count
            async with connect(server.url, SUBPROTOCOL_MSGPACK) as transport:
                hello = Hello(token="dev:ann", client="test")
                await transport.send(encode_client(hello, SUBPROTOCOL_MSGPACK))
                await transport.receive()
                post = Call(ref=1, target=TARGET, op="messages.post", args={"text": "bye"})
                await transport.send(encode_client(post, SUBPROTOCOL_MSGPACK))
            await eventually(partial(lambda: server.wire.connection_count == connections))
            held.set()
        page = await ann.call(TARGET, "messages.page", {})
    assert [m["parts"][0]["text"] for m in page["messages"]] == ["slow disk", "bye"]
