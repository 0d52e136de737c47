"""Connections from hello to end, over a socket in memory."""

# ruff: noqa: ARG001 -- a test asks for the clock so that time is virtual.

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from functools import partial

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol.errors import WireError
from protocol.gateway import PresenceFrame
from protocol.limits import (
    CALL_DEADLINE_DEFAULT_MS,
    HANDSHAKE_TIMEOUT_S,
    KEEPALIVE_INTERVAL_S,
    SILENCE_TIMEOUT_S,
    TOKEN_GRACE_S,
)
from protocol.messages import (
    SUBPROTOCOL_JSON,
    SUBPROTOCOL_MSGPACK,
    Auth,
    Call,
    Cancel,
    Ended,
    Error,
    Goodbye,
    Hello,
    Leave,
    Ping,
    Pong,
    PresenceChanged,
    Reply,
    ServerMessage,
    SetPresence,
    Snapshot,
    Subscribe,
    Unsubscribe,
    Welcome,
)
from tests.protocol.fakes import NOW_MS, FakeSocket, Wire, open_wire

BOTH = pytest.mark.parametrize("subprotocol", [SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK])


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with open_wire() as opened:
        yield opened


def hold(ref: int, deadline_ms: int | None = None) -> Call:
    return Call(ref=ref, target="thing:t1", op="hold", deadline_ms=deadline_ms)


def code_of(message: ServerMessage) -> str:
    assert isinstance(message, Error | Ended)
    return message.code


# ---------------------------------------------------------------- opening


@BOTH
async def test_hello_is_answered_by_welcome(wire: Wire, subprotocol: str) -> None:
    """[W4.1] An accepted hello opens the session and says how often to ping."""
    client = wire.connect(subprotocol)
    client.send(Hello(token="user:ann", client="test/1"))
    welcome = await client.receive()
    assert isinstance(welcome, Welcome)
    assert welcome.now_ms >= NOW_MS
    assert evolve(welcome, now_ms=NOW_MS) == Welcome(
        session="s1",
        user="ann",
        now_ms=NOW_MS,
        expires_at_ms=None,
        keepalive_ms=round(KEEPALIVE_INTERVAL_S * 1000),
    )
    assert wire.gateway.peers[0].client == "test/1"


@pytest.mark.parametrize(
    ("token", "code", "close_code"),
    [
        ("nonsense", "unauthenticated", 4401),
        ("shut-out", "permission_denied", 4403),
        ("later", "unavailable", 1013),
        ("boom", "internal", 1013),
    ],
)
async def test_a_refused_token_is_told_and_closed(
    wire: Wire, token: str, code: str, close_code: int
) -> None:
    """[W4.1] A refused hello gets its error and then the close code that fits."""
    client = wire.connect()
    client.send(Hello(token=token))
    assert code_of(await client.receive()) == code
    await wait_all_tasks_blocked()
    assert client.socket.closed_with is not None
    assert client.socket.closed_with[0] == close_code
    assert wire.server.connection_count == 0


async def test_messages_sent_right_behind_the_hello_are_answered_in_order(wire: Wire) -> None:
    """[W4.2] While a token is checked nothing else is read, so a client need not wait."""
    wire.gateway.gate = trio.Event()
    client = wire.connect()
    client.send(Hello(token="user:ann"), Ping(n=1))
    await wait_all_tasks_blocked()
    wire.gateway.gate.set()
    assert isinstance(await client.receive(), Welcome)
    assert await client.receive() == Pong(n=1)


async def test_a_client_that_says_nothing_is_closed(wire: Wire, autojump_clock: MockClock) -> None:
    """[W4.4] No accepted hello in HANDSHAKE_TIMEOUT_S: closed with 4408."""
    client = wire.connect()
    await trio.sleep(HANDSHAKE_TIMEOUT_S - 1)
    assert client.socket.closed_with is None
    await trio.sleep(1.1)
    assert client.socket.closed_with == (4408, "no accepted hello in time")


