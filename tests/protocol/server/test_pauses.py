"""Subscriptions that show presence and are left for a moment."""

# ruff: noqa: ARG001 -- a test asks for the clock so that time is virtual.

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol.limits import PRESENCE_HOLD_S, SUBSCRIPTIONS_MAX
from protocol.messages import Subscribe, Unsubscribe
from tests.protocol.fakes import FakeClient, Wire, open_wire


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with open_wire() as opened:
        yield opened


async def follow_and_leave(client: FakeClient, ref: int, target: str, *topics: str) -> None:
    client.send(Subscribe(ref=ref, target=target, topics=topics), Unsubscribe(ref=ref))
    await client.receive_all()


async def test_what_shows_presence_is_handed_back_later(
    wire: Wire, autojump_clock: MockClock
) -> None:
    """[W3.12] After its hold, or when another one of its target is answered; others at once."""
    gateway = wire.gateway
    client = await wire.client()
    await follow_and_leave(client, 1, "thing:t1", "x")
    assert len(gateway.unsubscribed) == 1
    await follow_and_leave(client, 2, "thing:t1", "x", "presence")
    assert len(gateway.unsubscribed) == 1
    await trio.sleep(PRESENCE_HOLD_S + 0.1)
    assert gateway.unsubscribed == gateway.subscriptions
    await follow_and_leave(client, 3, "thing:t1", "x", "presence")
    client.send(Subscribe(ref=4, target="thing:t1", topics=("x", "presence")))
    await client.receive_all()
    assert gateway.unsubscribed == gateway.subscriptions[:3]
    await trio.sleep(2 * PRESENCE_HOLD_S)
    assert gateway.unsubscribed == gateway.subscriptions[:3]


async def test_those_that_were_left_are_bounded_and_end_with_their_connection(wire: Wire) -> None:
    """[W3.12] Beyond ``SUBSCRIPTIONS_MAX`` the oldest goes first; a connection's end ends all."""
    gateway = wire.gateway
    client = await wire.client()
    for n in range(SUBSCRIPTIONS_MAX + 3):
        await follow_and_leave(client, n, f"thing:t{n}", "x", "presence")
    assert gateway.unsubscribed == gateway.subscriptions[:3]
    client.socket.hang_up()
    await wait_all_tasks_blocked()
    assert gateway.unsubscribed == gateway.subscriptions
    assert len(wire.server.wheel) == 0
