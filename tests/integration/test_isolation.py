"""Nobody sees what they may not: current participants only, at once, also in live streams."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from actors import Batch, Head, JournalCorrupt
from collab.app import AppSettings
from collab.identity import open_authenticator
from collab.identity.authenticator import LocalAuthenticator
from collab.storage import MemoryStore
from protocol.client import Client, Event, Follower, SnapshotItem, SubscriptionEnded, open_client
from protocol.errors import CallFailed
from tests.integration.served import Served, served

TARGET = "meeting:board"
TOPICS = ("state", "participants", "transcript", "messages")
NOW_MS = 1_800_000_000_000


@pytest.fixture
def identity() -> LocalAuthenticator:
    return open_authenticator(None, dev=False, clock_ms=lambda: NOW_MS)


@pytest.fixture
async def server(identity: LocalAuthenticator) -> AsyncIterator[Served]:
    settings = AppSettings(identity=identity, clock_ms=lambda: NOW_MS)
    async with served(settings=settings) as running:
        yield running


@pytest.fixture
async def people(server: Served, identity: LocalAuthenticator) -> AsyncIterator[dict[str, Client]]:
    async with (
        open_client(server.url, token=identity.signer.sign("ann", ttl_s=900)) as ann,
        open_client(server.url, token=identity.signer.sign("ben", ttl_s=900)) as ben,
        open_client(server.url, token=identity.signer.sign("eve", ttl_s=900)) as eve,
    ):
        invited = [{"user_id": "ben", "role": "speaker"}]
        await ann.call(TARGET, "meeting.schedule", {"title": "Board", "participants": invited})
        await ann.call(TARGET, "meeting.start")
        await ben.call(TARGET, "participants.join")
        yield {"ann": ann, "ben": ben, "eve": eve}


async def collect(follower: Follower, events: list[Event]) -> SubscriptionEnded:
    """Read events until the server ends the stream; return how it did."""
    try:
        async for item in follower:
            if isinstance(item, Event):
                events.append(item)
    except SubscriptionEnded as ended:
        return ended
    raise AssertionError("the stream ended without a reason")


async def test_a_stranger_learns_nothing(people: dict[str, Client]) -> None:
    """[V3.1] Not a state, not a message, not whether the meeting exists."""
    eve = people["eve"]
    answers = set()
    for target in (TARGET, "meeting:does-not-exist"):
        for op in ("meeting.get", "participants.list", "messages.page", "transcript.page"):
            with pytest.raises(CallFailed) as refusal:
                await eve.call(target, op)
            answers.add(refusal.value.code)
        for topic in TOPICS:
            with pytest.raises(SubscriptionEnded) as ended:
                async with eve.follow(target, [topic]) as follower:
                    await anext(follower)
            answers.add(ended.value.code)
    assert answers == {"permission_denied"}


async def test_removal_ends_the_streams_at_once(people: dict[str, Client]) -> None:
    """[V3.2] What is posted after the removal never reaches the removed one."""
    ann, ben = people["ann"], people["ben"]
    seen: list[Event] = []
    async with ben.follow(TARGET, TOPICS) as follower:
        await anext(follower)
        await ann.call(TARGET, "messages.post", {"text": "before"})
        removed_at = trio.current_time()
        await ann.call(TARGET, "participants.remove", {"user_id": "ben"})
        await ann.call(TARGET, "messages.post", {"text": "after"})
        ending = await collect(follower, seen)
        assert trio.current_time() - removed_at < 0.25
    assert ending.code == "permission_denied"
    assert [event.type for event in seen] == ["message.posted"]
    with pytest.raises(CallFailed, match="permission_denied"):
        await ben.call(TARGET, "messages.post", {"text": "still here?"})
    with pytest.raises(CallFailed, match="permission_denied"):
        await ben.call(TARGET, "messages.page")


async def test_a_cursor_is_no_key(people: dict[str, Client]) -> None:
    """[V3.3] Resuming asks for permission like subscribing does."""
    ann, ben = people["ann"], people["ben"]
    async with ben.follow(TARGET, TOPICS) as follower:
        await anext(follower)
        cursor = follower.cursor
    await ann.call(TARGET, "participants.remove", {"user_id": "ben"})
    with pytest.raises(SubscriptionEnded, match="permission_denied"):
        async with ben.follow(TARGET, TOPICS, cursor=cursor) as follower:
            await anext(follower)


async def test_invited_again_is_in_again(people: dict[str, Client]) -> None:
    """[V3.4] A new invitation grants what the removal took."""
    ann, ben = people["ann"], people["ben"]
    await ann.call(TARGET, "participants.remove", {"user_id": "ben"})
    await ann.call(TARGET, "participants.invite", {"user_id": "ben", "role": "attendee"})
    await ben.call(TARGET, "participants.join")
    assert (await ben.call(TARGET, "meeting.get"))["role"] == "attendee"


async def test_lists_follow_the_meeting(server: Served, people: dict[str, Client]) -> None:
    """[V4.1] One's own list changes live when one is invited, renamed around, or removed."""
    ann, ben = people["ann"], people["ben"]
    async with ben.follow("user:ben", ["list"]) as follower:
        await anext(follower)
        await ann.call(TARGET, "meeting.update", {"title": "Board, moved"})
        with trio.fail_after(5):
            event = await anext(follower)
        assert isinstance(event, Event)
        assert event.data["title"] == "Board, moved"
        await ann.call(TARGET, "participants.remove", {"user_id": "ben"})
        with trio.fail_after(5):
            gone = await anext(follower)
        assert isinstance(gone, Event)
    assert (await ben.call("user:ben", "user.list"))["items"] == []
    assert server.app.signals.refused == 0
    with pytest.raises(CallFailed, match="permission_denied"):
        await ann.call("user:ben", "user.list")


