"""A whole server on a loopback port, in the test's own event loop."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import trio
from attrs import frozen

from collab.app import App, AppSettings, open_app
from collab.listening import listen
from protocol.client import Client, Encoding, open_client
from protocol.port import PortConfig
from protocol.server import WireServer


@frozen
class Served:
    """The pieces of a running server, and its address."""

    app: App
    wire: WireServer
    port: int

    @property
    def url(self) -> str:
        """Where the wire is spoken."""
        return f"ws://127.0.0.1:{self.port}/v1"

    def client(
        self, user: str, *, encoding: Encoding = "msgpack"
    ) -> AbstractAsyncContextManager[Client]:
        """Open a client that speaks for *user* with a development token."""
        return open_client(self.url, token=f"dev:{user}", encoding=encoding)


@asynccontextmanager
async def served(
    directory: Path | None = None, settings: AppSettings | None = None, *, port: int = 0
) -> AsyncIterator[Served]:
    """Serve over *directory*, or in memory."""
    config = PortConfig(host="127.0.0.1", port=port)
    async with (
        open_app(directory, settings or AppSettings(dev=True)) as app,
        listen(app, config, rng=random.Random(1)) as listening,
    ):
        yield Served(app, listening.wire, listening.port)


def fixed_clock(now_ms: list[int]) -> partial[int]:
    """Return a clock that shows the only element of *now_ms*."""
    return partial(now_ms.__getitem__, 0)


async def eventually(poll: partial[bool], *, within_s: float = 5.0) -> None:
    """Wait until *poll* is true, for what has no event of its own to wait for.

    Raises:
      trio.TooSlowError: it never was.
    """
    with trio.fail_after(within_s):
        while not poll():  # noqa: ASYNC110 -- nothing signals what is polled here
            await trio.sleep(0.005)
