"""A server in memory, and clients of it under virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from inspect import iscoroutinefunction
from random import Random
from typing import Any

import pytest
import trio.testing

from protocol.client import Client, ConnectionState, open_client
from tests.protocol.client.kit import OpenClient, run_in_virtual_time
from tests.protocol.client.server import Server


def pytest_itemcollected(item: pytest.Item) -> None:
    """Run every test here in virtual time, but those of modules with real sockets.

    pytest-trio takes a clock only from a test's own arguments, and the first marker counts.
    """
    in_real_time = getattr(getattr(item, "module", None), "IN_REAL_TIME", False)
    if iscoroutinefunction(getattr(item, "obj", None)) and not in_real_time:
        item.add_marker(pytest.mark.trio(run=run_in_virtual_time), append=False)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def connecting(server: Server) -> OpenClient:
    """Open further clients: ``connecting()`` takes what ``open_client`` takes."""

    def connect(**options: Any) -> AbstractAsyncContextManager[Client]:
        options = {"token": "t1", "connect": server.connect, "rng": Random(1), **options}
        return partial(open_client, "ws://memory/v1")(**options)

    return connect


@pytest.fixture
async def client(connecting: OpenClient) -> AsyncIterator[Client]:
    """A live client that has had its first pong."""
    async with connecting() as client:
        await client.wait_state(ConnectionState.LIVE)
        await trio.testing.wait_all_tasks_blocked()
        yield client
