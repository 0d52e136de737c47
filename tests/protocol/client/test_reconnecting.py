"""Connections come and go: backoff, resuming, keepalive, tokens, goodbyes."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import pytest
import trio
import trio.testing

from protocol.client import NO_KEY, Client, ConnectionState, Event, open_client
from protocol.client._backoff import Backoff, reconnect_ceiling_s
from protocol.errors import (
    CLOSE_BAD_PROTOCOL,
    CLOSE_FORBIDDEN,
    CLOSE_TOO_BIG,
    CLOSE_UNAUTHENTICATED,
    CallAbandoned,
    CallFailed,
    ClientClosed,
    ConnectFailed,
)
from protocol.limits import (
    HANDSHAKE_TIMEOUT_S,
    RECONNECT_DELAY_MAX_S,
    RECONNECT_DELAY_MIN_S,
    RECONNECT_DELAY_SOON_S,
    RECONNECT_SOON_TRIES,
)
from protocol.messages import Call, Error, Hello, Ping
from tests.protocol.client.kit import OpenClient
from tests.protocol.client.server import Server

UNAUTHENTICATED = Error(code="unauthenticated", message="no such token")


def test_backoff_has_full_jitter_under_its_ceiling() -> None:
    """[L3.1] Delays are random between 0 and the ceiling."""
    for seed in range(50):
        backoff = Backoff(Random(seed))
        for failures in range(40):
            assert 0.0 <= backoff.next_s() <= reconnect_ceiling_s(failures)
    spread = {round(Backoff(Random(seed)).next_s(), 3) for seed in range(50)}
    assert len(spread) > 20


def test_the_ceiling_is_low_for_as_long_as_a_restart_takes() -> None:
    """[L3.1] It doubles, rests, and doubles on; it never falls."""
    ceilings = [reconnect_ceiling_s(failures) for failures in range(1_000)]
    assert ceilings[0] == RECONNECT_DELAY_MIN_S
    assert max(ceilings[:RECONNECT_SOON_TRIES]) == RECONNECT_DELAY_SOON_S
    assert ceilings[-1] == RECONNECT_DELAY_MAX_S
    pairs = itertools.pairwise(ceilings)
    assert all(earlier <= later <= 2 * earlier for earlier, later in pairs)


async def test_it_tries_until_the_server_is_there(connecting: OpenClient, server: Server) -> None:
    """[L3.1] While nobody listens it waits longer and longer, and never gives up."""
    server.is_down = True
    async with connecting() as client:
        await client.wait_state(ConnectionState.OFFLINE)
        await trio.sleep(300)
        assert 15 < len(server.attempts) < 120
        gaps = [later - earlier for earlier, later in itertools.pairwise(server.attempts)]
        assert max(gaps) <= RECONNECT_DELAY_MAX_S
        server.is_down = False
        await client.wait_state(ConnectionState.LIVE)


async def test_a_server_that_drops_everybody_at_once_is_not_stormed(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.1] A short life does not reset the backoff."""
    server.on_wire = lambda wire: wire.cut_after(down=1)
    async with connecting():
        await trio.sleep(300)
    assert len(server.attempts) < 120


