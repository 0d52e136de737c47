"""Optimistic updates: shown at once, rolled back when refused, rebased on what others do."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from protocol.client import (
    Client,
    Event,
    LimitExceeded,
    Mutation,
    OptimisticState,
    OptimisticView,
    SnapshotItem,
    SubscriptionEnded,
    open_view,
)
from protocol.errors import CallAbandoned, CallFailed
from protocol.limits import OFFLINE_QUEUE_MAX
from protocol.messages import Error
from tests.protocol.client.server import Server

Lines = list[str]


def event(seq: int, text: str) -> Event:
    return Event(seq, "log", "added", 0, "ann", text)


def reduce(lines: Lines, event: Event) -> Lines:
    return [*lines, str(event.data)]


def adding(text: str) -> Mutation[Lines]:
    return Mutation("append", {"data": text}, lambda lines: [*lines, f"{text}?"])


def is_own(event: Event, mutation: Mutation[Lines]) -> bool:
    return isinstance(mutation.args, dict) and mutation.args["data"] == event.data


def core() -> OptimisticState[Lines]:
    return OptimisticState([], epoch="e1", seq=0, reduce=reduce)


# ---------------------------------------------------------------- the pure part


def test_a_mutation_shows_until_history_holds_it() -> None:
    """[L4.1] Confirmed by its reply, a mutation stays until its own event has come."""
    state, mutation = core(), adding("a")
    state.mutate(mutation)
    assert state.state == ["a?"]
    state.confirm(mutation, 2)
    assert state.state == ["a?"]
    state.event(event(1, "b"))
    assert state.state == ["b", "a?"]
    state.event(event(2, "a"))
    assert state.state == ["b", "a"]
    assert state.pending == ()


def test_a_mutation_whose_event_came_first_leaves_with_its_reply() -> None:
    """[L4.1] If history is there before the reply, the reply takes the mutation away."""
    state, mutation = core(), adding("a")
    state.mutate(mutation)
    state.event(event(1, "a"))
    state.confirm(mutation, 1)
    assert state.state == ["a"]
    state.mutate(quiet := adding("b"))
    state.confirm(quiet, None)
    assert state.state == ["a"]


def test_an_own_event_can_settle_a_mutation_at_once() -> None:
    """[L4.1] With *settles* nothing is shown twice between event and reply."""
    state: OptimisticState[Lines] = OptimisticState(
        [], epoch="e1", seq=0, reduce=reduce, settles=is_own
    )
    state.mutate(mutation := adding("a"))
    state.event(event(1, "a"))
    assert state.state == ["a"]
    state.confirm(mutation, 1)
    assert state.state == ["a"]


def test_a_reset_keeps_what_is_not_confirmed() -> None:
    """[L4.3] A snapshot replaces history; confirmed mutations of a lost history go with it."""
    state, first, second, third = core(), adding("a"), adding("b"), adding("c")
    for mutation in (first, second, third):
        state.mutate(mutation)
    state.confirm(first, 4)
    state.confirm(second, 9)
    state.reset(["x"], epoch="e1", seq=5)
    assert state.state == ["x", "b?", "c?"]
    state.reset(["y"], epoch="e2", seq=1)
    assert state.state == ["y", "c?"]


def test_an_apply_that_fails_changes_nothing() -> None:
    """[L4.4] A mutation that cannot be applied is not shown; too many are refused."""
    state = core()

    def fail(_lines: Lines) -> Lines:
        raise LookupError

    with pytest.raises(LookupError):
        state.mutate(Mutation("append", None, fail))
    assert state.pending == ()
    for _ in range(OFFLINE_QUEUE_MAX):
        state.mutate(Mutation("noop", None, lambda lines: lines))
    with pytest.raises(LimitExceeded):
        state.mutate(adding("a"))


@given(st.lists(st.sampled_from(["mutate", "event", "confirm", "confirm_late", "drop"])))
def test_what_is_shown_equals_a_replay(steps: list[str]) -> None:
    """[L4.2] After any steps: history, then the mutations that are pending, in order."""
    state, history, made = core(), list[str](), 0
    pending: list[tuple[Mutation[Lines], int | None]] = []
    for step in steps:
        if step == "mutate":
            made += 1
            pending.append((adding(str(made)), None))
            state.mutate(pending[-1][0])
        elif step == "event":
            history.append(f"e{len(history) + 1}")
            state.event(event(len(history), history[-1]))
            pending = [(m, seq) for m, seq in pending if seq is None or seq > len(history)]
        elif pending:
            mutation, _ = pending.pop(0)
            if step == "drop":
                state.drop(mutation)
            else:
                seq = len(history) + (2 if step == "confirm_late" else 0)
                state.confirm(mutation, seq)
                if seq > len(history):
                    pending.insert(0, (mutation, seq))
        expected = list(history)
        for mutation, _ in pending:
            expected = mutation.apply(expected)
        assert state.state == expected
        assert state.confirmed == history


# ---------------------------------------------------------------- with a client


def load(snapshot: SnapshotItem) -> Lines:
    return list(snapshot.topics["log"])


def viewing(client: Client) -> AbstractAsyncContextManager[OptimisticView[Lines]]:
    return open_view(client, "log:1", ["log"], load=load, reduce=reduce)


async def test_a_view_shows_a_write_before_the_server_has_it(
    client: Client, server: Server
) -> None:
    """[L4.1] mutate shows at once; the server's event takes its place."""
    server.append("log:1", "log", "x")
    async with viewing(client) as view, trio.open_nursery() as nursery:
        assert view.state == ["x"]
        server.delay_s = 1.0
        nursery.start_soon(view.mutate, "append", {"data": "a"}, adding("a").apply)
        await trio.testing.wait_all_tasks_blocked()
        assert view.state == ["x", "a?"]
        server.append("log:1", "log", "b")
        assert await view.wait_for(lambda lines: "b" in lines) == ["x", "b", "a?"]
        assert await view.wait_for(lambda lines: "a" in lines) is not None
        await trio.testing.wait_all_tasks_blocked()
        assert (view.state, view.pending) == (["x", "b", "a"], ())


