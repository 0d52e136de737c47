"""Clients that read slowly, or not at all, over a socket whose window tests control."""

# ruff: noqa: ARG001 -- a test asks for the clock so that time is virtual.

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol.gateway import Connection, EventFrame, PresenceFrame
from protocol.host import Host
from protocol.limits import (
    ANSWER_AGAIN_MS,
    ANSWER_SMALL_BYTES,
    CALL_DEADLINE_DEFAULT_MS,
    CORK_BYTES_MAX,
    OUTBOX_FULL_BYTES,
    OUTBOX_HARD_BYTES,
    OUTBOX_SOFT_BYTES,
    SLOW_CONSUMER_CHECK_S,
    SLOW_CONSUMER_TIMEOUT_S,
)
from protocol.messages import (
    SUBPROTOCOL_JSON,
    Call,
    Cursor,
    Ended,
    Error,
    Events,
    Goodbye,
    PresenceChanged,
    Reply,
    Resumed,
    Subscribe,
)
from tests.protocol.fakes import (
    FakeClient,
    FakeGateway,
    Wire,
    ask_for_more_than_the_outbox_holds,
    open_wire,
)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with open_wire() as opened:
        yield opened


async def seqs_of(client: FakeClient) -> list[int]:
    """Every event's seq, after a proof that the frames continue each other."""
    frames = [frame for frame in await client.receive_all() if isinstance(frame, Events)]
    for earlier, later in pairwise(frames):
        assert later.after == earlier.seq
    return [event["seq"] for frame in frames for event in frame.events]


async def test_a_slow_reader_lags_and_then_misses_nothing(wire: Wire) -> None:
    """[W5.3] Above the soft bound live frames are skipped, then re-read: no gap, no duplicate."""
    slow, quick = await wire.follower(), await wire.follower()
    slow.socket.window = 0
    for _ in range(60):
        wire.gateway.publish(text="x" * 10_000)
    assert slow.socket.backlog_bytes <= OUTBOX_SOFT_BYTES + 11_000
    assert not wire.gateway.subscriptions[0].live
    assert [figures.lagging for figures in wire.server.connections].count(1) == 1
    assert await seqs_of(quick) == list(range(1, 61))
    await wait_all_tasks_blocked()
    assert wire.gateway.catch_ups == []  # Not before its outbox is empty.

    slow.socket.open_window(None)
    await wait_all_tasks_blocked()
    wire.gateway.publish()
    assert await seqs_of(slow) == list(range(1, 62))
    assert wire.gateway.subscriptions[0].live


async def test_catching_up_waits_for_room_and_costs_bounded_memory(wire: Wire) -> None:
    """[W5.3] Pages go out as the client takes them."""
    slow = await wire.follower()
    slow.socket.window = 0
    for _ in range(300):
        wire.gateway.publish(text="x" * 10_000)
    highest = 0
    seen: list[int] = []
    for _ in range(40):
        slow.socket.open_window(400_000)
        await wait_all_tasks_blocked()
        highest = max(highest, slow.socket.backlog_bytes)
        seen += await seqs_of(slow)
    assert seen == list(range(1, 301))
    assert highest <= OUTBOX_SOFT_BYTES + 110_000


async def test_presence_is_dropped_while_lagging_and_sent_in_full_afterwards(wire: Wire) -> None:
    """[W5.4] Presence needs no history; a full one may go out while catching up."""
    slow = await wire.follower()
    slow.socket.window = 0
    for _ in range(40):
        wire.gateway.publish(text="x" * 10_000)
    subscription = wire.gateway.subscriptions[0]
    subscription.presence(PresenceFrame("thing:t1", {"s1": None}))
    assert wire.server.metrics.presence_dropped == 1
    slow.socket.open_window(None)
    await wait_all_tasks_blocked()
    subscription.presence(PresenceFrame("thing:t1", {"s1": None}, full=True))
    messages = await slow.receive_all()
    assert messages[-1] == PresenceChanged(target="thing:t1", sessions={"s1": None}, full=True)
    assert sum(isinstance(message, PresenceChanged) for message in messages) == 1