async def test_queued_calls_are_sent_in_order_once_there_is_a_connection(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.2] What was asked offline is sent in order."""
    server.is_down = True
    async with connecting() as client, trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(client.call, "log:1", "append", {"data": number})
            await trio.testing.wait_all_tasks_blocked()
        assert client.unsent == 50
        server.is_down = False
    assert [event["data"] for event in server.target("log:1").log] == list(range(50))


async def test_an_unanswered_write_is_sent_again_and_happens_once(
    client: Client, server: Server
) -> None:
    """[L3.2] The answer was lost; the same key brings the first answer."""
    server.session.wire.cut_after(down=0)
    assert await client.call("log:1", "append", {"data": "a"}) == 1
    assert len(server.calls) == 2
    assert server.calls[0].key == server.calls[1].key is not None
    assert server.target("log:1").seq == 1


async def test_a_read_is_asked_again_and_a_call_without_key_is_not(
    client: Client, server: Server
) -> None:
    """[L3.2] A lost connection leaves the outcome of a call without key unknown."""
    server.session.wire.cut_after(down=0)
    assert await client.call("log:1", "read", idempotent_read=True) == 0
    assert [call.key for call in server.calls] == [None, None]
    server.session.wire.cut_after(down=0)
    with pytest.raises(CallAbandoned, match="connection was lost"):
        await client.call("log:1", "append", {"data": "a"}, key=NO_KEY)
    assert len(server.calls) == 3


@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_call_that_ends_every_connection_is_given_up(
    client: Client, server: Server, is_ours: bool
) -> None:
    """[L1.10] Too large for the server, or its answer for us: sent twice, and no more."""

    def hang_up(call: Call) -> bool:
        if call.args:
            server.session.wire.close("too large", CLOSE_TOO_BIG, is_ours=is_ours)
        return bool(call.args)

    server.on_call = hang_up
    with pytest.raises(CallAbandoned, match="larger than a message may be"):
        await client.call("log:1", "read", {"all": True})
    assert len(server.calls) == 2
    assert await client.call("log:1", "read") == 0


async def test_followers_go_on_without_gap_or_duplicate(client: Client, server: Server) -> None:
    """[L3.3] After a reconnect every follower continues from where it stood."""
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        seen: list[Any] = []
        for number in range(12):
            server.append("log:1", "log", number)
            if number % 3 == 2:
                server.session.wire.cut()
        while len(seen) < 12:
            item = await follower.__anext__()
            assert isinstance(item, Event)
            seen.append(item.data)
        assert seen == list(range(12))


async def test_a_restored_history_resets_followers(client: Client, server: Server) -> None:
    """[L3.3] If the epoch changed meanwhile, the follower is told so."""
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        server.session.wire.cut()
        server.target("log:1").epoch = "e2"
        item = await follower.__anext__()
        assert getattr(item, "reset_reason", None) == "epoch_changed"


async def test_a_silent_server_is_left(client: Client, server: Server) -> None:
    """[L3.4] Without a sign of life for one interval after a ping the link is dropped."""
    await trio.testing.wait_all_tasks_blocked()
    assert client.latency_ms == 0.0
    server.is_mute = True
    with trio.fail_after(2 * server.keepalive_ms / 1000):
        await client.wait_state(ConnectionState.OFFLINE, ConnectionState.CONNECTING)
    server.is_mute = False
    await client.wait_state(ConnectionState.LIVE)
    assert len(server.sessions) == 2


async def test_a_server_that_does_not_read_is_left(client: Client, server: Server) -> None:
    """[L3.4] A send that never ends does not hold the client; calls go to the next connection."""
    server.session.wire.up.is_stuck = True
    assert await client.call("log:1", "append", {"data": 1}, timeout_s=90) == 1
    assert len(server.sessions) == 2


async def test_pings_keep_an_idle_connection_and_measure_it(client: Client, server: Server) -> None:
    """[L3.4] Pings go out more often than the server's interval; the round trip is measured."""
    server.delay_s = 0.025
    await trio.sleep(100)
    assert 5 < len(server.session.of_type(Ping)) < 9
    assert client.latency_ms == pytest.approx(25.0)
    assert len(server.sessions) == 1


async def test_a_handshake_without_an_answer_is_given_up(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.5] Connecting and hello are bounded in time."""
    server.is_mute = True
    async with connecting() as client:
        await client.wait_state(ConnectionState.OFFLINE)
        assert trio.current_time() - server.attempts[0] == pytest.approx(10.0)
        server.is_mute = False
        await client.wait_state(ConnectionState.LIVE)


async def test_a_refused_token_ends_the_client(connecting: OpenClient, server: Server) -> None:
    """[L3.6] A refused fixed token is not tried again; everybody gets ConnectFailed."""
    server.accepts = lambda _token: UNAUTHENTICATED
    async with connecting() as client:
        with pytest.raises(ConnectFailed) as caught:
            await client.call("log:1", "append", {"data": 1})
        assert caught.value.code == "unauthenticated"
        with pytest.raises(ConnectFailed):
            await client.wait_state(ConnectionState.LIVE)
        with pytest.raises(ConnectFailed):
            async with client.follow("log:1", ["log"]):
                pass
        assert client.state is ConnectionState.CLOSED
    assert server.hellos == ["t1"]


async def test_a_token_function_is_asked_once_more(connecting: OpenClient, server: Server) -> None:
    """[L3.6] A refused token is fetched again once; the second refusal is final."""
    numbers = itertools.count(1)

    async def token() -> str:
        await trio.sleep(1.0)
        return f"t{next(numbers)}"

    server.accepts = lambda token: UNAUTHENTICATED if token == "t1" else None
    async with connecting(token=token) as client:
        await client.wait_state(ConnectionState.LIVE)
    server.accepts = lambda _token: UNAUTHENTICATED
    async with connecting(token=token) as client:
        with pytest.raises(ConnectFailed):
            await client.wait_state(ConnectionState.LIVE)
    assert server.hellos == ["t1", "t2", "t3", "t4"]


async def test_refusals_with_a_good_session_in_between_are_not_in_a_row(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.6] A clock that jumps while a hello is under way refuses its token; twice in an hour."""
    numbers = itertools.count(1)
    server.accepts = lambda token: UNAUTHENTICATED if token in ("t1", "t3") else None
    async with connecting(token=lambda: f"t{next(numbers)}") as client:
        await client.wait_state(ConnectionState.LIVE)
        server.session.wire.cut()
        await client.wait_state(ConnectionState.OFFLINE)
        await client.wait_state(ConnectionState.LIVE)
    assert server.hellos == ["t1", "t2", "t3", "t4"]


