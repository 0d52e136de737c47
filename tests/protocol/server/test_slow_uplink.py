"""A large message on a slow line: whoever sends it hears that somebody is there."""

# ruff: noqa: ARG001 -- a test asks for the clock so that time is virtual.

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from protocol.limits import BUSY_BYTES_MIN, LIFE_LOOK_S
from protocol.messages import Ping, Pong
from tests.protocol.fakes import Wire, open_wire


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with open_wire() as opened:
        yield opened


async def test_who_sends_one_large_message_slowly_hears_that_we_are_here(
    wire: Wire, autojump_clock: MockClock
) -> None:
    """[W4.9] A pong that nobody asked for, at least every LIFE_LOOK_S; not for pings alone."""
    client = await wire.client()
    await trio.sleep(2.5 * LIFE_LOOK_S)  # In the middle between two looks.
    for nbytes in (0, 100, BUSY_BYTES_MIN, 24_000):
        client.socket.received_bytes += nbytes
        await trio.sleep(LIFE_LOOK_S)
    assert await client.receive_all() == [Pong(n=0), Pong(n=0)]
    client.send(Ping(n=1))
    client.socket.received_bytes += 24_000
    await trio.sleep(LIFE_LOOK_S)
    assert await client.receive_all() == [Pong(n=1)]