async def test_a_client_that_never_reads_is_told_closed_and_holds_nobody_up(wire: Wire) -> None:
    """[W5.5] Above the hard bound: goodbye slow_consumer, 1013, everything handed back."""
    stuck, other = await wire.follower(), await wire.follower()
    stuck.socket.window = 0
    ask_for_more_than_the_outbox_holds(stuck)
    await wait_all_tasks_blocked()
    assert stuck.socket.closed_with is not None
    assert stuck.socket.closed_with[0] == 1013
    assert stuck.socket.backlog_bytes <= OUTBOX_HARD_BYTES + 11_000
    assert b"slow_consumer" in stuck.socket.writes[-1]
    assert wire.server.metrics.slow_consumers == 1
    assert wire.gateway.unsubscribed == [wire.gateway.subscriptions[0]]
    wire.gateway.publish()
    assert await seqs_of(other) == [1]


async def test_a_backlog_without_progress_ends_the_connection(
    wire: Wire, autojump_clock: MockClock
) -> None:
    """[W5.6] A few bytes are enough if the client takes none of them for so long."""
    client = await wire.client()
    client.socket.window = 0
    client.send(Call(ref=1, target="thing:t1", op="echo", args={"text": "x"}))
    await trio.sleep(SLOW_CONSUMER_TIMEOUT_S - 0.5)
    assert client.socket.closed_with is None
    await trio.sleep(SLOW_CONSUMER_CHECK_S + 1)
    assert client.socket.closed_with == (1013, "slow consumer")
    assert b"slow_consumer" in client.socket.writes[-1]


async def test_slow_progress_is_progress(wire: Wire, autojump_clock: MockClock) -> None:
    """[W5.6] Only a client that takes nothing at all is ended by time."""
    client = await wire.client()
    client.socket.window = 0
    for ref in range(10):
        client.send(Call(ref=ref, target="thing:t1", op="echo", args={"text": "x"}))
    await wait_all_tasks_blocked()
    for _ in range(9):
        await trio.sleep(SLOW_CONSUMER_TIMEOUT_S - 2 * SLOW_CONSUMER_CHECK_S)
        client.socket.open_window(60)
        client.send(Call(ref=50, target="thing:t1", op="hold"))
    assert client.socket.closed_with is None
    client.socket.open_window(None)
    replies = [m for m in await client.receive_all() if isinstance(m, Reply)]
    assert [reply.ref for reply in replies] == list(range(10))


async def test_a_snapshot_larger_than_the_hard_bound_passes(wire: Wire) -> None:
    """[W5.5] The bound is on what waits already: a single large frame goes out."""
    client = await wire.client()
    client.send(Call(ref=1, target="thing:t1", op="hold"))
    await wait_all_tasks_blocked()
    wire.gateway.held[0].reply("x" * (3 * OUTBOX_HARD_BYTES))
    (reply,) = await client.receive_all()
    assert isinstance(reply, Reply)
    assert client.socket.closed_with is None


async def test_a_frame_that_leaves_a_gap_is_not_sent_but_re_read(wire: Wire) -> None:
    """[W3.6] A frame that does not continue the one before is a lag, never a silent gap."""
    client = await wire.follower()
    frames = wire.gateway.events
    subscription = wire.gateway.subscriptions[0]
    wire.gateway.subscriptions = []
    wire.gateway.publish(5)  # Somebody forgot this subscriber.
    wire.gateway.subscriptions = [subscription]
    wire.gateway.publish(2)
    assert await seqs_of(client) == [1, 2, 3, 4, 5, 6, 7]
    assert len(frames) == 7


async def test_what_a_snapshot_covers_is_not_sent_again(wire: Wire) -> None:
    """[W3.6] Older frames are dropped; one that overlaps is cut to what is new."""
    client = await wire.follower()
    wire.gateway.publish(3)
    subscription = wire.gateway.subscriptions[0]
    subscription.deliver(EventFrame("thing:t1", 0, 3, wire.gateway.events[:3]))
    more = [*wire.gateway.events, {**wire.gateway.events[0], "seq": 4}]
    subscription.deliver(EventFrame("thing:t1", 1, 4, more[1:]))
    assert await seqs_of(client) == [1, 2, 3, 4]