async def test_a_token_function_that_never_answers_is_asked_again(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.6] It has as long as a handshake, and keeps nobody from closing; a person has longer."""
    asked: list[float] = []

    async def token() -> str:
        asked.append(trio.current_time())
        if len(asked) in (1, 4):
            await trio.sleep_forever()
        if len(asked) == 3:
            await trio.sleep(100 * HANDSHAKE_TIMEOUT_S)
        return f"t{len(asked)}"

    server.accepts = lambda token: UNAUTHENTICATED if token == "t2" else None
    async with connecting(token=token) as client:
        await client.wait_state(ConnectionState.LIVE)
        assert HANDSHAKE_TIMEOUT_S <= asked[1] - asked[0] < HANDSHAKE_TIMEOUT_S + 1
        assert trio.current_time() - asked[2] >= 100 * HANDSHAKE_TIMEOUT_S
        server.session.wire.cut()
        await client.wait_state(ConnectionState.CONNECTING)
        await trio.testing.wait_all_tasks_blocked()
        closed_at = trio.current_time()
    assert trio.current_time() == closed_at
    assert server.hellos == ["t2", "t3"]


async def test_a_failing_token_function_is_a_failed_attempt(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.6] Tokens come over networks, too: it is tried again."""
    failures = [OSError("no network"), OSError("no network")]

    def token() -> str:
        if failures:
            raise failures.pop()
        return "t1"

    async with connecting(token=token) as client:
        await client.wait_state(ConnectionState.LIVE)
    assert server.hellos == ["t1"]


@pytest.mark.parametrize("code", [CLOSE_FORBIDDEN, CLOSE_BAD_PROTOCOL, CLOSE_UNAUTHENTICATED])
async def test_a_final_close_code_does_not_loop(client: Client, server: Server, code: int) -> None:
    """[L3.6] 4400, 4401 and 4403 end a client that cannot do better; other codes do not."""
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        server.session.wire.close("no", code)
        with pytest.raises(ConnectFailed):
            await follower.__anext__()
        await trio.sleep(60)
        assert len(server.sessions) == 1


async def test_a_session_that_ends_for_its_token_again_and_again_is_final(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.6] Welcome followed by 4401 is not tried for ever."""

    async def refuse(client: Client) -> None:
        while client.state is not ConnectionState.CLOSED:
            await client.wait_state(ConnectionState.LIVE, ConnectionState.CLOSED)
            server.session.wire.close("expired", CLOSE_UNAUTHENTICATED)
            await trio.testing.wait_all_tasks_blocked()

    async with connecting(token=lambda: "t1") as client:
        await refuse(client)
    assert len(server.sessions) == 2


async def test_long_sessions_that_end_for_their_tokens_go_on(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.6] A device that slept through the end of its token, day after day."""
    async with connecting(token=lambda: "t1") as client:
        for _day in range(3):
            await client.wait_state(ConnectionState.LIVE)
            await trio.sleep(RECONNECT_DELAY_MAX_S)
            server.session.wire.close("expired", CLOSE_UNAUTHENTICATED)
            await client.wait_state(ConnectionState.OFFLINE, ConnectionState.CONNECTING)
        await client.wait_state(ConnectionState.LIVE)
    assert len(server.sessions) == 4


