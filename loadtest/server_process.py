"""A real server in a process of its own, which may be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import trio

READY: Final = b"listening on "
START_TIMEOUT_S: Final = 20.0
STOP_TIMEOUT_S: Final = 15.0


class ServerDidNotStart(Exception):
    """The server ended, or said nothing, before it was ready."""


class ServerProcess:
    """``collab serve --dev`` on loopback, over a data directory that survives its death."""

    def __init__(self, data: Path, *, arguments: tuple[str, ...] = ()) -> None:
        self._data = data
        self._arguments = arguments
        self._process: trio.Process | None = None
        self._port = 0
        self.starts = 0

    @property
    def url(self) -> str:
        """The WebSocket address; the same after every restart."""
        return f"ws://127.0.0.1:{self._port}/v1"

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
          ServerDidNotStart: it ended first, or took longer than ``START_TIMEOUT_S``.

        Cancelled: it may be running; ``kill`` it.
        """
        command = [
            *(sys.executable, "-m", "collab.cli", "serve", "--dev"),
            *("--port", str(self._port), "--data", str(self._data)),
            *self._arguments,
        ]
        variables = os.environ | {"PYTHONUNBUFFERED": "1"}
        # An installed server is compiled once; a variable of this shell must not make it slow.
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        self._process = await trio.lowlevel.open_process(
            command, stdout=subprocess.PIPE, env=variables
        )
        self.starts += 1
        with trio.move_on_after(START_TIMEOUT_S):
            self._port = await self._read_port()
            return
        raise ServerDidNotStart(f"not ready after {START_TIMEOUT_S} s")

    async def _read_port(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        printed = b""
        while True:
            part = await self._process.stdout.receive_some()
            if not part:
                raise ServerDidNotStart(f"it ended with {await self._process.wait()}")
            printed += part
            for line in printed.splitlines(keepends=True):
                if line.startswith(READY) and line.endswith(b"\n"):
                    return int(line.rsplit(b":", 1)[1])

    async def kill(self) -> None:
        """End it with SIGKILL, as a power cut would, and wait for its end. Repeatable."""
        if self._process is not None:
            self._process.kill()
            with trio.CancelScope(shield=True):
                await self._process.wait()

    async def stop(self) -> int:
        """Ask it to drain (SIGTERM); return its exit code. Killed after ``STOP_TIMEOUT_S``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        with trio.move_on_after(STOP_TIMEOUT_S):
            return await self._process.wait()
        await self.kill()
        return -signal.SIGKILL


@asynccontextmanager
async def running_server(data: Path, *arguments: str) -> AsyncIterator[ServerProcess]:
    """Run a server for a block; killed at its end, if it still runs."""
    server = ServerProcess(data, arguments=arguments)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()
