"""One task that tells many readers what is there; see spec T9."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from functools import partial

import pytest
import trio
import trio.testing

from protocol._readiness import Readiness
from protocol.limits import OVERLOAD_AFTER_S, READY_MAX, STRAIN_AFTER_S, STRAIN_CALM_S, TURN_S
from protocol.pressure import Pressure

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="this kernel has no epoll")


@pytest.fixture
def readiness(nursery: trio.Nursery) -> Iterator[Readiness]:
    """One that runs."""
    made = Readiness(Pressure())
    nursery.start_soon(made.run)
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets: what is sent into the first comes out of the second."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        yield ours, theirs


async def test_what_is_left_unread_is_told_again(
    readiness: Readiness, pair: tuple[socket.socket, socket.socket]
) -> None:
    """[T9.1]"""
    ours, theirs = pair
    got = bytearray()
    done = trio.Event()

    def read_one() -> None:
        got.extend(theirs.recv(1))
        if len(got) == 3:
            done.set()

    readiness.watch(theirs.fileno(), read_one)
    ours.send(b"abc")
    with trio.fail_after(5):
        await done.wait()
    readiness.unwatch(theirs.fileno())
    assert bytes(got) == b"abc"


async def test_the_end_of_a_stream_is_told(
    readiness: Readiness, pair: tuple[socket.socket, socket.socket]
) -> None:
    """[T9.1]"""
    ours, theirs = pair
    ended = trio.Event()

    def read() -> None:
        if not theirs.recv(10):
            readiness.unwatch(theirs.fileno())
            ended.set()

    readiness.watch(theirs.fileno(), read)
    ours.close()
    with trio.fail_after(5):
        await ended.wait()
    assert len(readiness) == 0


async def test_who_was_unwatched_in_the_same_turn_is_not_called(readiness: Readiness) -> None:
    """[T9.2]"""
    pairs = [socket.socketpair() for _ in range(2)]
    called: list[int] = []
    done = trio.Event()

    def reader_of(me: int, other: int) -> None:
        called.append(me)
        for _ours, theirs in pairs:
            readiness.unwatch(theirs.fileno())
        pairs[other][1].close()
        done.set()

    for me, (ours, theirs) in enumerate(pairs):
        ours.send(b"x")
        readiness.watch(theirs.fileno(), partial(reader_of, me, 1 - me))
    with trio.fail_after(5):
        await done.wait()
        await trio.testing.wait_all_tasks_blocked()
    assert len(called) == 1
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


async def test_others_get_their_turn_beside_a_socket_that_is_always_ready(
    readiness: Readiness, pair: tuple[socket.socket, socket.socket]
) -> None:
    """[T9.3]"""
    ours, theirs = pair
    calls = 0

    def never_read() -> None:
        nonlocal calls
        calls += 1

    ours.send(b"x")
    readiness.watch(theirs.fileno(), never_read)
    with trio.fail_after(5):
        for _ in range(100):
            await trio.lowlevel.checkpoint()
    readiness.unwatch(theirs.fileno())
    assert 0 < calls <= 110


async def test_a_turn_is_bounded_in_time(nursery: trio.Nursery) -> None:
    """[T9.4] However many are ready and however long each takes: others get theirs between."""
    readiness = Readiness(Pressure())
    pairs = [socket.socketpair() for _ in range(20)]
    longest_s = last_s = 0.0

    def slow(theirs: socket.socket) -> None:
        theirs.recv(1)
        time.sleep(TURN_S / 2)

    for ours, theirs in pairs:
        ours.send(b"x" * 3)
        readiness.watch(theirs.fileno(), partial(slow, theirs))
    nursery.start_soon(readiness.run)
    last_s = time.perf_counter()
    for _ in range(20):
        await trio.lowlevel.checkpoint()
        now_s = time.perf_counter()
        longest_s, last_s = max(longest_s, now_s - last_s), now_s
    assert longest_s < 10 * TURN_S  # Not the 20 times half a turn of one round.
    for ours, theirs in pairs:
        readiness.unwatch(theirs.fileno())
        ours.close()
        theirs.close()


async def test_turns_that_leave_sockets_unread_are_pressure(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[W5.13] Not a burst, but what lasts; one turn that reads everything ends it."""
    pressure = Pressure()
    pressure.turn_over(is_all_read=False)
    await trio.sleep(OVERLOAD_AFTER_S - 0.1)
    pressure.turn_over(is_all_read=False)
    assert not pressure.is_high
    pressure.turn_over(is_all_read=True)
    await trio.sleep(OVERLOAD_AFTER_S)
    pressure.turn_over(is_all_read=False)
    assert not pressure.is_high
    await trio.sleep(OVERLOAD_AFTER_S + 0.1)
    pressure.turn_over(is_all_read=False)
    assert pressure.is_high
    assert pressure.times == 1
    pressure.turn_over(is_all_read=True)
    assert not pressure.is_high


async def test_what_can_wait_comes_less_often_before_anything_is_refused(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[W5.14] Strain is told once, early, and ends when all has been read for a while."""
    pressure = Pressure()
    told: list[bool] = []
    pressure.on_strain = told.append
    pressure.turn_over(is_all_read=False)
    await trio.sleep(STRAIN_AFTER_S)
    pressure.turn_over(is_all_read=False)
    assert (told, pressure.is_high) == ([True], False)
    pressure.turn_over(is_all_read=True)
    await trio.sleep(STRAIN_CALM_S - 0.1)
    pressure.turn_over(is_all_read=False)
    pressure.turn_over(is_all_read=True)
    await trio.sleep(STRAIN_CALM_S - 0.1)
    pressure.turn_over(is_all_read=True)
    assert told == [True], "it was behind in between"
    await trio.sleep(0.2)
    pressure.turn_over(is_all_read=True)
    assert told == [True, False]
    pressure.relax()
    assert told == [True, False]


async def test_more_ready_sockets_than_a_turn_takes_are_noticed(nursery: trio.Nursery) -> None:
    """[W5.13] The reading task itself tells."""
    pressure = Pressure()
    readiness = Readiness(pressure)
    pairs = [socket.socketpair() for _ in range(READY_MAX + 1)]
    for ours, theirs in pairs:
        ours.send(b"x")
        readiness.watch(theirs.fileno(), lambda: None)
    nursery.start_soon(readiness.run)
    with trio.fail_after(10 * OVERLOAD_AFTER_S):
        while not pressure.is_high:  # noqa: ASYNC110 - nothing signals it
            await trio.sleep(OVERLOAD_AFTER_S / 10)
        for _ours, theirs in pairs:
            theirs.recv(1)
        pairs[0][0].send(b"y")
        while pressure.is_high:  # noqa: ASYNC110
            await trio.sleep(OVERLOAD_AFTER_S / 10)
    for ours, theirs in pairs:
        readiness.unwatch(theirs.fileno())
        ours.close()
        theirs.close()