async def test_a_busy_server_at_the_door_is_tried_again(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.6] A retryable answer to hello is waited out."""
    busy = [Error(code="unavailable", message="", retryable=True, retry_after_ms=7_000)]
    server.accepts = lambda _token: busy.pop() if busy else None
    async with connecting() as client:
        await client.wait_state(ConnectionState.LIVE)
    assert server.attempts[1] - server.attempts[0] >= 7.0


async def test_a_goodbye_is_waited_out_and_answers_are_taken(
    client: Client, server: Server
) -> None:
    """[L3.7] After goodbye nothing new is sent, open calls are answered, the delay is kept."""
    held: list[Call] = []
    server.on_call = lambda call: not held.append(call)  # type: ignore[func-returns-value]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.call, "log:1", "append", {"data": 1})
        await trio.testing.wait_all_tasks_blocked()
        draining = server.session
        draining.goodbye(reconnect_after_ms=9_000)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(client.call, "log:1", "append", {"data": 2})
        await trio.testing.wait_all_tasks_blocked()
        assert [call.args["data"] for call in held] == [1]
        server.on_call = lambda _call: None
        draining.handle(held[0])
        start = trio.current_time()
        await client.wait_state(ConnectionState.OFFLINE)
    assert server.attempts[1] - start == pytest.approx(9.0)
    assert [event["data"] for event in server.target("log:1").log] == [1, 2]


async def test_a_goodbye_without_end_is_bounded(client: Client, server: Server) -> None:
    """[L3.7] A draining server that neither answers nor closes is left."""
    server.on_call = lambda _call: True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.call, "log:1", "append", {"data": 1})
        await trio.testing.wait_all_tasks_blocked()
        server.session.goodbye()
        server.on_call = lambda _call: None
    assert len(server.sessions) == 2


async def test_tokens_are_replaced_before_they_end(connecting: OpenClient, server: Server) -> None:
    """[L3.8] A token function is asked in good time, and the connection goes on."""
    numbers = itertools.count(1)
    server.expires_in_ms = 600_000
    async with connecting(token=lambda: f"t{next(numbers)}") as client:
        await client.wait_state(ConnectionState.LIVE)
        await trio.sleep(600 * 3)
    assert server.session.tokens == ["t1", "t2", "t3", "t4"]
    assert len(server.sessions) == 1


async def test_a_refreshed_token_is_used_from_then_on(client: Client, server: Server) -> None:
    """[L3.8] refresh tells the live session and every later one; a refusal changes nothing."""
    await client.refresh("t2")
    assert server.session.tokens == ["t1", "t2"]
    server.accepts = lambda token: UNAUTHENTICATED if token == "t3" else None
    with pytest.raises(CallFailed, match="unauthenticated"):
        await client.refresh("t3")
    server.session.wire.cut()
    await client.wait_state(ConnectionState.OFFLINE)
    await client.wait_state(ConnectionState.LIVE)
    assert server.hellos == ["t1", "t2"]


async def test_an_unreadable_server_is_left_and_tried_again(client: Client, server: Server) -> None:
    """[L3.9] Malformed messages drop the connection, not the client."""
    for garbage in (b"\xc1", b"", "text", b"\x81\xa1t\xa3who"):
        session = server.session
        session.wire.write(garbage)
        assert await client.call("log:1", "read", idempotent_read=True) == 0
        assert server.session is not session


async def test_the_body_gets_its_own_exception(connecting: OpenClient, server: Server) -> None:
    """[L3.10] What the block raises comes out as it is, and the connection is closed politely."""
    clients = []

    async def fail_in_the_block() -> None:
        async with connecting() as client:
            clients.append(client)
            await client.wait_state(ConnectionState.LIVE)
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await fail_in_the_block()
    assert server.session.wire.was_left
    assert clients[0].state is ConnectionState.CLOSED
    with pytest.raises(ClientClosed):
        await clients[0].wait_state(ConnectionState.LIVE)


async def test_cancelling_the_block_closes_the_client(
    connecting: OpenClient, server: Server
) -> None:
    """[L3.10] A cancelled block ends at once, whatever the connection is doing."""
    server.is_mute = True
    with trio.move_on_after(5.0) as scope:
        async with connecting() as client:
            await client.wait_state(ConnectionState.LIVE)
    assert scope.cancelled_caught
    assert trio.current_time() - server.attempts[0] == pytest.approx(5.0)
    assert server.session.of_type(Hello)


@pytest.mark.parametrize("url", ["http://localhost", "ws://", "localhost:8787"])
async def test_an_impossible_address_is_refused_at_once(url: str) -> None:
    """[L3.11] What is no WebSocket address is a ValueError, like other options without sense."""
    with pytest.raises(ValueError, match="address"):
        async with open_client(url, token="t1"):
            pass
    with pytest.raises(ValueError, match="room"):
        async with open_client("ws://localhost", token="t1", offline_queue_max=0):
            pass
