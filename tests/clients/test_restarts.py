from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.clients.editors import open_editors, require_node
from tests.server.running import serving

require_node()

FAMILIES = ("yjs", "hocuspocus")


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_server_killed_while_they_type_loses_no_word(tmp_path: Path, family: str) -> None:
    """[D2.5] Killed with -9, started again: clients come back with all that they typed."""
    async with serving(tmp_path, "--dev") as first:
        port = port_of(first.url)
        async with open_editors(port) as editors:
            ann = await editors.open("ann", "m1", family=family)
            bob = await editors.open("bob", "m1", family=family)
            words: list[str] = []

            async def type_for_a_while() -> None:
                for number in range(60):
                    words.append(f"<{number}>")
                    await (ann if number % 2 else bob).type(words[-1])
                    await trio.sleep(0.01)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(type_for_a_while)
                await bob.until(connected=True)
                await trio.sleep(0.2)
                first.process.kill()
                await first.process.wait()
                await ann.until(connected=False)
            async with serving(tmp_path, "--dev", port=port):
                await ann.until(connected=True, synced=True, within_s=15)
                await bob.until(connected=True, synced=True, within_s=15)
                whole = {"chars": len("".join(words))}
                text = (await ann.until(text=whole))["text"]
                await bob.until(text=text)
                assert sorted(text[1:-1].split("><"), key=int) == [str(n) for n in range(60)]
                carol = await editors.open("carol", "m1", family=family)
                await carol.until(text=text)


async def test_a_draining_server_is_left_and_found_again(tmp_path: Path) -> None:
    """[D6.4] SIGTERM: clients are closed with a code that brings them back."""
    async with serving(tmp_path, "--dev") as first:
        port = port_of(first.url)
        async with open_editors(port) as editors:
            ann = await editors.open("ann", "m1")
            await ann.type("before")
            await ann.until(synced=True)
            first.process.terminate()
            assert await first.wait() == 0
            await ann.until(connected=False, coming_back=True)
            await ann.type(" after")
            async with serving(tmp_path, "--dev", port=port):
                await ann.until(connected=True, synced=True, closed=[], within_s=15)
                bob = await editors.open("bob", "m1")
                await bob.until(text="before after")
