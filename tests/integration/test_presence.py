"""Presence over the wire: stamped by the server, coalesced, gone with its connection."""

from __future__ import annotations

import trio

from protocol.client import PresenceItem, SnapshotItem
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
