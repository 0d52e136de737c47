"""Calls: answers, keys, retries, deadlines, bounds."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import trio
import trio.testing
from attrs import frozen

from protocol.allowance import Allowance
from protocol.client import NO_KEY, Client, ConnectionState, Event, LimitExceeded
from protocol.client._pace import Pace
from protocol.errors import CallAbandoned, CallFailed, ClientClosed
from protocol.limits import (
    CALLS_IN_FLIGHT_MAX,
    FRAME_BYTES_MAX,
    MESSAGE_BURST,
    MESSAGE_RATE_PER_S,
    PACE_PROBE_S,
)
from protocol.messages import Call, Error
from tests.protocol.client.kit import OpenClient
from tests.protocol.client.server import Server


def answers(*errors: Error | None) -> Callable[[Call], Error | None]:
    """Answer the first calls with *errors*, then normally."""
    left = list(errors)
    return lambda _call: left.pop(0) if left else None


async def test_a_call_is_answered_with_value_and_seq(client: Client, server: Server) -> None:
    """[L1.1] A call returns the reply's value; ask returns the target's seq, too."""
    assert await client.call("log:1", "append", {"data": "a"}) == 1
    answer = await client.ask("log:1", "append", {"data": "b"})
    assert (answer.value, answer.seq) == (2, 2)
    assert client.user_id == "ann"
    assert client.unsent == 0
    assert [event["data"] for event in server.target("log:1").log] == ["a", "b"]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_both_encodings_carry_calls_and_events(connecting: OpenClient, encoding: str) -> None:
    """[L1.1] JSON and MessagePack behave alike; arguments may be an attrs object."""

    @frozen
    class Append:
        data: str
        topic: str = "log"

    async with connecting(encoding=encoding) as client, client.follow("log:1", ["log"]) as follower:
        assert await client.call("log:1", "append", Append("ä")) == 1
        await follower.__anext__()
        event = await follower.__anext__()
        assert isinstance(event, Event)
        assert event.data == "ä"


async def test_a_refusal_is_raised_with_its_code(client: Client, server: Server) -> None:
    """[L1.2] The server's refusal comes out as CallFailed; the client goes on."""
    server.on_call = answers(Error(code="permission_denied", message="no"))
    with pytest.raises(CallFailed) as caught:
        await client.call("log:1", "append", {"data": 1})
    assert (caught.value.code, caught.value.retryable) == ("permission_denied", False)
    assert await client.call("log:1", "append", {"data": 1}) == 1


@pytest.mark.parametrize("code", ["overloaded", "rate_limited", "unavailable", "unauthenticated"])
async def test_a_retryable_answer_is_tried_again_after_its_delay(
    client: Client, server: Server, code: str
) -> None:
    """[L1.3] Busy answers are retried with the same key, not before retry_after_ms."""
    busy = Error(code=code, message="", retryable=True, retry_after_ms=2_000)
    server.on_call = answers(busy, busy)
    start = trio.current_time()
    assert await client.call("log:1", "append", {"data": 1}) == 1
    assert trio.current_time() - start >= 4.0
    assert len({call.key for call in server.calls}) == 1
    assert len(server.calls) == 3


async def test_busy_for_too_long_is_an_abandoned_call(client: Client, server: Server) -> None:
    """[L1.3] Retries end with the call's own timeout."""
    server.on_call = lambda _call: Error(code="overloaded", message="", retryable=True)
    with pytest.raises(CallAbandoned):
        await client.call("log:1", "append", {"data": 1}, timeout_s=5.0)
    assert len(server.calls) > 2


async def test_a_call_without_key_is_not_tried_again_when_it_may_have_happened(
    client: Client, server: Server
) -> None:
    """[L1.3] unavailable is final for a call without key; overloaded is not."""
    server.on_call = answers(Error(code="unavailable", message="", retryable=True))
    with pytest.raises(CallFailed, match="unavailable"):
        await client.call("log:1", "append", {"data": 1}, key=NO_KEY)
    server.on_call = answers(Error(code="overloaded", message="", retryable=True))
    assert await client.call("log:1", "append", {"data": 1}, key=NO_KEY) == 1


