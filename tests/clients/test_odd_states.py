"""Honest clients in odd states: nobody is shut out with their words."""

from __future__ import annotations

from pathlib import Path

import pytest

from collab.client import connect
from tests.clients.editors import open_editors, require_node
from tests.integration.served import served

require_node()

FAMILIES = ("yjs", "hocuspocus")
HALF = "\ufffd"


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_editor_that_cuts_an_emoji_in_two_writes_on(family: str, tmp_path: Path) -> None:
    """[D2.6] Its later words arrive, everybody sees the same, and so does who comes later."""
    async with served(tmp_path) as server, open_editors(server.port) as editors:
        port = server.port
        ann = await editors.open("ann", "m1", family=family)
        bob = await editors.open("bob", "m1")
        await ann.type("hi 😀")
        await bob.until(text="hi 😀")
        await ann.do("retype", text="hi 😁")
        await ann.type("later words, ", at=0)
        await bob.until(text=f"later words, hi {HALF}{HALF}")
        await bob.type(" and mine 😁")
        await ann.until(
            text=f"later words, hi {HALF}{HALF} and mine 😁", coming_back=True, closed=[]
        )
        cyd = await editors.open("cyd", "m1", family=family)
        await cyd.until(text=f"later words, hi {HALF}{HALF} and mine 😁")
    async with served(tmp_path, port=port), open_editors(port) as editors:
        bob = await editors.open("bob", "m1", family=family)
        await bob.until(text=f"later words, hi {HALF}{HALF} and mine 😁")


async def test_a_live_document_bears_what_cuts_its_characters() -> None:
    """[D2.6] The Python client holds the character whole until it hears of the cut."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        await ann.type("hi 😀")
        await ann.until(synced=True)
        async with (
            connect(f"ws://127.0.0.1:{server.port}", token="dev:bob") as client,
            client.meeting("m1").notes.open() as live,
        ):
            text = live.text("notes")
            await live.wait_for(lambda: str(text) == "hi 😀")
            await ann.do("retype", text="hi 😁")
            await live.wait_for(lambda: str(text) == f"hi {HALF}{HALF}")
            text.insert(0, "bob: ")
            await live.saved()
            await ann.until(text=f"bob: hi {HALF}{HALF}")
            await ann.type("!")
            await live.wait_for(lambda: str(text) == f"bob: hi {HALF}{HALF}!")
            assert live.state() == (await client.meeting("m1").notes.sync())["update"]


async def test_two_tabs_without_a_connection_are_merged() -> None:
    """[N4.2] A document begun in two tabs that share a storage, while others wrote too."""
    async with served() as server, open_editors(server.port) as editors:
        one = await editors.open("ann", "m1", offline=True)
        two = await editors.open("ann", "m1", offline=True)
        await one.type("[the first tab of ann]")
        await two.do("share", **{"from": one.name})
        await two.type("[the second tab of ann]")
        bob = await editors.open("bob", "m1")
        await bob.type("[bob, who has a connection]")
        await bob.until(synced=True)
        await two.do("online")
        seen = await bob.until(text={"chars": 72})
        await one.do("online")
        await one.until(text=seen["text"], closed=[])
        await two.until(text=seen["text"], closed=[])
