"""More than the server can do: new work is refused, with a time to come back. W5."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from protocol.messages import Error, Ping, Pong, Reply
from tests.protocol.fakes import Wire, open_wire
from tests.protocol.server.test_connection import code_of


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with open_wire() as opened:
        yield opened


async def test_calls_are_refused_while_the_server_is_behind(wire: Wire) -> None:
    """[W5.13] With a time to come back; other messages go on, and so do calls afterwards."""
    client = wire.connect()
    await client.hello("user:ann")
    wire.server.pressure.is_high = True
    refusals = [await client.call(n, "echo", text="x") for n in range(1, 9)]
    assert {code_of(refusal) for refusal in refusals} == {"overloaded"}
    again = {refusal.retry_after_ms for refusal in refusals if isinstance(refusal, Error)}
    assert len(again) > 1  # Not all at once.
    client.send(Ping(n=5))
    assert await client.receive() == Pong(n=5)
    wire.server.pressure.is_high = False
    assert isinstance(await client.call(9, "echo", text="x"), Reply)
    assert wire.server.metrics.calls_overloaded == 8
