"""Following: snapshots, cursors, sharing one wire subscription, endings, bounds."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio
import trio.testing

from protocol.client import (
    Client,
    ConnectionState,
    Cursor,
    Event,
    Follower,
    LimitExceeded,
    NotFollowing,
    PresenceItem,
    SnapshotItem,
    SubscriptionEnded,
)
from protocol.errors import CLOSE_TOO_BIG, ClientClosed
from protocol.limits import PRESENCE_BYTES_MAX, SUBSCRIPTIONS_MAX
from protocol.messages import Error, SetPresence, Subscribe, Unsubscribe
from tests.protocol.client.kit import OpenClient
from tests.protocol.client.server import Server


async def take(follower: Follower, count: int) -> list[Any]:
    """Return the next *count* items: an event as its data, a snapshot as it is."""
    items = [await follower.__anext__() for _ in range(count)]
    return [item.data if isinstance(item, Event) else item for item in items]


async def test_a_follower_gets_a_snapshot_and_then_every_event(
    client: Client, server: Server
) -> None:
    """[L2.1] First the state at a cursor, then all that happens, in order."""
    server.append("log:1", "log", "a")
    async with client.follow("log:1", ["log"]) as follower:
        assert await take(follower, 1) == [SnapshotItem("e1", 1, {"log": ["a"]})]
        assert follower.cursor == Cursor(epoch="e1", seq=1)
        for data in "bcd":
            server.append("log:1", "log", data)
        event = await follower.__anext__()
        assert event == Event(2, "log", "added", 0, "ann", "b")
        assert follower.cursor == Cursor(epoch="e1", seq=2)
        await trio.testing.wait_all_tasks_blocked()
        assert [event.seq for event in await follower.batch()] == [3, 4]  # type: ignore[union-attr]


async def test_a_cursor_goes_on_where_it_stands(client: Client, server: Server) -> None:
    """[L2.1] With a cursor there is no snapshot, only what came after it."""
    for data in "abcde":
        server.append("log:1", "log", data)
    cursor = Cursor(epoch="e1", seq=2)
    async with client.follow("log:1", ["log"], cursor=cursor) as follower:
        assert follower.cursor == cursor
        assert await take(follower, 3) == ["c", "d", "e"]


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [
        (Cursor(epoch="e0", seq=1), "epoch_changed"),
        (Cursor(epoch="e1", seq=9), "cursor_ahead"),
        (Cursor(epoch="e1", seq=0), "cursor_too_old"),
    ],
)
async def test_a_cursor_that_cannot_go_on_gets_a_reset(
    client: Client, server: Server, cursor: Cursor, reason: str
) -> None:
    """[L2.2] A reset says why, and brings the state to start over from."""
    for data in "abc":
        server.append("log:1", "log", data)
    server.target("log:1").oldest = 1
    async with client.follow("log:1", ["log"], cursor=cursor) as follower:
        assert await take(follower, 1) == [SnapshotItem("e1", 3, {"log": [*"abc"]}, reason)]
        server.append("log:1", "log", "d")
        assert await take(follower, 1) == ["d"]


async def test_a_reset_in_the_middle_starts_over(client: Client, server: Server) -> None:
    """[L2.2] The server may give up catching up; the follower is told and goes on."""
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        with server.losing_events():
            server.append("log:1", "log", "a")
        server.session.fall_behind("log:1")
        server.append("log:1", "log", "b")
        snapshot, data = await take(follower, 2)
        assert (snapshot.seq, snapshot.reset_reason, data) == (1, "fell_behind", "b")


async def test_a_gap_is_closed_by_asking_again(client: Client, server: Server) -> None:
    """[L2.3] Lost events are noticed by the chain of after and seq, and fetched."""
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        with server.losing_events():
            server.append("log:1", "log", "a")
        server.append("log:1", "log", "b")
        assert await take(follower, 2) == ["a", "b"]
    assert server.session.of_type(Subscribe)[1].cursor == Cursor(epoch="e1", seq=0)


async def test_followers_of_one_target_share_a_subscription(client: Client, server: Server) -> None:
    """[L2.4] Each follower gets its own topics from its own start; one subscription."""
    server.append("log:1", "log", "a")
    async with client.follow("log:1", ["log"]) as first:
        await take(first, 1)
        server.append("log:1", "log", "b")
        async with (
            client.follow("log:1", ["log", "notes"]) as second,
            client.follow("log:1", ["notes"], cursor=Cursor(epoch="e1", seq=0)) as third,
        ):
            snapshot = (await take(second, 1))[0]
            assert snapshot == SnapshotItem("e1", 2, {"log": ["a", "b"], "notes": []})
            server.append("log:1", "notes", "n")
            server.append("log:1", "log", "c")
            assert await take(first, 2) == ["b", "c"]
            assert await take(second, 2) == ["n", "c"]
            assert await take(third, 1) == ["n"]
            await trio.testing.wait_all_tasks_blocked()
            assert list(server.session.following) == ["log:1"]
        server.append("log:1", "log", "d")
        assert await take(first, 1) == ["d"]
    await trio.testing.wait_all_tasks_blocked()
    assert server.session.following == {}


async def test_a_newcomer_does_not_throw_others_back(client: Client, server: Server) -> None:
    """[L2.4] A snapshot or reset goes only to those that need it."""
    server.append("log:1", "log", "a")
    async with client.follow("log:1", ["log"]) as first:
        await take(first, 1)
        server.delay_s = 1.0
        async with client.follow("log:1", ["log"], cursor=Cursor(epoch="old", seq=5)) as second:
            await trio.sleep(0.5)  # The newcomer's round is under way.
            server.append("log:1", "log", "b")
            server.append("log:1", "log", "c")
            assert await take(first, 2) == ["b", "c"]
            snapshot = (await take(second, 1))[0]
            assert snapshot.reset_reason == "epoch_changed"
            server.append("log:1", "log", "d")
            assert await take(first, 1) == ["d"]


async def test_an_unserved_topic_ends_only_those_who_want_it(
    client: Client, server: Server
) -> None:
    """[L2.5] A refusal reaches the follower whose topics were refused; the others go on."""

    def refuse_secrets(message: Subscribe) -> Error | None:
        if "secret" in message.topics:
            return Error(code="permission_denied", message="not for you")
        return None

    server.on_subscribe = refuse_secrets
    async with (
        client.follow("log:1", ["secret"]) as refused,
        client.follow("log:1", ["log"]) as first,
        client.follow("log:1", ["notes"]) as second,
    ):
        with pytest.raises(SubscriptionEnded, match="not for you") as caught:
            await refused.__anext__()
        assert caught.value.code == "permission_denied"
        await take(first, 1)
        await take(second, 1)
        async with client.follow("log:1", ["log", "secret"]) as late:
            with pytest.raises(SubscriptionEnded):
                await late.__anext__()
        server.append("log:1", "log", "a")
        server.append("log:1", "notes", "b")
        assert await take(first, 1) == ["a"]
        assert await take(second, 1) == ["b"]


async def test_revocation_ends_iteration_after_what_was_received(
    client: Client, server: Server
) -> None:
    """[L2.5] What was received before the end is handed out, then the reason is raised."""
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        server.append("log:1", "log", "a")
        server.session.end("log:1", "revoked")
        assert await take(follower, 1) == ["a"]
        for _ in range(2):
            with pytest.raises(SubscriptionEnded, match="revoked"):
                await follower.__anext__()


@pytest.mark.parametrize("code", ["unavailable", "overloaded"])
async def test_a_retryable_end_is_followed_by_another_attempt(
    client: Client, server: Server, code: str
) -> None:
    """[L2.6] Retryable ends and refusals are retried after their delay, from the cursor."""
    busy = [Error(code=code, message="", retryable=True, retry_after_ms=4_000)]
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        server.on_subscribe = lambda _message: busy.pop() if busy else None
        server.session.end("log:1", code, retryable=True)
        server.append("log:1", "log", "a")
        start = trio.current_time()
        assert await take(follower, 1) == ["a"]
        assert trio.current_time() - start >= 4.0


@pytest.mark.parametrize("is_retryable", [True, False])
async def test_an_error_to_a_live_subscription_ends_it(
    client: Client, server: Server, *, is_retryable: bool
) -> None:
    """[L2.11] A server may refuse to go on: its follower is not left waiting for ever."""
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        following = server.session.following.pop("log:1")
        server.session.send(
            Error(ref=following.ref, code="overloaded", message="", retryable=is_retryable)
        )
        server.append("log:1", "log", "a")
        if is_retryable:
            assert await take(follower, 1) == ["a"]
        else:
            with pytest.raises(SubscriptionEnded, match="overloaded"):
                await follower.__anext__()


async def test_a_message_that_is_always_too_large_ends_its_followers(
    client: Client, server: Server
) -> None:
    """[L2.12] After the second 1009 at one place they are told; progress in between counts."""

    def refuse_large(message: Subscribe) -> None:
        if message.target == "log:1":
            server.session.wire.close("too large", CLOSE_TOO_BIG, is_ours=True)

    async with (
        client.follow("log:1", ["log"]) as follower,
        client.follow("log:2", ["log"]) as other,
    ):
        for each in (follower, other):
            await each.__anext__()
        server.session.wire.close("too large", CLOSE_TOO_BIG, is_ours=True)
        server.append("log:1", "log", "a")
        server.append("log:2", "log", "b")
        assert await take(follower, 1) == ["a"]
        assert await take(other, 1) == ["b"]
        server.on_subscribe = refuse_large  # The first of them ended at another place.
        server.session.wire.close("too large", CLOSE_TOO_BIG, is_ours=True)
        with pytest.raises(SubscriptionEnded, match="limit_exceeded"):
            await follower.__anext__()
        sessions = len(server.sessions)
        await trio.sleep(60)
        assert len(server.sessions) <= sessions + 1
    async with client.follow("log:2", ["log"], cursor=other.cursor) as other:
        server.append("log:2", "log", "c")
        assert await take(other, 1) == ["c"]


async def test_a_server_that_takes_no_large_message_ends_no_follower(
    client: Client, server: Server
) -> None:
    """[L2.12] Its 1009 is about what we send."""
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        for _ in range(5):
            server.session.wire.close("too large", CLOSE_TOO_BIG)
            await client.wait_state(ConnectionState.OFFLINE)
            await client.wait_state(ConnectionState.LIVE)
        server.append("log:1", "log", "a")
        assert await take(follower, 1) == ["a"]


async def test_several_readers_of_one_follower_get_one_item_each(
    client: Client, server: Server
) -> None:
    """[L2.7] Whoever finds that another was faster waits for the next item: it has not ended."""
    got: list[Any] = []

    async def read(follower: Follower) -> None:
        got.append(await follower.__anext__())

    async with client.follow("log:1", ["log"]) as follower, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(read, follower)
        await trio.testing.wait_all_tasks_blocked()
        assert len(got) == 1
        nursery.start_soon(follower.batch)
        server.append("log:1", "log", "a")
        await trio.testing.wait_all_tasks_blocked()
        server.append("log:1", "log", "b")
        await trio.testing.wait_all_tasks_blocked()
        server.append("log:1", "log", "c")
    assert [type(item) for item in got] == [SnapshotItem, Event, Event]


async def test_leaving_the_block_ends_iteration_elsewhere(client: Client, server: Server) -> None:
    """[L2.7] The end of the block is a normal end for whoever iterates."""
    seen: list[Any] = []

    async def read(follower: Follower) -> None:
        seen.extend([item async for item in follower])
        seen.append("over")

    async with trio.open_nursery() as nursery, client.follow("log:1", ["log"]) as follower:
        nursery.start_soon(read, follower)
        await trio.testing.wait_all_tasks_blocked()
    assert isinstance(seen[0], SnapshotItem)
    assert seen[1:] == ["over"]
    assert await follower.batch() == []
    await trio.testing.wait_all_tasks_blocked()
    assert len(server.session.of_type(Unsubscribe)) == 1


async def test_cancelled_iteration_loses_nothing(client: Client, server: Server) -> None:
    """[L2.7] An item that was not handed out is handed out next time."""
    async with client.follow("log:1", ["log"]) as follower:
        await follower.__anext__()
        server.append("log:1", "log", "a")
        await trio.testing.wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            scope.cancel()
            await follower.__anext__()
        assert scope.cancelled_caught
        assert await take(follower, 1) == ["a"]


async def test_a_follower_that_does_not_read_catches_up_later(
    connecting: OpenClient, server: Server
) -> None:
    """[L2.8] A full buffer takes no more; read empty, it goes on from where it stopped."""
    async with (
        connecting(follow_buffer_max=5) as client,
        client.follow("log:1", ["log"]) as slow,
        client.follow("log:1", ["log"]) as quick,
    ):
        await take(slow, 1)
        await take(quick, 1)
        for number in range(20):
            server.append("log:1", "log", number)
            assert await take(quick, 1) == [number]
        assert await take(slow, 20) == list(range(20))
        server.append("log:1", "log", "now")
        assert await take(slow, 1) == ["now"]
        assert await take(quick, 1) == ["now"]


async def test_a_slow_follower_survives_a_reconnect(connecting: OpenClient, server: Server) -> None:
    """[L2.8] A follower that is behind when the connection breaks still misses nothing."""
    async with (
        connecting(follow_buffer_max=3) as client,
        client.follow("log:1", ["log"]) as follower,
    ):
        await take(follower, 1)
        for number in range(6):
            server.append("log:1", "log", number)
        await trio.testing.wait_all_tasks_blocked()
        server.session.wire.cut()
        server.append("log:1", "log", 6)
        assert await take(follower, 7) == list(range(7))


async def test_presence_is_merged_and_shown_again_after_a_reconnect(
    connecting: OpenClient, client: Client, server: Server
) -> None:
    """[L2.9] Presence is coalesced, needs its topic, and comes back with the connection."""
    topics = ["log", "presence"]
    async with (
        connecting() as other,
        other.follow("log:1", topics) as watcher,
        client.follow("log:1", topics) as follower,
        client.follow("log:1", ["log"]) as uninterested,
    ):
        for each in (uninterested, follower, watcher):
            await take(each, 1)
        await client.presence("log:1", {"at": 1})
        await client.presence("log:1", {"at": 2})
        await trio.testing.wait_all_tasks_blocked()
        session = next(s for s in server.live if s.presence)
        items = await watcher.batch()
        assert items[0] == PresenceItem(
            {session.id: {"user": "ann", "state": {"at": 2}}}, full=True
        )
        session.wire.cut()
        while True:
            item = (await watcher.batch())[0]
            if isinstance(item, PresenceItem) and len(server.sessions) == 3:
                break
        assert item.sessions == {"s2": {"user": "ann", "state": {"at": 2}}}
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1.0) as nothing_came:
            await uninterested.__anext__()
        assert nothing_came.cancelled_caught


async def test_presence_never_comes_before_the_first_snapshot(
    connecting: OpenClient, client: Client
) -> None:
    """[L2.9] What is followed is shown before who else is there."""
    topics = ["log", "presence"]
    async with connecting() as other, other.follow("log:1", topics) as there:
        await take(there, 1)
        await other.presence("log:1", {"at": 1})
        async with client.follow("log:1", topics) as follower:
            await trio.testing.wait_all_tasks_blocked()
            assert [type(item) for item in await follower.batch()] == [SnapshotItem, PresenceItem]


async def test_what_is_shown_is_put_together_from_its_parts(client: Client, server: Server) -> None:
    """[L2.9] Each part replaces and takes back only its own; all of it comes back together."""
    async with client.follow("log:1", ["log", "presence"]) as follower:
        await take(follower, 1)
        await client.presence("log:1", {"typing": True})
        await client.presence("log:1", {"at": 1}, part="caret")
        await client.presence("log:1", {"at": 2}, part="caret")
        await trio.testing.wait_all_tasks_blocked()
        assert server.session.presence["log:1"] == {"typing": True, "at": 2}
        server.session.wire.cut()
        await client.wait_state(ConnectionState.OFFLINE)
        await client.wait_state(ConnectionState.LIVE)
        await trio.testing.wait_all_tasks_blocked()
        assert server.session.presence["log:1"] == {"typing": True, "at": 2}
        await client.presence("log:1", None)
        await trio.testing.wait_all_tasks_blocked()
        await client.presence("log:1", None, part="caret")
        await trio.testing.wait_all_tasks_blocked()
        states = [message.state for message in server.session.of_type(SetPresence)]
        assert states[1:] == [{"at": 2}, None]


async def test_presence_of_a_target_not_followed_is_refused(client: Client) -> None:
    """[L2.9] Presence needs a follower here, and fits its bound."""
    with pytest.raises(NotFollowing):
        await client.presence("log:1", {})
    async with client.follow("log:1", ["log"]):
        with pytest.raises(NotFollowing):
            await client.presence("log:1", {})
    async with client.follow("log:1", ["log", "presence"]):
        with pytest.raises(LimitExceeded):
            await client.presence("log:1", {"x": "x" * PRESENCE_BYTES_MAX})
        with pytest.raises(TypeError, match="mapping"):
            await client.presence("log:1", cast("Any", ["x"]))


async def test_bad_wishes_are_refused_at_once(client: Client, server: Server) -> None:
    """[L2.10] Bad topics and more targets or topics than allowed never reach the wire."""
    for topics in ([], ["a", "a"], ["x" * 100], [f"t{n}" for n in range(17)]):
        with pytest.raises(ValueError, match=r"topic|length"):
            async with client.follow("log:1", topics):
                pass
    with pytest.raises(TypeError, match=r"\['log'\]"):
        async with client.follow("log:1", "log"):
            pass
    for cursor in ("log", 3, {"epoch": "e1", "seq": 0}):
        with pytest.raises(TypeError, match=r"Cursor\(epoch=\.\.\., seq=\.\.\.\)"):
            async with client.follow("log:1", ["log"], cursor=cast("Any", cursor)):
                pass
    async with client.follow("log:1", [f"a{n}" for n in range(10)]):
        with pytest.raises(LimitExceeded):
            async with client.follow("log:1", [f"b{n}" for n in range(10)]):
                pass
    async with trio.open_nursery() as nursery:
        gate = trio.Event()

        async def follow(target: str) -> None:
            async with client.follow(target, ["log"]):
                await gate.wait()

        for number in range(SUBSCRIPTIONS_MAX):
            nursery.start_soon(follow, f"log:{number}")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(LimitExceeded):
            await follow("log:more")
        gate.set()
    await trio.testing.wait_all_tasks_blocked()
    assert server.session.following == {}


async def test_closing_the_client_ends_its_followers(
    connecting: OpenClient, server: Server
) -> None:
    """[L1.8] After what was received, a follower raises ClientClosed."""
    server.append("log:1", "log", "a")
    async with trio.open_nursery() as nursery:

        async def read(client: Client) -> None:
            async with client.follow("log:1", ["log"]) as follower:
                await take(follower, 1)
                with pytest.raises(ClientClosed):
                    await follower.__anext__()

        async with connecting() as client:
            nursery.start_soon(read, client)
            await trio.testing.wait_all_tasks_blocked()
