"""The servers that ``peers`` compares, each in a process of its own, fresh for every round.

Ours is ``collab serve --dev``: walker, permission, journal, ``synchronous=FULL``. Hocuspocus runs
with its SQLite extension at its defaults (a document is stored 2 to 10 s after an edit),
y-websocket as its package starts it (memory only). Both come from npm, in the versions below, into
a folder of the user's choice.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import trio
from attrs import frozen

from loadtest.lean import Endpoint
from loadtest.peers_crowd import Place
from loadtest.peers_speech import Dialect
from loadtest.server_process import ServerProcess

PACKAGES: Final = (
    "yjs@13.6.33",
    "@hocuspocus/server@4.7.0",
    "@hocuspocus/extension-sqlite@4.7.0",
    "y-websocket@2.1.0",
)
OURS: Final = "collab"
OURS_NAMED: Final = "collab-hocuspocus"  # Our door for Hocuspocus clients.
HOCUSPOCUS: Final = "hocuspocus"
Y_WEBSOCKET: Final = "y-websocket"
FROM_NPM: Final = (HOCUSPOCUS, Y_WEBSOCKET)
PEERS: Final = (OURS, OURS_NAMED, *FROM_NPM)
INSTALLED: Final = "installed.txt"  # Names the packages once they are all there.
INSTALL_TIMEOUT_S: Final = 600.0
START_TIMEOUT_S: Final = 20.0
POLL_S: Final = 0.05


class PeersMissing(Exception):
    """Node or npm is not there, or the packages cannot be installed."""


@frozen
class Running:
    """A server that takes connections."""

    place: Place
    pid: int


def default_folder() -> Path:
    """Return where npm packages are kept between runs: a cache folder of the user."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "collab-loadtest" / "peers"


def is_installed(folder: Path) -> bool:
    """Say whether *folder* has the packages in these versions."""
    mark = folder / INSTALLED
    return mark.exists() and mark.read_text().split() == list(PACKAGES)


async def install(folder: Path) -> None:
    """Fetch the packages into *folder*, unless they are there.

    Raises:
      PeersMissing: there is no npm, or it failed.

    Cancelled: npm is killed; the next call begins again.
    """
    if is_installed(folder):
        return
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise PeersMissing("node and npm are needed on the PATH")
    await trio.Path(folder).mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES]
    with trio.move_on_after(INSTALL_TIMEOUT_S) as scope:
        done = await trio.run_process(
            command, check=False, capture_stdout=True, stderr=subprocess.STDOUT
        )
        if done.returncode:
            last = (done.stdout or b"").decode(errors="replace").strip()[-400:]
            raise PeersMissing(f"npm install failed: {last}")
    if scope.cancelled_caught:
        raise PeersMissing(f"npm install took longer than {INSTALL_TIMEOUT_S} s")
    await trio.Path(folder / INSTALLED).write_text("\n".join(PACKAGES) + "\n")


@asynccontextmanager
async def running_peer(name: str, folder: Path) -> AsyncIterator[Running]:
    """Run a fresh server of that *name* for a block; its documents go when it ends.

    Raises:
      PeersMissing: it did not start.
    """
    with TemporaryDirectory(prefix="collab-peers-") as scratch:
        if name in (OURS, OURS_NAMED):
            server = ServerProcess(Path(scratch), arguments=("--log-level", "warning"))
            try:
                await server.start()
                yield Running(_place(name, Endpoint.of(server.url).port), server.pid)
            finally:
                await server.kill()
            return
        port = _free_port()
        process = await _start(name, folder, port, Path(scratch))
        try:
            await _listening(process, port)
            yield Running(_place(name, port), process.pid)
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


def _place(name: str, port: int) -> Place:
    match name:
        case "collab":
            return Place(port=port, path="/yjs/{document}?token={token}", dialect=Dialect.PLAIN)
        case "collab-hocuspocus":
            return Place(port=port, path="/hocuspocus", dialect=Dialect.NAMED)
        case "hocuspocus":
            return Place(port=port, path="/", dialect=Dialect.NAMED)
        case "y-websocket":
            return Place(port=port, path="/{document}", dialect=Dialect.PLAIN)
    raise ValueError(f"no such peer: {name}")


async def _start(name: str, folder: Path, port: int, scratch: Path) -> trio.Process:
    if name == HOCUSPOCUS:
        script = Path(__file__).with_name("peers_hocuspocus.mjs")
        command = ["node", str(script), str(port), str(scratch / "hocuspocus.db")]
    else:
        command = ["node", str(folder / "node_modules/y-websocket/bin/server.cjs")]
    environment = os.environ | {"HOST": "127.0.0.1", "PORT": str(port), "NODE_ENV": "production"}
    return await trio.lowlevel.open_process(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )


async def _listening(process: trio.Process, port: int) -> None:
    with trio.move_on_after(START_TIMEOUT_S):
        while process.poll() is None:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(POLL_S)
                continue
            await stream.aclose()
            return
    raise PeersMissing(f"the server on port {port} did not start (exit code {process.returncode})")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
