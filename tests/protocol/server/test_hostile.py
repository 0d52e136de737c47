"""Clients that mean no good, and ends that come from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import wait_all_tasks_blocked

from protocol.codec import SUBPROTOCOLS
from protocol.messages import SUBPROTOCOL_JSON, Call, Error, Hello, Ping, Pong, Subscribe
from tests.protocol.fakes import Wire, open_wire

BOTH = pytest.mark.parametrize("subprotocol", SUBPROTOCOLS)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with open_wire() as opened:
        yield opened


@BOTH
async def test_rubbish_costs_an_answer_each_and_nothing_else(wire: Wire, subprotocol: str) -> None:
    """[W1.5] Unreadable messages are answered; the session and its open calls go on."""
    client = await wire.client(subprotocol)
    client.send(Call(ref=1, target="thing:t1", op="hold"))
    rubbish = [b"", b"{", b"\x01\x02", b"[1]", b"null", b'{"t":"nothing"}', b"0" * 1_000]
    for payload in rubbish:
        client.send_raw(payload)
    answers = await client.receive_all()
    assert len(answers) == len(rubbish)
    assert {answer.code for answer in answers if isinstance(answer, Error)} <= {
        "bad_request",
        "unknown_type",
    }
    client.send(Ping(n=1))
    assert await client.receive() == Pong(n=1)
    (call,) = wire.gateway.held
    assert not call.abandoned


@BOTH
async def test_text_and_binary_are_not_mixed(wire: Wire, subprotocol: str) -> None:
    """[W1.5] A frame of the other encoding's type ends the connection with 4400."""
    client = await wire.client(subprotocol)
    client.socket.push(b"{}", is_text=subprotocol != SUBPROTOCOL_JSON)
    await wait_all_tasks_blocked()
    assert client.socket.closed_with == (4400, "text and binary frames are mixed up")


@BOTH
async def test_rubbish_instead_of_a_hello_ends_the_connection(wire: Wire, subprotocol: str) -> None:
    """[W1.5] Before the hello nobody is worth an error that lets them go on."""
    client = wire.connect(subprotocol)
    client.send_raw(b"{")
    answers = await client.receive_all()
    assert [type(answer) for answer in answers] == [Error]
    assert client.socket.closed_with == (4400, "an unreadable message")


async def test_a_cancelled_server_hands_everything_back() -> None:
    """[W3.5] Cancellation is an end like any other."""
    async with open_wire() as wire:
        client = await wire.client()
        client.send(
            Call(ref=1, target="thing:t1", op="hold"),
            Subscribe(ref=2, target="thing:t1", topics=("x",)),
        )
        await wait_all_tasks_blocked()
        wire.nursery.cancel_scope.cancel()
    assert wire.gateway.held[0].abandoned
    assert wire.gateway.unsubscribed == wire.gateway.subscriptions
    assert wire.server.connection_count == 0
    assert len(wire.server.wheel) == 0
    wire.gateway.publish()
    wire.gateway.held[0].reply("too late")


async def test_a_gateway_that_fails_while_taking_back_stops_nothing(wire: Wire) -> None:
    """[W6.2] Every subscription is handed back, whatever happens to the one before."""
    client = await wire.client()
    targets = [f"thing:t{n}" for n in range(3)]
    for ref, target in enumerate(targets):
        client.send(Subscribe(ref=ref, target=target, topics=("x",)))
    await wait_all_tasks_blocked()
    wire.gateway.fails_to_unsubscribe = True
    client.socket.hang_up()
    await wait_all_tasks_blocked()
    assert [s.target for s in wire.gateway.unsubscribed] == targets
    assert wire.server.metrics.faults == 3
    assert wire.server.connection_count == 0


async def test_a_fault_that_no_answer_can_tell_ends_one_connection(wire: Wire) -> None:
    """[W6.4] Closed with 1011, logged, and nobody else notices."""
    other = await wire.client()
    client = wire.connect()
    client.send(Hello(token="nobody"))
    await wait_all_tasks_blocked()
    assert client.socket.closed_with == (1011, "internal")
    assert wire.server.metrics.faults == 1
    other.send(Ping(n=1))
    assert await other.receive() == Pong(n=1)