async def test_a_resume_that_is_behind_catches_up_before_it_goes_live(wire: Wire) -> None:
    """[W3.9] resumed, then the pages, then live, from the client's own cursor."""
    wire.gateway.publish(35)
    client = await wire.client()
    client.send(
        Subscribe(ref=1, target="thing:t1", topics=("state",), cursor=Cursor(epoch="e", seq=12))
    )
    assert await client.receive() == Resumed(ref=1, target="thing:t1", epoch="e", seq=12)
    wire.gateway.publish()
    assert await seqs_of(client) == list(range(13, 37))


class Forgetful(FakeGateway):
    """Its catch_up returns without a word, or fails."""

    fails = False

    async def catch_up(self, _subscription: object) -> None:
        await trio.lowlevel.checkpoint()
        if self.fails:
            raise ValueError


@pytest.mark.parametrize(("fails", "code"), [(False, "unavailable"), (True, "internal")])
async def test_a_catch_up_that_leads_nowhere_ends_the_subscription(
    wire: Wire, autojump_clock: MockClock, *, fails: bool, code: str
) -> None:
    """[W3.9] The client is told, retryable, and can resume from its cursor."""
    gateway = Forgetful()
    gateway.fails = fails
    wire.server.gateway = gateway
    gateway.events = [{"seq": 1}]
    client = await wire.client()
    cursor = Cursor(epoch="e", seq=0)
    client.send(Subscribe(ref=1, target="thing:t1", topics=("state",), cursor=cursor))
    assert isinstance(await client.receive(), Resumed)
    with trio.fail_after(CALL_DEADLINE_DEFAULT_MS / 1000 + 1):
        ended = await client.receive()
    assert isinstance(ended, Ended)
    assert (ended.code, ended.retryable) == (code, True)
    assert gateway.unsubscribed == gateway.subscriptions


# ---------------------------------------------------------------- corking


def answer(connection: Connection) -> None:
    assert isinstance(connection, Host)
    connection.send_frame(b"answer")


async def test_frames_sent_inside_a_cork_go_out_in_one_write(wire: Wire) -> None:
    """[W5.7] One write per connection at the outermost exit, in the order of sending."""
    one, two = await wire.follower(), await wire.follower()
    for client in (one, two):
        client.socket.writes.clear()
    with wire.server.cork():
        with wire.server.cork():
            for subscription in wire.gateway.subscriptions:
                answer(subscription.connection)
        wire.gateway.publish(2)
        assert one.socket.writes == []
    for client in (one, two):
        (written,) = client.socket.writes
        assert written.startswith(b"answer")
        assert b'"seq":2' in written
    wire.gateway.publish()
    assert len(one.socket.writes) == 2


async def test_what_many_get_is_written_at_once_but_behind_what_is_held(wire: Wire) -> None:
    """[W5.7] Events do not wait in a cork for more to come, unless something waits there."""
    client = await wire.follower()
    client.socket.writes.clear()
    with wire.server.cork():
        wire.gateway.publish()
        assert len(client.socket.writes) == 1
        answer(wire.gateway.subscriptions[0].connection)
        wire.gateway.publish()
        assert len(client.socket.writes) == 1
    assert client.socket.writes[1].startswith(b"answer")
    assert b'"seq":2' in client.socket.writes[1]


async def test_flush_writes_what_a_cork_holds(wire: Wire) -> None:
    """[W5.7] connection.flush does not wait for the exit."""
    client = await wire.follower()
    client.socket.writes.clear()
    with wire.server.cork():
        answer(wire.gateway.subscriptions[0].connection)
        assert client.socket.writes == []
        wire.gateway.subscriptions[0].connection.flush()
        assert len(client.socket.writes) == 1
    assert len(client.socket.writes) == 1


async def test_a_cork_lets_go_when_its_body_fails(wire: Wire) -> None:
    """[W5.7] An exception inside loses no frame."""
    client = await wire.follower()

    def fail_inside() -> None:
        with wire.server.cork():
            wire.gateway.publish()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert await seqs_of(client) == [1]


