from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.clients.editors import Editor, open_editors, require_node
from tests.integration.served import served

require_node()

FAMILIES = ("yjs", "hocuspocus")


@pytest.mark.parametrize("family", FAMILIES)
async def test_two_editors_see_what_the_other_types(family: str) -> None:
    """[D1.1] A client of either family edits a meeting's notes as it is published."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1", family=family)
        bob = await editors.open("bob", "m1", family=family)
        await ann.until(synced=True)
        await bob.until(synced=True)
        await ann.type("hello")
        await bob.until(text="hello")
        await bob.type(" world")
        await ann.until(text="hello world")


async def test_both_families_share_one_document() -> None:
    """[D1.1] It is one document, whichever door one comes through."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1", family="yjs")
        bob = await editors.open("bob", "meeting:m1", family="hocuspocus")
        await ann.type("hello")
        await bob.until(text="hello", unsynced=0)
        await bob.type("!")
        await ann.until(text="hello!")


@pytest.mark.parametrize("binding", ["codemirror", "tiptap"])
async def test_editors_that_draw_converge(binding: str) -> None:
    """[D1.2] CodeMirror and Tiptap bindings work unchanged."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1", binding=binding)
        bob = await editors.open("bob", "m1", family="hocuspocus", binding=binding)
        await ann.until(synced=True)
        await bob.until(synced=True)
        start = 0 if binding == "codemirror" else 1  # Tiptap counts the paragraph's own edge.
        expected = "hello" if binding == "codemirror" else "<p>hello</p>"
        await ann.type("hello", at=start)
        await bob.until(text=expected)
        await bob.type("oh, ", at=start)
        await ann.until(text=expected.replace("hello", "oh, hello"))


@pytest.mark.parametrize("family", FAMILIES)
async def test_what_is_typed_offline_is_merged_on_reconnecting(family: str) -> None:
    """[D2.4] Offline edits of both sides are all there in the end."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1", family=family)
        bob = await editors.open("bob", "m1", family=family)
        await ann.type("base.")
        await bob.until(text="base.")
        await ann.do("offline")
        await ann.until(connected=False)
        await ann.type("[ann was offline]")
        await bob.type("[bob was here]", at=0)
        await ann.do("online")
        text = "[bob was here]base.[ann was offline]"
        await ann.until(text=text)
        await bob.until(text=text)


@pytest.mark.parametrize("family", FAMILIES)
async def test_many_who_open_a_new_document_at_once_share_it(family: str) -> None:
    """[D1.3] However many open it at the same instant, there is one document."""
    async with served() as server, open_editors(server.port) as editors:
        everybody: list[Editor] = []

        async def open_and_type(number: int) -> None:
            editor = await editors.open(f"user{number}", "m1", family=family)
            everybody.append(editor)
            await editor.type(f"<{number}>", at=0)

        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(open_and_type, number)
        whole = {"chars": len("".join(f"<{number}>" for number in range(12)))}
        text = (await everybody[0].until(text=whole))["text"]
        assert sorted(text[1:-1].split("><"), key=int) == [str(n) for n in range(12)]
        for editor in everybody:
            await editor.until(text=text)


async def test_all_is_there_after_a_restart_and_clients_type_on(tmp_path: Path) -> None:
    """[D2.5] Documents outlive the server; clients come back by themselves."""
    async with served(tmp_path) as server:
        port = server.port
        async with open_editors(port) as editors:
            ann = await editors.open("ann", "m1", family="hocuspocus")
            await ann.type("kept")
            await ann.until(unsynced=0)
    async with served(tmp_path, port=port), open_editors(port) as editors:
        bob = await editors.open("bob", "m1")
        await bob.until(text="kept")
