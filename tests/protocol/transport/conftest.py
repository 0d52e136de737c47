from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from protocol.port import BoundPort, PortConfig
from tests.echo.__main__ import echo
from tests.protocol.transport.raw import FRAME_BYTES_MAX, RawClient, open_stream, start_port


@pytest.fixture
def clock() -> MockClock:
    """Virtual time that leaves real sockets a moment to deliver before it leaps."""
    return MockClock(autojump_threshold=0.03)


@pytest.fixture
async def echo_port(nursery: trio.Nursery) -> BoundPort:
    """A port that echoes on /ws."""
    return await start_port(nursery, PortConfig(frame_bytes_max=FRAME_BYTES_MAX), echo)


@pytest.fixture
async def raw(echo_port: BoundPort) -> AsyncIterator[RawClient]:
    """An open WebSocket to the echo."""
    client = RawClient(await open_stream(echo_port))
    await client.open()
    yield client
    await client.stream.aclose()
