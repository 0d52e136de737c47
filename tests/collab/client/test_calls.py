"""Typed calls: each sends what its command says, and gets the server's answer."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio

from collab.client import CollabClient, Event, SnapshotItem, connect, wire_address
from collab.meeting.commands import Invitee
from collab.transcript.commands import AddChunk, Chunk
from protocol.client import ConnectionState, SubscriptionEnded
from protocol.errors import CallFailed
from tests.collab.client.conftest import Connecting


async def test_a_meeting_from_its_plan_to_its_end(ann: CollabClient, ben: CollabClient) -> None:
    """[L6.1] Every operation of a meeting has a method."""
    meeting, bens = ann.meeting("planned"), ben.meeting("planned")
    planned = await meeting.schedule(
        "Plan", planned_start_ms=1, participants=[Invitee(user_id="ben", role="speaker")]
    )
    assert planned == {"status": "scheduled"}
    await meeting.update(description="all of it")
    await meeting.reschedule(5, duration_min=30)
    await bens.people.join()
    await meeting.people.invite("eve", "attendee")
    await meeting.people.set_role("ben", "host")
    await meeting.people.remove("eve")
    listed = await meeting.people.list(limit=10)
    assert [person["user_id"] for person in listed["participants"]] == ["ann", "ben"]
    await meeting.start()
    chunk = {"provider": "p", "speaker": "ann", "start_ms": 0, "end_ms": 900}
    said = await meeting.transcript.add(AddChunk(segment="s1", text="hello", **chunk))  # type: ignore[arg-type]
    assert said["seq"] > 0
    await meeting.transcript.add_many([Chunk(segment="s2", text="again", **chunk)])  # type: ignore[arg-type]
    spoken = await meeting.transcript.range(0, 1_000)
    assert [line["text"] for line in spoken["lines"]] == ["hello", "again"]
    assert len((await meeting.transcript.page())["buckets"]) == 1
    await meeting.transfer("ben")
    await meeting.people.leave()
    assert (await bens.get())["owner_id"] == "ben"
    await bens.end()
    with pytest.raises(CallFailed, match="conflict"):
        await bens.cancel()


async def test_a_chat_with_members_messages_and_branches(
    ann: CollabClient, ben: CollabClient
) -> None:
    """[L6.1] Every operation of a chat has a method."""
    chat = ann.chat("c1")
    await chat.create("Talk")
    await chat.rename("Talks")
    await chat.update(project="p1")
    await chat.members.add("ben")
    await chat.members.set_role("ben", "viewer")
    first = (await chat.messages.post("one"))["id"]
    second = (await chat.messages.post("two", reply_to=first))["id"]
    await chat.messages.edit(first, "uno")
    await chat.messages.react(second, "+1")
    await chat.messages.delete(second)
    assert (await chat.messages.get(first))["parts"] == [{"type": "text", "text": "uno"}]
    assert len((await chat.messages.history(first))["versions"]) == 1
    assert len((await chat.messages.page(limit=1))["messages"]) == 1
    await chat.branch(first)
    assert (await chat.branches())["leaf"] == first
    await chat.publish(on=True)
    assert (await ben.chat("c1").get())["role"] == "viewer"
    await ben.chat("c1").members.leave()
    await chat.members.add("ben", "editor")
    await chat.transfer("ben")
    await ben.chat("c1").members.remove("ann")
    await ben.chat("c1").delete()


async def test_ones_own_list_is_pinned_archived_and_paged(ann: CollabClient) -> None:
    """[L6.1] The list is one's own, whoever one is."""
    await ann.chat("c1").create("Talk")
    me = await ann.me()
    async with me.follow() as follower:
        async for item in follower:
            shown = item.topics["list"]["items"] if isinstance(item, SnapshotItem) else [item]
            if shown:
                break
    await me.pin("chat:c1")
    await me.archive("chat:c1")
    assert [item["target"] for item in (await me.list(is_archived=True))["items"]] == ["chat:c1"]
    await me.archive("chat:c1", on=False)
    assert (await me.list(kind="meeting"))["items"] == []


