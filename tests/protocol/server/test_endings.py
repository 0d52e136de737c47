"""However a subscription ends, both sides hear of it, once: nobody is left with half of it."""

# ruff: noqa: ARG001 -- a test asks for the clock so that time is virtual.

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol.errors import WireError
from protocol.gateway import EventFrame
from protocol.limits import CALL_DEADLINE_DEFAULT_MS
from protocol.messages import Ended, Error, Leave, Snapshot, Subscribe, Unsubscribe
from tests.protocol.fakes import (
    Boom,
    FakeClient,
    Wire,
    ask_for_more_than_the_outbox_holds,
    open_wire,
)

TARGET: Final = "thing:t1"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with open_wire() as opened:
        yield opened


def lag(wire: Wire, client: FakeClient) -> None:
    """Have the subscription fall behind, and the client read again."""
    client.socket.window = 0
    for _ in range(40):
        wire.gateway.publish(text="x" * 10_000)
    client.socket.open_window(None)


async def unsubscribes(wire: Wire, client: FakeClient) -> None:
    client.send(Unsubscribe(ref=1))


async def hangs_up(wire: Wire, client: FakeClient) -> None:
    client.socket.hang_up()


async def says_goodbye(wire: Wire, client: FakeClient) -> None:
    client.send(Leave())


async def reads_nothing(wire: Wire, client: FakeClient) -> None:
    client.socket.window = 0
    ask_for_more_than_the_outbox_holds(client)


async def is_drained(wire: Wire, client: FakeClient) -> None:
    await wire.server.drain("shutdown", timeout_s=0)


async def is_revoked(wire: Wire, client: FakeClient) -> None:
    wire.gateway.end(wire.gateway.subscriptions[0], WireError("permission_denied", "revoked"))


async def gets_an_unsendable_event(wire: Wire, client: FakeClient) -> None:
    event = {"seq": 1, "topic": "state", "type": "t", "at_ms": 0, "by": "u", "data": object()}
    wire.gateway.subscriptions[0].deliver(EventFrame(TARGET, 0, 1, [event]))


async def is_refused_a_fresh_start(wire: Wire, client: FakeClient) -> None:
    wire.gateway.is_reset_refused = True
    lag(wire, client)


async def is_refused_while_live(wire: Wire, client: FakeClient) -> None:
    wire.gateway.subscriptions[0].fail(WireError("overloaded", "not now"))


async def meets_a_fault_while_catching_up(wire: Wire, client: FakeClient) -> None:
    wire.gateway.catch_up_fault = Boom("a fault")
    lag(wire, client)


ENDS = [
    unsubscribes,
    hangs_up,
    says_goodbye,
    reads_nothing,
    is_drained,
    is_revoked,
    gets_an_unsendable_event,
    is_refused_a_fresh_start,
    is_refused_while_live,
    meets_a_fault_while_catching_up,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_the_gateway_holds_no_subscription_that_is_over(
    wire: Wire, end: Callable[[Wire, FakeClient], Awaitable[None]]
) -> None:
    """[W3.10] Handed back once, unless the gateway itself has ended it."""
    client = await wire.follower()
    (subscription,) = wire.gateway.subscriptions
    await end(wire, client)
    await wait_all_tasks_blocked()
    assert subscription.over
    assert wire.gateway.following == []
    assert wire.gateway.unsubscribed == ([] if end is is_revoked else [subscription])
    subscription.fail(WireError("internal", "too late"))
    subscription.end(None)
    assert wire.gateway.unsubscribed == ([] if end is is_revoked else [subscription])


@pytest.mark.parametrize("target", ["thing:refused", "thing:boom", "thing:unsendable"])
async def test_a_subscription_that_never_lived_leaves_nothing(wire: Wire, target: str) -> None:
    """[W3.10] Refused, or ended by a fault in the middle of the first answer."""
    client = await wire.client()
    client.send(Subscribe(ref=1, target=target, topics=("state",)))
    (answer,) = await client.receive_all()
    assert isinstance(answer, Error | Ended)
    assert wire.gateway.following == []
    is_taken = target != "thing:refused"
    assert wire.gateway.unsubscribed == (wire.gateway.subscriptions if is_taken else [])


@pytest.mark.parametrize("end", [is_refused_a_fresh_start, is_refused_while_live])
async def test_a_refusal_of_a_fresh_start_is_told_and_can_be_tried_again(
    wire: Wire, end: Callable[[Wire, FakeClient], Awaitable[None]]
) -> None:
    """[W3.11] The client hears ended, with the refusal's code; target and ref are free."""
    client = await wire.follower()
    await end(wire, client)
    ended = (await client.receive_all())[-1]
    assert isinstance(ended, Ended)
    assert (ended.ref, ended.code, ended.retryable) == (1, "overloaded", True)
    client.send(Subscribe(ref=1, target=TARGET, topics=("state",)))
    assert isinstance(await client.receive(), Snapshot)
    assert wire.gateway.following == wire.gateway.subscriptions[1:]


async def test_a_pending_subscription_that_nobody_answers_is_handed_back(
    wire: Wire, autojump_clock: MockClock
) -> None:
    """[W3.10] The gateway may hold what it has not answered yet."""
    wire.gateway.answers_subscriptions = False
    client = await wire.client()
    client.send(Subscribe(ref=1, target=TARGET, topics=("state",)))
    await trio.sleep(CALL_DEADLINE_DEFAULT_MS / 1000 + 1)
    (error,) = await client.receive_all()
    assert isinstance(error, Error)
    assert wire.gateway.following == []
    assert wire.gateway.unsubscribed == wire.gateway.subscriptions
