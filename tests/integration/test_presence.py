"""Presence over the wire: stamped by the server, coalesced, gone with its connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from attrs import define, field

from protocol.client import Client, Follower, PresenceItem, SnapshotItem
from protocol.limits import PRESENCE_HOLD_S
from tests.integration.served import served

TARGET = "meeting:m1"
TOPICS = ("state", "presence")


async def test_who_is_here_comes_and_goes() -> None:
    """[V5.1] Everybody present is shown under their own name until they leave."""
    async with (
        served() as server,
        server.client("ann") as ann,
        ann.follow(TARGET, TOPICS) as follower,
    ):
        assert isinstance(await anext(follower), SnapshotItem)
        here: dict[str, object] = {}

        async def until(*users: str) -> None:
            with trio.fail_after(5):
                while {s["user"] for s in here.values()} != set(users):  # type: ignore[index]
                    item = await anext(follower)
                    if isinstance(item, PresenceItem):
                        if item.full:
                            here.clear()
                        here.update(item.sessions)
                        for gone in [n for n, state in here.items() if state is None]:
                            del here[gone]

        await until("ann")
        async with server.client("ben") as ben, ben.follow(TARGET, TOPICS) as second:
            await anext(second)
            await until("ann", "ben")
            await ben.presence(TARGET, {"user": "ann", "cursor": 7})
            with trio.fail_after(5):
                while not any(s["state"] for s in here.values()):  # type: ignore[index]
                    item = await anext(follower)
                    assert isinstance(item, PresenceItem)
                    here.update(item.sessions)
            moved = [s for s in here.values() if s["state"]]  # type: ignore[index]
            assert moved == [{"user": "ben", "state": {"user": "ann", "cursor": 7}}]
        await until("ann")


@define
class Watch:
    """What a follower is told of the others, as it comes: their state, or that they have gone."""

    told: list[object] = field(factory=list)
    changed: trio.Event = field(factory=trio.Event)

    async def follow(self, follower: Follower, own: str) -> None:
        users: dict[str, str] = {}
        async for item in follower:
            if not isinstance(item, PresenceItem):
                continue
            for session, member in item.sessions.items():
                users[session] = member["user"] if member else users[session]
                if users[session] != own:
                    self.told.append(member["state"] if member else "gone")
            self.changed.set()
            self.changed = trio.Event()

    async def until(self, last: object) -> list[object]:
        """Return all that has come, as soon as *last* has."""
        with trio.fail_after(5):
            while last not in self.told:
                await self.changed.wait()
        told, self.told = self.told, []
        return told


@asynccontextmanager
async def watched(ann: Client) -> AsyncIterator[Watch]:
    """Watch what ann sees of the others."""
    watch = Watch()
    async with ann.follow(TARGET, TOPICS) as follower, trio.open_nursery() as nursery:
        await anext(follower)
        nursery.start_soon(watch.follow, follower, "ann")
        yield watch
        nursery.cancel_scope.cancel()


async def test_who_follows_more_has_never_been_away() -> None:
    """[V5.2] One more follower makes a client subscribe anew: the others see nothing of it."""
    async with (
        served() as server,
        server.client("ann") as ann,
        watched(ann) as watch,
        server.client("ben") as ben,
    ):
        async with ben.follow(TARGET, TOPICS) as first:
            await anext(first)
            await ben.presence(TARGET, {"caret": 1})
            await watch.until({"caret": 1})
            async with ben.follow(TARGET, ["messages", "presence"]) as second:
                await anext(second)
            async with ben.follow(TARGET, ["participants"]) as third:
                await anext(third)
            await trio.sleep(1.5 * PRESENCE_HOLD_S)  # Whatever is late would have come.
            await ben.presence(TARGET, {"caret": 2})
            assert await watch.until({"caret": 2}) == [{"caret": 2}]
            left_at = trio.current_time()
        assert await watch.until("gone") == [None, "gone"]
        assert trio.current_time() - left_at >= PRESENCE_HOLD_S
        async with ben.follow(TARGET, TOPICS) as follower:
            await anext(follower)
            assert await watch.until(None) == [None]


async def test_who_may_not_stay_or_is_gone_is_not_held() -> None:
    """[V5.2] Shut out, or with the connection gone: gone at once, also when one had just left."""
    async with served() as server, server.client("ann") as ann, watched(ann) as watch:
        for end in ("hung up", "shut out"):
            async with server.client("ben") as ben:
                async with ben.follow(TARGET, TOPICS) as follower:
                    await anext(follower)
                    await watch.until(None)
                await ben.call(TARGET, "meeting.get")  # So its unsubscribe has arrived.
                left_at = trio.current_time()
                if end == "shut out":
                    await ann.call(TARGET, "participants.remove", {"user_id": "ben"})
                    await watch.until("gone")
            if end == "hung up":
                await watch.until("gone")
            assert trio.current_time() - left_at < PRESENCE_HOLD_S
