"""The socket around the visits: pace, signs of life, tokens, the end."""

from __future__ import annotations

import trio
import trio.testing
from trio.testing import MockClock

from protocol.limits import (
    MESSAGE_BURST,
    MESSAGE_RATE_PER_S,
    OUTBOX_FRAMES_MAX,
    OUTBOX_SOFT_BYTES,
    SILENCE_TIMEOUT_S,
    SLOW_CONSUMER_TIMEOUT_S,
    TOKEN_GRACE_S,
)
from protocol.yjs import AwarenessUpdate, QueryAwareness, SyncUpdate
from protocol.yjs.door_visit import NOBODY
from protocol.yjs.limits import DOOR_CALLS_MAX, DOOR_LARGE_BYTES, DOOR_TICK_S
from tests.protocol.fakes import NOW_MS
from tests.protocol.yjs_doors.room import Doors, YjsClient, open_doors, updates_in


async def stay(client: YjsClient, seconds: float) -> None:
    """Let time pass for a client that shows signs of life."""
    end = trio.current_time() + seconds
    while trio.current_time() < end:
        await trio.sleep(min(5.0, end - trio.current_time()))
        client.socket.received_bytes += 1


async def test_a_client_that_types_too_fast_is_read_later_and_loses_nothing(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    """[D6.2] Messages beyond the allowance wait in the socket."""
    count = MESSAGE_BURST + 1_000
    async with open_doors() as doors:
        client = await doors.synced()
        started = trio.current_time()
        for number in range(count):
            client.send(SyncUpdate(number.to_bytes(4, "big")))
        await doors.gateway.written(count)
        assert trio.current_time() - started >= 900 / MESSAGE_RATE_PER_S
        assert doors.gateway.updates == [number.to_bytes(4, "big") for number in range(count)]
        assert client.socket.closed_with is None


async def test_open_edits_are_bounded_by_reading_later() -> None:
    """[D6.2] With many edits unanswered the next message waits."""
    async with open_doors() as doors:
        client = await doors.synced()
        doors.gateway.holds = True
        client.send(*[SyncUpdate(bytes([1, n])) for n in range(DOOR_CALLS_MAX + 5)])
        await client.heard()
        assert len(doors.gateway.held) == DOOR_CALLS_MAX
        doors.gateway.accept(doors.gateway.held.pop(0))
        await client.heard()
        assert len(doors.gateway.held) == DOOR_CALLS_MAX


async def test_behind_a_large_edit_nothing_is_read_until_it_is_answered() -> None:
    """[D6.7] However many a client sends, one of them is in memory, and one waits in the socket."""
    async with open_doors() as doors:
        client = await doors.synced()
        doors.gateway.holds = True
        large = [bytes([1, n]) + bytes(DOOR_LARGE_BYTES) for n in range(3)]
        client.send(SyncUpdate(b"\x01\x09"), *map(SyncUpdate, large))
        await client.heard()
        assert len(doors.gateway.held) == 2  # The small one before it, too.
        for _ in range(2):
            doors.gateway.accept(doors.gateway.held.pop(0))
        await client.heard()
        assert len(doors.gateway.held) == 1
        doors.gateway.accept(doors.gateway.held.pop(0))
        await client.heard()
        assert len(doors.gateway.held) == 1


async def test_an_idle_client_hears_something_before_it_gives_up(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    """[D6.3] y-websocket reconnects after 30 s without a message; silence stays below 20 s."""
    async with open_doors() as doors:
        client = await doors.synced()
        heard_at = trio.current_time()
        for _ in range(60):
            await stay(client, 1.0)
            messages = await client.heard()
            if messages:
                assert set(messages) == {AwarenessUpdate(NOBODY)}
                assert trio.current_time() - heard_at <= 2 * DOOR_TICK_S
                heard_at = trio.current_time()
        assert client.socket.closed_with is None


async def test_a_silent_client_is_pinged_and_then_left(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[D6.3] A client with nothing to say answers pings; one that does not is gone."""
    async with open_doors() as doors:
        client = await doors.synced()
        await trio.sleep(DOOR_TICK_S * 2 + 1)
        assert b"\x89\x00" in b"".join(client.socket.writes)
        await trio.sleep(SILENCE_TIMEOUT_S)
        await client.heard()
        assert client.socket.closed_with == (1001, "nothing heard")


async def test_a_client_that_does_not_read_is_closed_and_may_come_back(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    """[D6.1] A backlog without progress, or over the hard bound, ends in 1013."""
    async with open_doors() as doors:
        client = await doors.synced()
        client.socket.window = 0
        doors.gateway.write(b"x" * 1_000)
        await stay(client, SLOW_CONSUMER_TIMEOUT_S * 2)
        assert client.socket.closed_with == (1013, "slow consumer")
        other = await doors.synced("bob")
        other.socket.window = 0
        doors.gateway.write(b"x" * OUTBOX_SOFT_BYTES)
        other.show(1, 1, {"caret": 1})
        other.send(*[QueryAwareness()] * (OUTBOX_FRAMES_MAX + 2))
        await stay(other, SLOW_CONSUMER_TIMEOUT_S / 2)
        assert other.socket.closed_with == (1013, "slow consumer")


async def test_a_token_that_ends_sends_the_client_for_a_fresh_one(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    """[D1.6] y-websocket cannot renew: it comes back, with whatever token it has by then."""
    async with open_doors() as doors:
        client = await doors.synced(token=f"user:ann:{NOW_MS + 120_000}")
        await stay(client, 120 + TOKEN_GRACE_S - 2)
        assert client.socket.closed_with is None
        await stay(client, 4)
        assert client.socket.closed_with == (
            1013,
            "token_expired: come back with a fresh token",
        )


async def drain(doors: Doors) -> None:
    await doors.server.drain("shutdown", timeout_s=5)


async def test_draining_answers_open_edits_and_reads_no_more(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[D6.4] Closed with 1001 when the last open edit is durable; unread ones come again."""
    async with open_doors() as doors:
        client = await doors.synced()
        idle = await doors.synced("bob")
        doors.gateway.holds = True
        client.send(SyncUpdate(b"open"))
        await client.heard()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain, doors)
            await trio.testing.wait_all_tasks_blocked()
            assert idle.socket.closed_with == (1001, "drained")
            assert client.socket.closed_with is None
            client.send(SyncUpdate(b"too late"))
            await client.heard()
            doors.gateway.accept(doors.gateway.held.pop())
        assert client.socket.closed_with == (1001, "drained")
        assert doors.gateway.updates == [b"open"]
        assert doors.server.connection_count == 0


async def test_a_connection_that_ends_leaves_nothing_behind() -> None:
    """[D6.5] Calls are abandoned, the subscription handed back, presence gone."""
    async with open_doors() as doors:
        client = await doors.synced()
        client.show(1, 1, {})
        doors.gateway.holds = True
        client.send(SyncUpdate(b"open"))
        await client.heard()
        [call] = doors.gateway.held
        client.socket.hang_up()
        await trio.testing.wait_all_tasks_blocked()
        assert call.abandoned
        assert not call.withdrawn  # What was typed before the editor was closed is still wanted.
        call.reply({}, seq=1)
        assert doors.gateway.subscriptions == []
        assert doors.gateway.members == {}
        assert doors.server.connection_count == 0
        assert len(doors.doors.boards) == 0
        assert len(doors.server.wheel) == 0


async def test_text_and_nonsense_close_with_4400() -> None:
    """[D4.4] What is not of the protocol ends the connection for good."""
    async with open_doors() as doors:
        for payload, is_text in ((b"hello", True), (b"\xff\xff", False), (b"", False)):
            client = await doors.synced()
            client.socket.push(payload, is_text=is_text)
            await client.heard()
            assert client.socket.closed_with is not None
            assert client.socket.closed_with[0] == 4400


async def test_an_edit_that_is_never_answered_ends_in_coming_back(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    """[D4.4] Its outcome is unknown; the client's next sync settles it."""
    async with open_doors() as doors:
        client = await doors.synced()
        doors.gateway.holds = True
        client.send(SyncUpdate(b"u1"))
        await stay(client, 40)
        assert client.socket.closed_with is not None
        assert client.socket.closed_with[0] == 1013


async def test_a_sign_in_that_is_not_possible_now_is_tried_again() -> None:
    """[D1.4] 1013, not 4401, while it cannot be told who somebody is."""
    async with open_doors() as doors:
        client = doors.yjs(token="later")
        await client.heard()
        assert client.socket.closed_with == (1013, "unavailable: not now")


async def test_figures_show_what_an_admin_wants_to_know() -> None:
    """[D6.5] Connections through doors are counted with all others."""
    async with open_doors() as doors:
        client = await doors.synced()
        [figures] = doors.server.connections
        assert (figures.user_id, figures.subscriptions, figures.open_calls) == ("ann", 1, 0)
        doors.gateway.write(b"u1")
        assert updates_in(await client.heard()) == [b"u1"]
