"""The server as a process of its own, as people run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
import trio
from attrs import define, frozen

START_TIMEOUT_S = 20.0
END_TIMEOUT_S = 15.0


@frozen
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


@define(eq=False)
class Running:
    """A server that listens."""

    process: trio.Process
    url: str

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def wait(self) -> int:
        with trio.fail_after(END_TIMEOUT_S):
            return await self.process.wait()


def environment(**variables: str) -> dict[str, str]:
    """Return ours without any ``COLLAB_*`` variable, and with *variables*.

    Servers keep what they compile, as installed ones do: compiling is most of a first start.
    """
    ours = {key: value for key, value in os.environ.items() if not key.startswith("COLLAB_")}
    ours.pop("PYTHONDONTWRITEBYTECODE", None)
    return ours | variables


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "collab.cli", *map(str, words)]


async def run_collab(
    *words: str | Path, stdin: bytes = b"", cwd: Path | None = None, **variables: str
) -> Ended:
    """Run ``collab`` with *words* to its end."""
    with trio.fail_after(START_TIMEOUT_S):
        done = await trio.run_process(
            command(*words),
            stdin=stdin,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=cwd,
            env=environment(**variables),
        )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@asynccontextmanager
async def serving(
    data: Path,
    *flags: str,
    port: int = 0,
    stderr: int | None = subprocess.DEVNULL,
    start_timeout_s: float = START_TIMEOUT_S,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Running]:
    """Run ``collab serve`` over *data* around a block; killed at its end if it still runs."""
    process = await trio.lowlevel.open_process(
        command("serve", "--data", data, "--port", str(port), *flags),
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment(**variables),
    )
    try:
        yield Running(process, await _address(process, start_timeout_s))
    finally:
        if process.returncode is None:
            process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        if process.stdout is not None:
            await process.stdout.aclose()


async def _address(process: trio.Process, timeout_s: float) -> str:
    assert process.stdout is not None
    printed = b""
    with trio.fail_after(timeout_s):
        while b"\n" not in printed:
            part = await process.stdout.receive_some()
            assert part, "the server ended before it listened"
            printed += part
    line = printed.decode().splitlines()[0]
    assert line.startswith("listening on http"), line
    return line.removeprefix("listening on ")


async def get(url: str, path: str) -> tuple[int, bytes]:
    """Send one HTTP request over a connection of its own."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        request = f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        await stream.send_all(request.encode())
        answer = b"".join([part async for part in stream])
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def lines_of(text: str) -> Sequence[str]:
    return text.strip().splitlines()


@define(eq=False)
class Lines:
    """JSON lines of a running command."""

    _process: trio.Process
    _printed: bytes = b""

    async def next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        with trio.fail_after(END_TIMEOUT_S):
            while b"\n" not in self._printed:
                part = await self._process.stdout.receive_some()
                assert part, "the command has ended"
                self._printed += part
        line, _, self._printed = self._printed.partition(b"\n")
        fields: dict[str, Any] = orjson.loads(line)
        return fields


@asynccontextmanager
async def following(*words: str) -> AsyncIterator[Lines]:
    """Run ``collab follow`` with *words* around a block."""
    process = await trio.lowlevel.open_process(
        command("follow", *words), stdout=subprocess.PIPE, env=environment()
    )
    try:
        yield Lines(process)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        assert process.stdout is not None
        await process.stdout.aclose()