async def test_a_public_link_turned_off_ends_its_readers(people: dict[str, Client]) -> None:
    """[V3.5] Who came through the link is shut out with it, and nobody else."""
    ann, ben, eve = people["ann"], people["ben"], people["eve"]
    await ann.call("chat:c1", "chat.create", {"title": "Open"})
    await ann.call("chat:c1", "members.add", {"user_id": "ben", "role": "viewer"})
    await ann.call("chat:c1", "chat.publish", {"on": True})
    async with (
        ben.follow("chat:c1", ["messages"]) as member,
        eve.follow("chat:c1", ["messages"]) as reader,
    ):
        await anext(member)
        await anext(reader)
        await ann.call("chat:c1", "chat.publish", {"on": False})
        with pytest.raises(SubscriptionEnded, match="permission_denied"), trio.fail_after(5):
            await anext(reader)
        await ann.call("chat:c1", "messages.post", {"text": "among us"})
        with trio.fail_after(5):
            event = await anext(member)
        assert isinstance(event, Event)


async def test_the_end_closes_every_stream(people: dict[str, Client]) -> None:
    """[M1.9] The end is the last event; reading goes on with a new subscription."""
    ann, ben = people["ann"], people["ben"]
    seen: list[Event] = []
    async with ben.follow(TARGET, TOPICS) as follower:
        await anext(follower)
        await ann.call(TARGET, "meeting.end")
        ending = await collect(follower, seen)
    assert ending.code == "concluded"
    assert seen[-1].type == "meeting.ended"
    async with ben.follow(TARGET, TOPICS) as follower:
        assert isinstance(await anext(follower), SnapshotItem)


async def test_many_changes_leave_one_signal_per_list(
    server: Served, people: dict[str, Client]
) -> None:
    """[V4.10] What a list shows last is all that waits for it, however often it changed."""
    app = server.app
    forget = app.store.forget_signals_soon
    app.store.forget_signals_soon = lambda ids: None  # type: ignore[method-assign]  # noqa: ARG005
    for n in range(10):
        await people["ann"].call(TARGET, "meeting.update", {"title": f"Board {n}"})
    waiting = await app.store.pending_signals(after=0, limit=100)
    app.store.forget_signals_soon = forget  # type: ignore[method-assign]
    assert sorted(signal.target for signal in waiting) == ["user:ann", "user:ben"]


async def test_damage_is_told_as_what_it_is() -> None:
    """[J10.3] Final for a client, not to be tried again for ever; others go on."""
    store = _DamagedStore()
    async with (
        served(settings=AppSettings(dev=True, store=store)) as server,
        server.client("ann") as ann,
    ):
        with pytest.raises(CallFailed) as caught:
            await ann.call("meeting:hurt", "messages.post", {"text": "hello"})
        assert (caught.value.code, caught.value.retryable) == ("damaged", False)
        with pytest.raises(SubscriptionEnded) as ended:
            async with ann.follow("meeting:hurt", ["state"]) as follower:
                await anext(follower)
        assert ended.value.code == "damaged"
        await ann.call("meeting:fine", "messages.post", {"text": "hello"})


class _DamagedStore(MemoryStore):
    async def head(self, actor_id: str) -> Head:
        if actor_id == "meeting:hurt":
            raise JournalCorrupt(actor_id, "checksum of record 3")
        return await super().head(actor_id)


class _ForgetfulStore(MemoryStore):
    """Stores a chat's first batch, and says that it may not have."""

    has_failed = False

    async def append(self, batch: Batch) -> None:
        await super().append(batch)
        if batch.actor_id == "chat:c" and not self.has_failed:
            self.has_failed = True
            raise OSError("no answer from the disk")


async def test_signals_of_an_unknown_outcome_are_looked_for() -> None:
    """[V4.11] The chat exists: its owner's list shows it."""
    store = _ForgetfulStore()
    async with (
        served(settings=AppSettings(dev=True, store=store)) as server,
        server.client("ann") as ann,
        ann.follow("user:ann", ["list"]) as follower,
    ):
        await anext(follower)
        await ann.call("chat:c", "chat.create", {"title": "Tea"})
        with trio.fail_after(5):
            item = await anext(follower)
        assert isinstance(item, Event)
        assert item.data["target"] == "chat:c"
