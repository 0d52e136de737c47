"""What one shows the others, put together here and taken back when it is over."""

from __future__ import annotations

import trio
import trio.testing

from protocol.client import Client
from protocol.messages import SetPresence, Subscribe, Unsubscribe
from tests.protocol.client.server import Server


async def test_parts_that_show_a_map_of_one_name_show_one_map(
    client: Client, server: Server
) -> None:
    """[L2.9] Two editors of one document are two entries; one that goes takes its own with it."""
    async with client.follow("log:1", ["log", "presence"]) as follower:
        await anext(follower)
        for part, shown in (("a", {"yjs": {"1": "x"}}), ("b", {"yjs": {"2": "y"}, "at": 1})):
            await client.presence("log:1", shown, part=part)
        await trio.testing.wait_all_tasks_blocked()
        assert server.session.presence["log:1"] == {"yjs": {"1": "x", "2": "y"}, "at": 1}
        await client.presence("log:1", None, part="b")
        await trio.testing.wait_all_tasks_blocked()
        assert server.session.presence["log:1"] == {"yjs": {"1": "x"}}


async def test_what_is_taken_back_between_two_subscriptions_is_not_shown_by_the_next(
    client: Client, server: Server
) -> None:
    """[L2.9] The server goes on showing what it was told: so it is told, here and at the end."""
    async with client.follow("log:1", ["log", "presence"]) as follower:
        await anext(follower)
        await client.presence("log:1", {"at": 1})
        await trio.testing.wait_all_tasks_blocked()
        async with client.follow("log:1", ["other"]):
            await client.presence("log:1", None)
            await trio.testing.wait_all_tasks_blocked()
            assert len(server.session.of_type(Subscribe)) == 2
        states = [message.state for message in server.session.of_type(SetPresence)]
        assert states == [{"at": 1}, None]
        await client.presence("log:1", {"at": 2})
        await trio.testing.wait_all_tasks_blocked()
    await trio.testing.wait_all_tasks_blocked()
    ends = [m for m in server.session.received if isinstance(m, SetPresence | Unsubscribe)][-2:]
    assert [type(message) for message in ends] == [SetPresence, Unsubscribe]
    assert ends[0] == SetPresence(target="log:1", state=None)
