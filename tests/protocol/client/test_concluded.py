"""What a target's end means to those who follow it: some go on with what is left."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from protocol.client import (
    Client,
    Cursor,
    Event,
    Follower,
    SnapshotItem,
    SubscriptionEnded,
    open_view,
)
from protocol.messages import Error, SetPresence, Subscribe
from tests.protocol.client.server import Server


async def data_of(follower: Follower, count: int) -> list[Any]:
    items = [await anext(follower) for _ in range(count)]
    assert all(isinstance(item, Event) for item in items)
    return [item.data for item in items if isinstance(item, Event)]


def asked(server: Server) -> list[Cursor | None]:
    """Return where all subscriptions of the newest session began."""
    return [message.cursor for message in server.session.of_type(Subscribe)]


async def test_a_lasting_follower_goes_on_with_what_is_left(client: Client, server: Server) -> None:
    """[L2.13] It asks from where it stands; others of the same target are told of the end."""
    async with (
        client.follow("log:1", ["log"], lasting=True) as lasting,
        client.follow("log:1", ["log"]) as other,
    ):
        await anext(lasting)
        await anext(other)
        server.append("log:1", "log", "last words")
        server.session.end("log:1", "concluded")
        assert await data_of(lasting, 1) == await data_of(other, 1) == ["last words"]
        with pytest.raises(SubscriptionEnded, match="concluded"):
            await anext(other)
        await trio.testing.wait_all_tasks_blocked()
        assert asked(server)[1:] == [Cursor(epoch="e1", seq=1)]
        server.append("log:1", "log", "deleted")
        assert await data_of(lasting, 1) == ["deleted"]
        server.session.wire.cut()
        server.append("log:1", "log", "deleted too")
        assert await data_of(lasting, 1) == ["deleted too"]


@pytest.mark.parametrize("code", ["concluded", "permission_denied"])
async def test_who_may_not_read_what_is_left_is_told_at_once(
    client: Client, server: Server, code: str
) -> None:
    """[L2.13] A refusal is believed."""
    async with client.follow("log:1", ["log"], lasting=True) as follower:
        await anext(follower)
        server.on_subscribe = lambda _message: Error(code=code, message="")
        server.session.end("log:1", "concluded")
        with pytest.raises(SubscriptionEnded, match=code):
            await anext(follower)
        assert len(asked(server)) == 2


async def test_what_concludes_again_is_over(client: Client, server: Server) -> None:
    """[L2.13] Nobody asks for ever: also where the server says the same every time."""
    async with client.follow("log:1", ["log"], lasting=True) as follower:
        await anext(follower)
        for _ in range(2):
            server.session.end("log:1", "concluded")
            await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(SubscriptionEnded, match="concluded"):
            await anext(follower)
        assert len(asked(server)) == 2


async def test_what_one_shows_is_shown_after_the_end_too(client: Client, server: Server) -> None:
    """[L2.13] Those who read on are present."""
    async with client.follow("log:1", ["log", "presence"], lasting=True) as follower:
        await anext(follower)
        await client.presence("log:1", {"typing": True})
        server.session.end("log:1", "concluded")
        await trio.testing.wait_all_tasks_blocked()
        states = [message.state for message in server.session.of_type(SetPresence)]
        assert states == [{"typing": True}] * 2


async def test_a_view_goes_on_with_what_is_left(client: Client, server: Server) -> None:
    """[L4.6] The end changes nothing in it; what follows shows, and only the second end is one."""

    def load(snapshot: SnapshotItem) -> list[Any]:
        return list(snapshot.topics["log"])

    def reduce(shown: list[Any], event: Event) -> list[Any]:
        return [*shown, event.data]

    async with open_view(client, "log:1", ["log"], load=load, reduce=reduce) as view:
        server.append("log:1", "log", "a")
        server.session.end("log:1", "concluded")
        await trio.testing.wait_all_tasks_blocked()
        server.append("log:1", "log", "b")
        assert await view.wait_for(lambda shown: "b" in shown) == ["a", "b"]
        server.session.end("log:1", "concluded")
        with pytest.raises(SubscriptionEnded, match="concluded"):
            await view.wait_for(lambda shown: "c" in shown)
        assert view.state == ["a", "b"]
