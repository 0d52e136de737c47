"""A server within the test, and commands run against it."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
from attrs import define, field, frozen

from collab.cli import main
from collab.config import Config
from collab.server import run_server


@frozen
class Ended:
    code: int
    out: str
    err: str


Collab = Callable[..., Ended]
Ask = Callable[..., Awaitable[Ended]]


@pytest.fixture(autouse=True)
def clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No ``COLLAB_*`` variables, an empty working directory, and the log as it was."""
    for variable in [name for name in os.environ if name.startswith("COLLAB_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def collab(capsys: pytest.CaptureFixture[str]) -> Collab:
    """Run a command in this process."""

    def run(*words: str | Path) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, printed.out, printed.err)

    return run


@define(eq=False)
class Server:
    """A server within this test, which may be stopped and started again at the same address."""

    config: Config
    nursery: trio.Nursery
    url: str = ""
    _stop: trio.Event = field(factory=trio.Event)
    _ended: trio.Event = field(factory=trio.Event)

    async def start(self) -> None:
        ready = trio.Event()
        self._stop, self._ended = trio.Event(), trio.Event()

        def on_ready(url: str) -> None:
            self.url = url
            ready.set()

        self.nursery.start_soon(self._run, on_ready)
        with trio.fail_after(10):
            await ready.wait()
        port = int(self.url.rpartition(":")[2])
        self.config = Config(data=self.config.data, port=port, dev=True, drain_timeout_s=2)

    async def stop(self) -> None:
        self._stop.set()
        with trio.fail_after(10):
            await self._ended.wait()

    async def _run(self, on_ready: Callable[[str], None]) -> None:
        await run_server(self.config, stop=self._stop, on_ready=on_ready)
        self._ended.set()


@pytest.fixture
async def server(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Server]:
    running = Server(Config(data=tmp_path / "store", port=0, dev=True), nursery)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def ask(collab: Collab, server: Server) -> Ask:
    """Run a client command beside the server, in a thread with a trio run of its own."""

    async def run(*words: str) -> Ended:
        return await trio.to_thread.run_sync(partial(collab, *words, "--url", server.url))

    return run
