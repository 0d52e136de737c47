from __future__ import annotations

import pytest

from tests.clients.editors import open_editors, require_node
from tests.integration.served import served

require_node()

FAMILIES = ("yjs", "hocuspocus")


@pytest.mark.parametrize("family", FAMILIES)
async def test_others_see_who_is_here_under_their_true_name(family: str) -> None:
    """[D3.1] Awareness is stamped with the user's id, whatever the client claims."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1", family=family)
        bob = await editors.open("bob", "m1", family=family)
        await ann.do("aware", state={"user": {"name": "Bob"}, "userId": "bob", "cursor": 3})
        client = (await ann.look())["client"]
        shown = {"user": {"name": "Bob"}, "userId": "ann", "cursor": 3}
        await bob.until(users=["ann", "bob"], states={str(client): shown})


@pytest.mark.parametrize("family", FAMILIES)
async def test_who_leaves_is_gone_at_once(family: str) -> None:
    """[D3.3] Awareness ends with the connection."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1", family=family)
        bob = await editors.open("bob", "m1", family=family)
        await bob.until(users=["ann", "bob"])
        await ann.do("close")
        await bob.until(users=["bob"])


async def test_who_comes_back_is_seen_again() -> None:
    """[D3.3] A reconnect with the same client id shows the user again."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        bob = await editors.open("bob", "m1")
        await bob.until(users=["ann", "bob"])
        await ann.do("offline")
        await bob.until(users=["bob"])
        await ann.do("online")
        await ann.do("aware", state={"back": True})
        client = (await ann.look())["client"]
        await bob.until(states={str(client): {"back": True, "userId": "ann"}})


async def test_the_two_families_see_each_other() -> None:
    """[D3.1] Awareness is the target's presence, shared by all doors."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1", family="yjs")
        bob = await editors.open("bob", "m1", family="hocuspocus")
        await ann.until(users=["ann", "bob"])
        await bob.until(users=["ann", "bob"])