def large_calls(refs: range) -> list[Call]:
    """Each is answered with 10,000 bytes."""
    args = {"text": "x" * 100, "count": 100}
    return [Call(ref=ref, target="thing:t1", op="echo", args=args) for ref in refs]


async def test_a_client_that_asks_for_more_than_there_is_room_for_is_told_to_ask_again(
    wire: Wire,
) -> None:
    """[W5.11] Large answers above the bound are retryable errors; small ones are still sent."""
    client = await wire.client()
    client.socket.window = 0
    client.send(*large_calls(range(200)))
    client.send(Subscribe(ref=500, target="thing:t1", topics=("state",)))
    client.send(Call(ref=501, target="thing:t1", op="echo", args={"text": "small"}))
    await wait_all_tasks_blocked()
    assert client.socket.closed_with is None
    assert client.socket.backlog_bytes <= OUTBOX_FULL_BYTES + 11_000 + 200 * ANSWER_SMALL_BYTES
    client.socket.open_window(None)
    answers = await client.receive_all()
    refused = [m for m in answers if isinstance(m, Error)]
    assert {(e.code, e.retryable, e.retry_after_ms) for e in refused} == {
        ("unavailable", True, ANSWER_AGAIN_MS)
    }
    assert len(answers) == 202
    assert refused[-1].ref == 500  # A snapshot counts as large.
    assert wire.gateway.following == []
    assert answers[-1] == Reply(ref=501, value={"said": "small"}, seq=7)

    again = range(600, 600 + 40)
    client.send(*large_calls(again), Subscribe(ref=500, target="thing:t1", topics=("state",)))
    assert not any(isinstance(m, Error) for m in await client.receive_all())


async def test_what_a_cork_holds_is_offered_to_the_kernel_before_it_counts(wire: Wire) -> None:
    """[W5.12] A batch of answers that the kernel takes is no sign of a slow client."""
    client = await wire.client()
    client.send(*(Call(ref=ref, target="thing:t1", op="hold") for ref in range(300)))
    await wait_all_tasks_blocked()
    writes = len(client.socket.writes)
    with wire.server.cork():
        for call in wire.gateway.held:
            call.reply("x" * 10_000)
    assert client.socket.closed_with is None
    assert all(isinstance(m, Reply) for m in await client.receive_all())
    written = client.socket.writes[writes:]
    assert max(map(len, written)) <= CORK_BYTES_MAX + 11_000
    assert len(written) <= 3_000_000 // CORK_BYTES_MAX


async def test_bounds_count_what_a_cork_holds(wire: Wire) -> None:
    """[W5.5] Nothing hides from the bounds inside a cork."""
    client = await wire.follower()
    client.socket.window = 0
    with wire.server.cork():
        for _ in range(200):
            wire.gateway.publish(text="x" * 10_000)
    assert client.socket.backlog_bytes <= OUTBOX_SOFT_BYTES + 11_000
    client.socket.open_window(None)
    assert await seqs_of(client) == list(range(1, 201))


async def test_all_receivers_share_one_encoding(wire: Wire) -> None:
    """[W5.8] The same bytes object goes to everybody who speaks the same encoding."""
    clients = [await wire.follower() for _ in range(3)]
    wire.gateway.publish()
    (first, second, third) = (client.socket.writes[-1] for client in clients)
    assert first is second is third
    frame = PresenceFrame("thing:t1", {"s1": {"user": "ann", "state": None}})
    for subscription in wire.gateway.subscriptions:
        subscription.presence(frame)
    (first, second, third) = (client.socket.writes[-1] for client in clients)
    assert first is second is third is frame.bytes_for(SUBPROTOCOL_JSON)


async def test_goodbye_of_a_slow_consumer_names_a_time_to_come_back(wire: Wire) -> None:
    """[W5.5] reconnect_after_ms is spread, as in a drain."""
    client = await wire.client()
    client.socket.window = 0
    ask_for_more_than_the_outbox_holds(client)
    await wait_all_tasks_blocked()
    client.socket.open_window(None)
    (goodbye,) = [m for m in await client.receive_all() if isinstance(m, Goodbye)]
    assert goodbye.reconnect_after_ms is not None
    assert goodbye.reconnect_after_ms >= 500
