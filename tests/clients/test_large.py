"""Documents far above one frame of the wire, through the doors."""

from __future__ import annotations

from typing import Final

import pytest

from collab.limits import NOTES_BYTES_MAX
from protocol.limits import FRAME_BYTES_MAX
from tests.clients.editors import open_editors, require_node
from tests.integration.served import served

require_node()

LARGE: Final = "a line of text that somebody pasted\n" * 80_000
assert FRAME_BYTES_MAX < len(LARGE) < NOTES_BYTES_MAX
PATIENCE_S: Final = 18.0


@pytest.mark.parametrize("family", ["yjs", "hocuspocus"])
async def test_a_large_paste_reaches_the_others(family: str) -> None:
    """[D2.8] A paste of several megabytes is one update, and everybody gets it."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "meeting:m1", family=family)
        bob = await editors.open("bob", "meeting:m1", family=family)
        await ann.until(synced=True)
        await bob.until(synced=True)
        await ann.type(LARGE)
        await bob.until(text=LARGE, within_s=PATIENCE_S)
        await bob.type("and a word after it")
        await ann.until(text=LARGE + "and a word after it", within_s=PATIENCE_S)


async def test_a_whole_large_document_is_brought_by_a_client() -> None:
    """[D2.8] What was written without a server is brought whole on the first connection."""
    async with served() as server, open_editors(server.port) as editors:
        ann = await editors.open("ann", "m1")
        await ann.until(synced=True)
        await ann.do("offline")
        half = len(LARGE) // 2
        await ann.type(LARGE[:half])
        await ann.type(LARGE[half:])
        await ann.do("online")
        bob = await editors.open("bob", "m1")
        await bob.until(text=LARGE, within_s=PATIENCE_S)
