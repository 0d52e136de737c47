"""A disk that is really full: a small file system of its own, a real server, a real client."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio

from collab.cli.exit_codes import ExitCode
from collab.client import connect
from protocol.client import Transport, websocket_connector
from protocol.messages import SUBPROTOCOL_JSON
from tests.server.running import serving

DISK_BYTES = 3 << 20
BALLAST_BYTES = 1 << 20
TEXT = "x" * 15_000
TOLD_S_BUSY_MAX = 1.0  # 0.1 s on a machine that has nothing else to do.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of ``DISK_BYTES``; skip where that is not allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    flags = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(["mount", *flags], check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if mounted.returncode != 0:
        pytest.skip(f"may not mount: {mounted.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _key(number: int) -> str:
    return f"k{number}"


async def _ask(wire: Transport, message: dict[str, Any]) -> Any:
    await wire.send(orjson.dumps(message).decode())
    return orjson.loads(await wire.receive())


async def _post(wire: Transport, number: int) -> Any:
    call = {"target": "chat:c1", "op": "messages.post", "args": {"text": TEXT}}
    return await _ask(wire, {"t": "call", "ref": number + 1, "key": _key(number), **call})


async def test_a_full_disk_stops_the_server_and_loses_nothing(small_disk: Path) -> None:
    """[J9.3] An error at once, exit code 74; with space again everything acknowledged is there."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(os.urandom(BALLAST_BYTES))
    posted: dict[str, int] = {}
    async with serving(small_disk / "store", "--dev") as server:
        url = server.url.replace("http://", "ws://") + "/v1"
        # Our client would wait for the server to come back: what it is told is looked at here.
        async with websocket_connector()(url, SUBPROTOCOL_JSON) as wire:
            await _ask(wire, {"t": "hello", "token": "dev:ann"})
            with trio.fail_after(60):
                while True:
                    sent_s = time.monotonic()
                    answer = await _post(wire, len(posted))
                    if answer["t"] != "reply":
                        break
                    posted[_key(len(posted))] = answer["value"]["id"]
            told_s = time.monotonic() - sent_s
        assert (answer["t"], answer["code"]) == ("error", "unavailable")
        assert await server.wait() == ExitCode.DISK
    assert posted
    assert told_s < TOLD_S_BUSY_MAX
    ballast.unlink()
    async with (
        serving(small_disk / "store", "--dev") as server,
        connect(server.url, token="dev:ann") as client,
    ):
        chat = client.chat("c1")
        assert (await chat.messages.get(max(posted.values())))["id"] == max(posted.values())
        newest = list(posted)[-1]
        again = await chat.messages.post(TEXT, key=newest)
        assert again["id"] == posted[newest]
        assert (await chat.messages.post("more"))["id"] > posted[newest]