async def test_a_refused_write_is_rolled_back(client: Client, server: Server) -> None:
    """[L4.2] A refusal, a timeout and a cancellation take the mutation back."""
    async with viewing(client) as view:
        server.on_call = lambda _call: Error(code="conflict", message="no")
        with pytest.raises(CallFailed):
            await view.mutate("append", {"data": "a"}, adding("a").apply)
        assert view.state == []
        server.on_call = lambda _call: True
        with pytest.raises(CallAbandoned):
            await view.mutate("append", {"data": "a"}, adding("a").apply, timeout_s=1.0)
        assert view.state == []
        with trio.move_on_after(1.0):
            await view.mutate("append", {"data": "a"}, adding("a").apply)
        assert (view.state, view.pending) == ([], ())


async def test_a_write_made_offline_shows_and_arrives(client: Client, server: Server) -> None:
    """[L4.1] Offline, mutations pile up on top and settle in order after the reconnect."""
    async with viewing(client) as view:
        server.is_down = True
        server.session.wire.cut()
        async with trio.open_nursery() as nursery:
            for text in "abc":
                nursery.start_soon(view.mutate, "append", {"data": text}, adding(text).apply)
                await trio.testing.wait_all_tasks_blocked()
            assert view.state == ["a?", "b?", "c?"]
            server.is_down = False
        assert await view.wait_for(lambda lines: lines == [*"abc"])
        assert view.pending == ()


async def test_a_view_ends_with_its_subscription(client: Client, server: Server) -> None:
    """[L4.5] When the server ends the subscription, waiters learn why; the state stays."""
    async with viewing(client) as view:
        server.append("log:1", "log", "a")
        await view.wait_for(lambda lines: lines == ["a"])
        server.session.end("log:1", "revoked")
        with pytest.raises(SubscriptionEnded, match="revoked"):
            await view.wait_for(lambda lines: "b" in lines)
        assert view.state == ["a"]
    server.on_subscribe = lambda _message: Error(code="permission_denied", message="")
    with pytest.raises(SubscriptionEnded):
        async with viewing(client):
            pytest.fail("the block of a refused view must not run")


async def test_nothing_that_has_happened_is_pending_for_ever(
    client: Client, server: Server
) -> None:
    """[L4.5] What the history of an ended view would have held later is pending no more."""
    async with viewing(client) as view:
        view._core.mutate(confirmed := adding("a"))
        view._core.confirm(confirmed, 7)
        view._core.mutate(unanswered := adding("b"))
        assert view.state == ["a?", "b?"]
        server.session.end("log:1", "revoked")
        with pytest.raises(SubscriptionEnded):
            await view.wait_for(lambda lines: "c" in lines)
        assert view.pending == (unanswered,)
        view._core.confirm(unanswered, 8)
        assert not view.pending
        assert view.state == []