async def test_a_rate_limit_holds_back_all_waiting_calls(client: Client, server: Server) -> None:
    """[L1.3] After rate_limited no call is sent before its retry_after_ms."""
    limit = Error(code="rate_limited", message="", retryable=True, retry_after_ms=3_000)
    server.on_call = answers(limit)
    arrivals: list[float] = []

    async def call(data: int) -> None:
        await client.call("log:1", "append", {"data": data})
        arrivals.append(trio.current_time())

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, 1)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(call, 2)
    assert min(arrivals) - start >= 3.0


async def test_many_calls_keep_within_the_servers_allowance(client: Client, server: Server) -> None:
    """[L1.9] After rate_limited calls are paced: all are done, none of them over and over."""
    allowance = Allowance(trio.current_time())

    def spend(_call: Call) -> Error | None:
        allowance.spend(trio.current_time())
        assert not allowance.is_in_debt
        if not allowance.is_spent:
            return None
        after_ms = allowance.retry_after_ms
        return Error(code="rate_limited", message="", retryable=True, retry_after_ms=after_ms)

    server.on_call = spend
    count, start = MESSAGE_BURST + 3_000, trio.current_time()
    async with trio.open_nursery() as nursery:
        for data in range(count):
            nursery.start_soon(client.call, "log:1", "append", {"data": data})
    assert server.target("log:1").seq == count
    assert len(server.calls) < count + 2 * CALLS_IN_FLIGHT_MAX
    assert trio.current_time() - start < 12.0


def test_the_pace_follows_the_servers_word() -> None:
    """[L1.9] Complaints slow it down, once each; a long time without one speeds it up."""

    def interval(pace: Pace, now: float) -> float:
        pace.spend(now)
        return pace.next_at - now

    pace, usual_s = Pace(), 1 / (0.9 * MESSAGE_RATE_PER_S)
    assert interval(pace, 0.0) == -math.inf
    pace.slow_down(1.0, sent_at=0.0, wait_s=2.0)
    pace.slow_down(1.1, sent_at=0.5, wait_s=2.0)  # Had left before: no second complaint.
    assert pace.next_at == pytest.approx(3.1)
    assert interval(pace, 4.0) == pytest.approx(usual_s)
    pace.slow_down(5.0, sent_at=4.0, wait_s=0.0)
    assert interval(pace, 6.0) == pytest.approx(2 * usual_s)
    assert interval(pace, 5.0 + PACE_PROBE_S) == pytest.approx(usual_s)


async def test_a_timeout_cancels_the_call_on_the_server(client: Client, server: Server) -> None:
    """[L1.4] At its timeout a call ends as abandoned, and the server is told."""
    server.on_call = lambda _call: True
    start = trio.current_time()
    with pytest.raises(CallAbandoned, match="within 3 s"):
        await client.call("log:1", "append", {"data": 1}, timeout_s=3.0)
    assert trio.current_time() - start == pytest.approx(3.0)
    assert server.calls[0].deadline_ms == 3_000
    await trio.testing.wait_all_tasks_blocked()
    assert server.session.cancelled == [server.calls[0].ref]
    assert client.unsent == 0


async def test_a_cancelled_task_cancels_its_call(client: Client, server: Server) -> None:
    """[L1.4] Cancelling the task that waits sends cancel; a late answer is ignored."""
    server.on_call = lambda _call: True
    with trio.move_on_after(1.0) as scope:
        await client.call("log:1", "append", {"data": 1})
    assert scope.cancelled_caught
    await trio.testing.wait_all_tasks_blocked()
    assert server.session.cancelled == [server.calls[0].ref]
    server.on_call = lambda _call: None
    assert await client.call("log:1", "append", {"data": 2}) == 1