async def test_a_token_check_that_never_ends_does_not_hold_the_connection(
    wire: Wire, autojump_clock: MockClock
) -> None:
    """[W4.4] The handshake deadline counts while the gateway thinks."""
    wire.gateway.gate = trio.Event()
    client = wire.connect()
    client.send(Hello(token="user:ann"))
    await trio.sleep(HANDSHAKE_TIMEOUT_S + 1)
    assert client.socket.closed_with is not None
    assert wire.server.connection_count == 0


async def test_a_socket_without_a_common_subprotocol_is_closed(wire: Wire) -> None:
    """[W1.1] Only the two subprotocols are spoken."""
    socket = FakeSocket()
    socket.subprotocol = "collab.v9"
    await wire.server.handle(socket)
    assert socket.closed_with is not None
    assert socket.closed_with[0] == 4400


# ---------------------------------------------------------------- keepalive and tokens


async def test_pings_keep_a_connection_and_silence_ends_it(
    wire: Wire, autojump_clock: MockClock
) -> None:
    """[W4.5] Nothing heard for SILENCE_TIMEOUT_S: closed with 1001; pings prevent it."""
    client = await wire.client()
    for n in range(10):
        client.send(Ping(n=n))
        assert await client.receive() == Pong(n=n)
        await trio.sleep(KEEPALIVE_INTERVAL_S)
    await trio.sleep(SILENCE_TIMEOUT_S - KEEPALIVE_INTERVAL_S - 1)
    assert client.socket.closed_with is None
    await trio.sleep(2 * KEEPALIVE_INTERVAL_S + 1)
    assert client.socket.closed_with == (1001, "nothing heard; send pings")


async def test_an_expired_token_can_be_refreshed_on_the_live_connection(
    wire: Wire, autojump_clock: MockClock
) -> None:
    """[W4.3] Calls after the end are unauthenticated; auth brings them back; same user only."""
    client = wire.connect()
    await client.hello(f"user:ann:{NOW_MS + 10_000}")
    await trio.sleep(10.1)
    refusal = await client.call(1, "echo", text="x")
    assert code_of(refusal) == "unauthenticated"
    assert isinstance(refusal, Error)
    assert refusal.retryable  # A fresh token may be on its way.
    client.send(Auth(ref=2, token="user:bob"))
    assert code_of(await client.receive()) == "unauthenticated"
    client.send(Auth(ref=3, token=f"user:ann:{NOW_MS + 60_000}"))
    assert await client.receive() == Reply(ref=3)
    assert await client.call(4, "echo", text="x") == Reply(ref=4, value={"said": "x"}, seq=7)
    for n in range(5):
        await trio.sleep(10)
        client.send(Ping(n=n))
        await client.receive()
    await trio.sleep(TOKEN_GRACE_S - 1)
    assert client.socket.closed_with is None
    await trio.sleep(2)
    assert client.socket.closed_with == (4401, "the token expired")


async def test_the_gateway_hears_of_a_fresh_token_before_the_client_does(wire: Wire) -> None:
    """[W4.7] Whatever is followed is judged by the new identity; a refused token changes none."""
    client = await wire.follower()
    client.send(Auth(ref=2, token="user:bob"), Auth(ref=3, token="nonsense"))
    await client.receive_all()
    assert wire.gateway.changed_identities == []  # Nor does a hello count as a change.
    client.send(Auth(ref=4, token=f"user:ann:{NOW_MS + 60_000}"))
    assert await client.receive() == Reply(ref=4)
    assert [i.expires_at_ms for i in wire.gateway.changed_identities] == [NOW_MS + 60_000]


async def test_streams_that_cannot_be_judged_anew_are_ended(wire: Wire) -> None:
    """[W4.7] A fault of the gateway must not keep anybody reading under an old token's rights."""
    client = await wire.follower()
    wire.gateway.fails_to_judge = True
    client.send(Auth(ref=2, token="user:ann"))
    ended, reply = await client.receive_all()
    assert isinstance(ended, Ended)
    assert (ended.code, ended.retryable) == ("internal", True)
    assert reply == Reply(ref=2)
    assert wire.gateway.following == []