async def test_following_begins_with_a_snapshot_and_goes_on_from_a_cursor(
    ann: CollabClient,
) -> None:
    """[L6.2] All topics of the kind, or those that are named; from a cursor nothing twice."""
    meeting = ann.meeting("m1")
    await meeting.messages.post("one")
    async with meeting.follow() as follower:
        first = await anext(follower)
        assert isinstance(first, SnapshotItem)
        assert set(first.topics) == set(meeting.TOPICS)
        cursor = follower.cursor
    await meeting.messages.post("two")
    items = []
    async with meeting.follow(cursor, topics=["messages"]) as follower:
        async for item in follower:
            items.append(item)
            if len(items) == 1:
                await meeting.messages.post("three")
            else:
                break
    texts = [item.data["parts"][0]["text"] for item in items if isinstance(item, Event)]
    assert texts == ["two", "three"]


async def test_iteration_ends_with_the_subscription(ann: CollabClient, ben: CollabClient) -> None:
    """[L6.2] Who is shut out gets what was theirs, and then an error."""
    await ann.meeting("m1").messages.post("one")
    await ben.meeting("m1").get()
    items = []
    with pytest.raises(SubscriptionEnded):  # noqa: PT012 - iteration is what raises.
        async for item in ben.meeting("m1").follow():
            items.append(item)
            await ann.meeting("m1").people.remove("ben")
    assert isinstance(items[0], SnapshotItem)


async def test_a_lasting_iteration_reads_on_after_the_end(
    ann: CollabClient, ben: CollabClient
) -> None:
    """[L6.2] What happens to a meeting that has ended is told to those who read on."""
    meeting, seen = ann.meeting("m1"), list[str]()
    await meeting.get()
    await ben.meeting("m1").get()
    async with meeting.follow(lasting=True) as follower:
        assert isinstance(await anext(follower), SnapshotItem)
        await meeting.end()
        await meeting.people.remove("ben")
        with trio.fail_after(10):
            while seen[-1:] != ["participant.removed"]:
                item = await anext(follower)
                assert isinstance(item, Event)
                seen.append(item.type)
    assert seen == ["meeting.ended", "participant.removed"]


async def test_a_key_makes_a_write_happen_once(ann: CollabClient) -> None:
    """[L6.1] The same key, the same answer, one message."""
    messages = ann.meeting("m1").messages
    first = await messages.post("once", key="k1")
    assert await messages.post("once", key="k1") == first
    assert len((await messages.page())["messages"]) == 1


async def test_malformed_commands_are_refused_here(ann: CollabClient) -> None:
    """[L6.1] What the server would refuse as malformed is a ValueError before it is sent."""
    with pytest.raises(ValueError, match="emoji"):
        await ann.meeting("m1").messages.react(1, "")
    with pytest.raises(ValueError, match="user_id"):
        await ann.meeting("m1").people.remove("not a user")


async def test_a_wrong_wish_is_told_what_is_right(ann: CollabClient) -> None:
    """[L6.2] Topics in the place of the cursor, or a name in the place of names."""
    for wrong in ("notes", ["notes"], 3):
        with pytest.raises(TypeError, match=r"topics are named with topics="):
            ann.meeting("m1").follow(cast("Any", wrong))
    with pytest.raises(TypeError, match=r"topics=\['notes'\]"):
        ann.meeting("m1").follow(topics="notes")


async def test_addresses_are_those_of_the_server_or_of_its_wire(connecting: Connecting) -> None:
    """[L6.3] http means ws and /v1; anything else is a ValueError."""
    assert wire_address("http://h:1") == "ws://h:1/v1"
    assert wire_address("https://h/") == "wss://h/v1"
    assert wire_address("ws://h/deep/v1?x=1") == "ws://h/deep/v1?x=1"
    for wrong in ("h:1", "ftp://h", "http://", ""):
        with pytest.raises(ValueError, match="address"):
            wire_address(wrong)
    async with connecting("ann") as client:
        await client.wire.wait_state(ConnectionState.LIVE)
        assert client.wire.user_id == "ann"
    with pytest.raises(ValueError, match="encoding"):
        async with connect("http://h", token="x", encoding="xml"):  # type: ignore[arg-type]
            pass
