"""One's own things through the client: two devices, one truth; connections; cards."""

from __future__ import annotations

import pytest

from collab.client import CollabClient, Event, InboxShown
from collab.client import inbox_shown as shown
from collab.user.profile.shapes import Language
from protocol.errors import CallFailed
from tests.collab.client.conftest import Connecting


async def test_what_is_read_on_one_device_is_read_on_the_other(
    connecting: Connecting, ann: CollabClient, ben: CollabClient
) -> None:
    """[L6.10] Unread messages, marks and invitations are live on every device."""
    chat = ann.chat("c1")
    await chat.create("Talk")
    await chat.members.add("ben")
    async with connecting("ben") as phone:
        laptop_me, phone_me = await ben.me(), await phone.me()
        async with laptop_me.view() as laptop, phone_me.view() as on_phone:
            first = (await chat.messages.post("hi"))["id"]
            for view in (laptop, on_phone):
                state = await view.wait_for(lambda state: state.unread == 1)
                assert state.items["chat:c1"].is_request
            await laptop_me.read("chat:c1", first)
            await laptop_me.welcome("chat:c1")
            await laptop_me.pin("chat:c1")
            state = await on_phone.wait_for(
                lambda state: state.items["chat:c1"].pinned_ms is not None
            )
            assert (state.unread, state.items["chat:c1"].is_request) == (0, False)
            assert [notice.about for notice in state.notices] == ["added"]
            await phone_me.notices.see()
            await laptop.wait_for(lambda state: state.unseen == 0)
            await chat.members.remove("ben")
            state = await on_phone.wait_for(lambda state: not state.items)
            assert state.notices[0].about == "removed"
    assert (await (await ben.me()).inbox())["unseen"] == 1


async def test_two_people_connect(ann: CollabClient, ben: CollabClient) -> None:
    """[L6.1] Every operation on oneself has a method; connections are live on both sides."""
    me, bens = await ann.me(), await ben.me()
    await me.profile.set(
        name="Ann",
        bio="Builds.",
        interests=["music"],
        goals=["meet"],
        languages=[Language(tag="en")],
        experience=[],
    )
    assert (await me.profile.get())["profile"]["goals"] == ["meet"]
    assert (await me.profile.taxonomy())["version"] >= 1
    with pytest.raises(CallFailed, match="permission_denied"):
        await ben.person("ann").card()
    async with me.view() as mine, bens.view() as theirs:
        await me.connections.request("ben")
        await me.connections.withdraw("ben")
        await me.connections.request("ben")
        await theirs.wait_for(lambda state: state.standings == {"ann": "received"})
        await bens.connections.decline("ann")
        await mine.wait_for(lambda state: state.standings == {})
        await bens.connections.request("ann")
        await mine.wait_for(lambda state: state.standings == {"ben": "received"})
        await me.connections.accept("ben")
        await theirs.wait_for(lambda state: state.standings == {"ann": "connected"})
        assert (await ben.person("ann").card())["name"] == "Ann"
        assert (await bens.connections.list())["people"][0]["card"]["name"] == "Ann"
        await bens.connections.remove("ann")
        await mine.wait_for(lambda state: state.standings == {})
        await bens.connections.block("ann")
        await theirs.wait_for(lambda state: state.standings == {"ann": "blocked"})
        await bens.connections.unblock("ann")
        await bens.set_door("known")
        await theirs.wait_for(lambda state: state.standings == {})
    chat = ann.chat("c2")
    await chat.create("Talk")
    assert (await chat.members.cards(["ann"]))["cards"]["ann"]["bio"] == "Builds."
    meeting = ann.meeting("m2")
    await meeting.get()
    assert list((await meeting.people.cards(["ann", "ben"]))["cards"]) == ["ann"]
    assert (await bens.list(standing="invited"))["items"] == []
    assert (await bens.notices.list(limit=1))["notices"][0]["about"] == "connected"


def test_events_of_what_is_not_shown_change_nothing() -> None:
    """[L6.10] An item further back than the first page is not shown, nor is what happens to it."""
    event = Event(
        seq=1,
        topic="list",
        type="user.counted",
        at_ms=1,
        by="chat:c",
        data={"target": "chat:c", "count": 1, "seen": 0, "unread": 1},
    )
    assert shown.reduce(InboxShown(), event) == InboxShown()