# ---------------------------------------------------------------- calls


@BOTH
async def test_a_call_is_answered_under_its_ref(wire: Wire, subprotocol: str) -> None:
    """[W3.1] One call, one answer, with the target's seq."""
    client = await wire.client(subprotocol)
    reply = await client.call(5, "echo", text="ab", count=2)
    assert reply == Reply(ref=5, value={"said": "abab"}, seq=7)


@pytest.mark.parametrize(
    "args", [{}, {"text": 1}, {"text": "a", "count": "1"}, {"text": "a", "count": True}]
)
@BOTH
async def test_arguments_are_not_coerced(
    wire: Wire, subprotocol: str, args: dict[str, object]
) -> None:
    """[W1.4] Wrong arguments are bad_request, named, and cost nothing but the call."""
    client = await wire.client(subprotocol)
    answer = await client.call(5, "echo", **args)
    assert isinstance(answer, Error)
    assert answer.code == "bad_request"
    assert answer.ref == 5
    assert isinstance(await client.call(5, "echo", text="x", unknown=1), Reply)


async def test_faults_of_the_gateway_are_answers_and_stay_out_of_sight(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """[W6.2] internal with an error_id that the log knows; neither holds what the fault says."""
    client = await wire.client()
    with caplog.at_level(logging.ERROR):
        answers = [
            await client.call(1, "boom", text="secret"),
            await client.call(2, "unsendable"),
        ]
        client.send(Subscribe(ref=3, target="thing:boom", topics=("x",)))
        answers.append(await client.receive())
    for ref, answer in enumerate(answers, start=1):
        assert isinstance(answer, Error)
        assert (answer.ref, answer.code, answer.retryable) == (ref, "internal", True)
        assert answer.error_id is not None
        assert answer.error_id in caplog.text
        assert "secret" not in answer.message
    assert "secret" not in caplog.text
    assert "Boom" in caplog.text
    assert wire.server.metrics.faults == 3


async def test_a_tokens_words_never_reach_the_log(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """[W6.3] Whatever the gateway raises about a token."""
    client = wire.connect()
    client.send(Hello(token="boom"))
    await client.receive()
    assert "fault" in caplog.text
    assert "secret" not in caplog.text


async def test_a_cancelled_call_is_answered_at_once_and_its_late_reply_dropped(
    wire: Wire,
) -> None:
    """[W3.2] cancel: error cancelled, the handle is abandoned; a late cancel is ignored."""
    client = await wire.client()
    client.send(hold(1), Cancel(ref=1), Cancel(ref=1), Cancel(ref=99))
    assert code_of(await client.receive()) == "cancelled"
    (call,) = wire.gateway.held
    assert call.abandoned
    assert call.withdrawn
    call.reply("late")
    assert await client.receive_all() == []


async def test_a_call_has_a_deadline(wire: Wire, autojump_clock: MockClock) -> None:
    """[W3.4] Its own or the default; then deadline_exceeded, and the handle is abandoned."""
    client = await wire.client()
    client.send(hold(1, deadline_ms=500), hold(2))
    await wait_all_tasks_blocked()
    start_s = trio.current_time()
    assert code_of(await client.receive()) == "deadline_exceeded"
    assert 0.5 <= trio.current_time() - start_s <= 0.6
    assert code_of(await client.receive()) == "deadline_exceeded"
    assert CALL_DEADLINE_DEFAULT_MS / 1000 <= trio.current_time() - start_s <= 30.1
    assert [call.withdrawn for call in wire.gateway.held] == [True, True]
    wire.gateway.held[0].reply("late")
    assert await client.receive_all() == []


async def test_a_call_is_answered_once(wire: Wire) -> None:
    """[W3.1] Later answers are dropped."""
    client = await wire.client()
    client.send(hold(1))
    await wait_all_tasks_blocked()
    (call,) = wire.gateway.held
    call.reply(1)
    call.reply(2)
    assert await client.receive_all() == [Reply(ref=1, value=1)]


async def test_ten_thousand_calls_leave_a_bounded_number_open(wire: Wire) -> None:
    """[W2.5] Beyond the bounds a call is refused, not queued."""
    client = await wire.client()
    client.send(*(hold(ref) for ref in range(10_000)))
    answers = await client.receive_all()
    codes = {code_of(answer) for answer in answers}
    assert codes == {"limit_exceeded", "rate_limited"}
    assert len(wire.gateway.held) == 1_024
    assert client.socket.closed_with == (4429, "too many messages")
    assert all(call.withdrawn for call in wire.gateway.held)
    assert len(wire.server.wheel) == 0


async def test_when_the_connection_ends_its_children_end(wire: Wire) -> None:
    """[W3.5] Calls are abandoned, each subscription is handed back exactly once."""
    client = await wire.client()
    client.send(hold(1), Subscribe(ref=2, target="thing:t1", topics=("x",)))
    await client.receive_all()
    client.socket.hang_up()
    await wait_all_tasks_blocked()
    assert wire.gateway.held[0].abandoned
    assert not wire.gateway.held[0].withdrawn  # The client left, and had said what it wanted.
    assert wire.gateway.unsubscribed == wire.gateway.subscriptions
    assert wire.gateway.subscriptions[0].over
    assert wire.server.connection_count == 0
    assert len(wire.server.wheel) == 0
    wire.gateway.held[0].reply(1)
    wire.gateway.publish()
    wire.gateway.subscriptions[0].end(None)
    assert wire.gateway.unsubscribed == wire.gateway.subscriptions


# ---------------------------------------------------------------- goodbyes


async def test_goodbye_waits_for_open_calls(wire: Wire) -> None:
    """[W3.3] Subscriptions end at once, open calls are answered, then 1000."""
    client = await wire.client()
    client.send(hold(1), Subscribe(ref=2, target="thing:t1", topics=("x",)), Leave())
    await client.receive_all()
    assert client.socket.closed_with is None
    assert wire.gateway.unsubscribed == wire.gateway.subscriptions
    wire.gateway.held[0].reply("done")
    assert await client.receive_all() == [Reply(ref=1, value="done")]
    assert client.socket.closed_with == (1000, "goodbye")


async def test_a_call_after_goodbye_is_a_violation(wire: Wire) -> None:
    """[W2.2] The client said that it sends nothing more: 4400, open calls are abandoned."""
    client = await wire.client()
    client.send(hold(1), Leave(), hold(2))
    await client.receive_all()
    assert client.socket.closed_with == (4400, "call while leaving")
    assert len(wire.gateway.held) == 1
    assert wire.gateway.held[0].abandoned


async def test_drain_says_goodbye_to_all_and_waits_for_open_calls(
    wire: Wire, autojump_clock: MockClock
) -> None:
    """[W4.6] goodbye with spread reconnect times; nothing new; open calls; then 1001."""
    clients = [await wire.client() for _ in range(5)]
    busy = clients[0]
    busy.send(hold(1), Subscribe(ref=2, target="thing:t1", topics=("x",)))
    await busy.receive_all()
    wire.nursery.start_soon(partial(wire.server.drain, "restart", timeout_s=5))
    await wait_all_tasks_blocked()

    goodbyes = [await client.receive() for client in clients]
    delays = set()
    for goodbye in goodbyes:
        assert isinstance(goodbye, Goodbye)
        assert goodbye.reason == "restart"
        delays.add(goodbye.reconnect_after_ms)
    assert len(delays) > 1
    ended = await busy.receive()
    assert isinstance(ended, Ended)
    assert (ended.ref, ended.code, ended.retryable) == (2, "unavailable", True)
    assert [client.socket.closed_with is None for client in clients] == [True] + [False] * 4

    busy.send(hold(3))
    assert code_of(await busy.receive()) == "unavailable"
    wire.gateway.held[0].reply("done")
    assert await busy.receive() == Reply(ref=1, value="done")
    assert busy.socket.closed_with == (1001, "drained")
    await wait_all_tasks_blocked()

    late = wire.connect()
    assert isinstance(await late.receive(), Goodbye)
    assert late.socket.closed_with == (1001, "drained")


async def test_drain_does_not_wait_for_ever(wire: Wire, autojump_clock: MockClock) -> None:
    """[W4.6] After timeout_s open calls are abandoned."""
    client = await wire.client()
    client.send(hold(1))
    await wait_all_tasks_blocked()
    start_s = trio.current_time()
    await wire.server.drain("restart", timeout_s=3)
    assert trio.current_time() - start_s == pytest.approx(3, abs=0.2)
    assert wire.gateway.held[0].abandoned
    assert wire.server.connection_count == 0


# ---------------------------------------------------------------- subscriptions


@BOTH
async def test_a_subscription_starts_with_a_snapshot_and_every_later_event_follows(
    wire: Wire, subprotocol: str
) -> None:
    """[W3.6] Snapshot at a seq, then frames that continue each other."""
    client = await wire.client(subprotocol)
    wire.gateway.publish(3)
    client.send(Subscribe(ref=1, target="thing:t1", topics=("state",)))
    assert await client.receive() == Snapshot(
        ref=1, target="thing:t1", epoch="e", seq=3, topics={"state": {"seq": 3}}
    )
    wire.gateway.publish(2)
    wire.gateway.publish()
    frames = await client.receive_all()
    assert [(frame.after, frame.seq) for frame in frames] == [(3, 5), (5, 6)]  # type: ignore[union-attr]


async def test_unsubscribe_ends_and_hands_back_once(wire: Wire) -> None:
    """[W3.7] ended unsubscribed; nothing follows; an unknown ref is not_found."""
    client = await wire.follower()
    client.send(Unsubscribe(ref=1), Unsubscribe(ref=1))
    assert code_of(await client.receive()) == "unsubscribed"
    assert code_of(await client.receive()) == "not_found"
    wire.gateway.publish()
    assert await client.receive_all() == []
    assert wire.gateway.unsubscribed == wire.gateway.subscriptions


async def test_a_subscription_that_the_gateway_ends_is_not_handed_back(wire: Wire) -> None:
    """[W3.7] Revoked: ended with its code; the gateway knows already."""
    client = await wire.follower()
    wire.gateway.subscriptions[0].end(WireError("permission_denied", "revoked"))
    wire.gateway.publish()
    (ended,) = await client.receive_all()
    assert code_of(ended) == "permission_denied"
    assert wire.gateway.unsubscribed == []
    client.send(Subscribe(ref=1, target="thing:t1", topics=("state",)))
    assert isinstance(await client.receive(), Snapshot)


async def test_a_subscription_without_an_answer_is_ended(
    wire: Wire, autojump_clock: MockClock
) -> None:
    """[W3.4] The default deadline counts for first answers too."""
    wire.gateway.answers_subscriptions = False
    client = await wire.client()
    client.send(Subscribe(ref=1, target="thing:t1", topics=("state",)))
    assert code_of(await client.receive()) == "deadline_exceeded"
    assert wire.gateway.unsubscribed == wire.gateway.subscriptions


async def test_presence_goes_to_the_gateway_and_comes_back_stamped(wire: Wire) -> None:
    """[W3.8] Only on a subscription; otherwise not_found without a ref."""
    client = await wire.follower()
    client.send(SetPresence(target="thing:t1", state={"x": 1}), SetPresence(target="no:no"))
    assert code_of(await client.receive()) == "not_found"
    assert wire.gateway.presences == [("thing:t1", {"x": 1})]
    sessions = {"s9": {"user": "bob", "state": None}, "s8": None}
    wire.gateway.subscriptions[0].presence(PresenceFrame("thing:t1", sessions))
    assert await client.receive() == PresenceChanged(
        target="thing:t1", sessions={"s9": {"user": "bob", "state": None}, "s8": None}
    )