async def test_a_call_cancelled_before_it_was_sent_leaves_no_trace(
    connecting: OpenClient, server: Server
) -> None:
    """[L1.4] What never left needs no cancel."""
    server.is_down = True
    async with connecting() as client:
        with pytest.raises(CallAbandoned):
            await client.call("log:1", "append", {"data": 1}, timeout_s=1.0)
        server.is_down = False
        await client.wait_state(ConnectionState.LIVE)
        assert await client.call("log:1", "append", {"data": 2}) == 1
    assert [call.args["data"] for call in server.calls] == [2]
    assert server.session.cancelled == []


async def test_calls_are_sent_in_order_and_in_a_window(client: Client, server: Server) -> None:
    """[L1.5] At most CALLS_IN_FLIGHT_MAX calls are on their way; the rest waits in order."""
    server.on_call = lambda _call: True
    count = CALLS_IN_FLIGHT_MAX + 10
    async with trio.open_nursery() as nursery:
        for data in range(count):
            nursery.start_soon(client.call, "log:1", "append", {"data": data})
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert client.unsent == count
        assert len(server.calls) == CALLS_IN_FLIGHT_MAX
        server.on_call = lambda _call: None
        server.session.wire.cut()
    sent_again = [call.args["data"] for call in server.calls[CALLS_IN_FLIGHT_MAX:]]
    assert sent_again == list(range(count))


async def test_the_queue_is_bounded(connecting: OpenClient, server: Server) -> None:
    """[L1.6] One call more than the bound is refused at once; the others are not lost."""
    server.is_down = True
    async with connecting(offline_queue_max=2) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.call, "log:1", "append", {"data": 1})
        nursery.start_soon(client.call, "log:1", "append", {"data": 2})
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(LimitExceeded) as caught:
            await client.call("log:1", "append", {"data": 3})
        assert caught.value.limit == "OFFLINE_QUEUE_MAX"
        server.is_down = False
    assert server.target("log:1").seq == 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"target": "x" * 200}, ValueError),
        ({"key": "k" * 65}, ValueError),
        ({"args": {"data": object()}}, TypeError),
        ({"args": "data"}, TypeError),
        ({"args": {"data": [{1: 2}]}}, TypeError),
        ({"args": {"data": 2**70}}, TypeError),
        ({"args": {"data": "\ud800"}}, ValueError),
        ({"args": {"data": "x" * FRAME_BYTES_MAX}}, LimitExceeded),
        ({"timeout_s": math.nan}, ValueError),
    ],
)
async def test_bad_arguments_are_refused_here_and_lose_nothing(
    client: Client, server: Server, arguments: dict[str, object], error: type[Exception]
) -> None:
    """[L1.7] What nobody can send is refused at once, and the connection lives on."""
    call: dict[str, object] = {"target": "log:1", "op": "append", "args": {"data": 1}}
    with pytest.raises(error):
        await client.call(**{**call, **arguments})  # type: ignore[arg-type]
    assert client.unsent == 0
    assert await client.call("log:1", "append", {"data": 1}) == 1
    assert len(server.sessions) == 1


async def test_closing_ends_open_calls(connecting: OpenClient, server: Server) -> None:
    """[L1.8] Sent calls end as abandoned, unsent ones as closed; later ones are refused."""
    ends: list[BaseException] = []

    async def call(client: Client) -> None:
        try:
            await client.call("log:1", "append", {"data": 1})
        except (CallAbandoned, ClientClosed) as error:
            ends.append(error)

    server.on_call = lambda _call: True
    async with trio.open_nursery() as nursery, connecting() as client:
        await client.wait_state(ConnectionState.LIVE)
        nursery.start_soon(call, client)
        await trio.testing.wait_all_tasks_blocked()
        server.is_down = True
        server.session.wire.cut()
        await client.wait_state(ConnectionState.OFFLINE)
        nursery.start_soon(call, client)
        await trio.testing.wait_all_tasks_blocked()
    assert sorted(type(end).__name__ for end in ends) == ["CallAbandoned", "ClientClosed"]
    with pytest.raises(ClientClosed):
        await client.call("log:1", "append", {"data": 1})
    assert client.state is ConnectionState.CLOSED
