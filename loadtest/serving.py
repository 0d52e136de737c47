"""The server that a scenario puts load on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from loadtest.lean import Endpoint
from loadtest.options import AUTO, OpenOptions
from loadtest.sampling import ServerWatch
from loadtest.server_process import ServerProcess


@frozen
class Target:
    """A running server."""

    url: str
    endpoint: Endpoint
    process: ServerProcess | None  # None: somebody else's.
    data_dir: Path | None
    watch: ServerWatch | None  # None: its process is not known.


@asynccontextmanager
async def serving(
    options: OpenOptions, *arguments: str, data: Path | None = None
) -> AsyncIterator[Target]:
    """Run a server for a block, or take the one that *options* name.

    Args:
      arguments: For ``collab serve``; not for a server that runs already.
      data: A directory that survives the block; a fresh one otherwise.

    Raises:
      ServerDidNotStart: it ended first, or took too long.
      ValueError: no WebSocket address.

    Cancelled: the server is killed.
    """
    if options.server != AUTO:
        watch = None if options.server_pid is None else ServerWatch(options.server_pid)
        endpoint = Endpoint.of(options.server, options.token)
        yield Target(options.server, endpoint, None, None, watch)
        return
    with TemporaryDirectory(prefix="collab-load-") as fresh:
        directory = data or Path(fresh)
        server = ServerProcess(directory, arguments=("--log-level", "warning", *arguments))
        try:
            await server.start()
            endpoint = Endpoint.of(server.url, options.token)
            yield Target(server.url, endpoint, server, directory, ServerWatch(server.pid))
        finally:
            await server.kill()


def disk_bytes(directory: Path) -> int:
    """Return the bytes of all files in *directory*."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
