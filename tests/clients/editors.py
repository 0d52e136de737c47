"""Editors in a Node process, commanded from a test."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import trio

HERE: Final = Path(__file__).parent
NODE: Final = shutil.which("node")
WITHIN_S: Final = 10.0


def require_node() -> None:
    """Skip the tests of a module on machines without Node or its packages."""
    if NODE is None:
        pytest.skip("needs Node", allow_module_level=True)
    if not (HERE / "node_modules").is_dir():
        pytest.skip("needs npm ci in tests/clients", allow_module_level=True)


class EditorFailed(Exception):
    """The driver could not do what it was told, or the editor never saw what it should."""


class Editor:
    """One editor."""

    def __init__(self, editors: Editors, name: str) -> None:
        self._editors = editors
        self.name = name

    async def do(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Command it; return what it shows then."""
        return await self._editors.ask(what, id=self.name, **arguments)

    async def type(self, text: str, at: int = -1) -> dict[str, Any]:
        """Insert *text* (-1: at the end)."""
        return await self.do("insert", at=at, text=text)

    async def until(self, *, within_s: float = WITHIN_S, **sees: Any) -> dict[str, Any]:
        """Wait until it shows all of *sees*."""
        return await self.do("until", sees=sees, within_ms=within_s * 1000)

    async def look(self) -> dict[str, Any]:
        """Return what it shows."""
        return await self.do("look")


class Editors:
    """The editors of one Node process."""

    def __init__(self, process: trio.Process, url: str) -> None:
        self._process = process
        self._url = url
        self._numbers = count()
        self._sending = trio.Lock()
        self._waiting: dict[int, tuple[trio.Event, list[dict[str, Any]]]] = {}

    async def open(
        self, user: str, name: str, *, family: str = "yjs", token: str | None = None, **more: Any
    ) -> Editor:
        """Open document *name* for *user*; it connects by itself."""
        editor = Editor(self, f"{user}{next(self._numbers)}")
        token = token or f"dev:{user}"
        await editor.do("open", family=family, url=self._url, name=name, token=token, **more)
        return editor

    async def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        number = next(self._numbers)
        answered, answers = self._waiting[number] = trio.Event(), []
        line = orjson.dumps({"n": number, "do": what, **arguments}) + b"\n"
        assert self._process.stdin is not None
        async with self._sending:
            await self._process.stdin.send_all(line)
        with trio.fail_after(WITHIN_S * 2):
            await answered.wait()
        answer = answers[0]
        if "error" in answer:
            raise EditorFailed(answer["error"])
        seen: dict[str, Any] = answer["seen"] or {}
        return seen

    async def listen(self) -> None:
        """Hand answers to whoever waits, until the process ends."""
        assert self._process.stdout is not None
        printed = b""
        async for part in self._process.stdout:
            *lines, printed = (printed + part).split(b"\n")
            for line in lines:
                answer = orjson.loads(line)
                answered, answers = self._waiting.pop(answer["n"])
                answers.append(answer)
                answered.set()


@asynccontextmanager
async def open_editors(port: int) -> AsyncIterator[Editors]:
    """Run a Node process whose editors connect to the server on *port*."""
    assert NODE is not None
    process = await trio.lowlevel.open_process(
        [NODE, str(HERE / "driver.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        async with trio.open_nursery() as nursery:
            editors = Editors(process, f"ws://127.0.0.1:{port}")
            nursery.start_soon(editors.listen)
            yield editors
            nursery.cancel_scope.cancel()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    await pipe.aclose()
