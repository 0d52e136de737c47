"""Presence."""

# ruff: noqa: ARG001 - the fixture autojump_clock works by being asked for.
from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import Pace, PresenceBoard, Timers

Told = list[tuple[float, dict[str, object | None]]]


@pytest.fixture
async def timers(nursery: trio.Nursery, autojump_clock: MockClock) -> Timers:
    running = Timers()
    nursery.start_soon(running.run)
    await wait_all_tasks_blocked()
    return running


def _board(timers: Timers, told: Told) -> PresenceBoard:
    start = trio.current_time()

    def tell(changed: Mapping[str, object | None]) -> None:
        told.append((round(trio.current_time() - start, 6), dict(changed)))

    return PresenceBoard(timers, pace=Pace(0.05), tell=tell)


async def test_the_first_change_is_told_at_once_and_later_ones_coalesced(
    autojump_clock: MockClock, timers: Timers
) -> None:
    """[K1.60] At most one diff per interval, with everybody's newest value."""
    told: Told = []
    board = _board(timers, told)
    board.set("ann", 1)
    board.set("ann", 2)
    board.set("bob", 1)
    board.set("ann", 3)
    assert told == [(0, {"ann": 1})]
    await trio.sleep(1)
    assert told[1:] == [(0.05, {"ann": 3, "bob": 1})]
    board.set("bob", None)
    assert told[2:] == [(1, {"bob": None})]
    assert board.members == {"ann": 3}


async def test_a_change_that_was_taken_back_is_not_told(
    autojump_clock: MockClock, timers: Timers
) -> None:
    """[K1.61] Only differences from what was told last are told."""
    told: Told = []
    board = _board(timers, told)
    board.set("ann", 1)
    board.set("ann", 2)
    board.set("ann", 1)
    board.set("ghost", 1)
    board.set("ghost", None)
    await trio.sleep(1)
    board.set("ann", 1)
    board.set("nobody", None)
    await trio.sleep(1)
    assert told == [(0, {"ann": 1})]


async def test_a_receiver_that_raises_is_logged(
    autojump_clock: MockClock, timers: Timers, caplog: pytest.LogCaptureFixture
) -> None:
    """[K1.62] What tell raises harms nobody; the next diff is told."""
    count = 0

    def tell(_changed: Mapping[str, object | None]) -> None:
        nonlocal count
        count += 1
        raise ValueError("bad receiver")

    board = PresenceBoard(timers, pace=Pace(0.05), tell=tell)
    board.set("ann", 1)
    board.set("ann", 2)
    await trio.sleep(1)
    assert count == 2
    assert caplog.text.count("bad receiver") >= 2


async def test_a_closed_board_tells_nothing_more(autojump_clock: MockClock, timers: Timers) -> None:
    """[K1.62] close drops what waits, with its timer."""
    told: Told = []
    board = _board(timers, told)
    board.set("ann", 1)
    board.set("ann", 2)
    board.close()
    await trio.sleep(1)
    assert len(told) == 1
    assert len(timers) == 0
