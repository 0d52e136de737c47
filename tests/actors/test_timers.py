"""Timers."""

# ruff: noqa: ARG001 - the fixture autojump_clock works by being asked for.
from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import TimerHandle, Timers
from actors._limits import TIMERS_CANCELLED_MAX, TIMERS_STEP_S


@pytest.fixture
async def timers(nursery: trio.Nursery, autojump_clock: MockClock) -> Timers:
    running = Timers()
    nursery.start_soon(running.run)
    await wait_all_tasks_blocked()
    return running


async def test_timers_run_in_order_of_time(autojump_clock: MockClock, timers: Timers) -> None:
    """[K1.40] A callback runs when its time has come, earlier ones first, equals as armed."""
    start = trio.current_time()
    ran: list[tuple[str, float]] = []

    def arm(name: str, delay_s: float) -> None:
        timers.call_later(delay_s, lambda: ran.append((name, trio.current_time() - start)))

    for name, delay_s in [("c", 3.0), ("a", 1.0), ("b", 2.0), ("b2", 2.0), ("now", 0.0)]:
        arm(name, delay_s)
    await trio.sleep(5)
    assert ran == [("now", 0), ("a", 1), ("b", 2), ("b2", 2), ("c", 3)]
    assert len(timers) == 0


async def test_an_earlier_timer_moves_the_sleep_forward(
    autojump_clock: MockClock, timers: Timers
) -> None:
    """[K1.40] Arming a timer that is due before all others wakes the task in time."""
    start = trio.current_time()
    ran: list[float] = []
    timers.call_later(1_000, lambda: None)
    await wait_all_tasks_blocked()
    timers.call_later(1, lambda: ran.append(trio.current_time() - start))
    await trio.sleep(2)
    assert ran == [1]


async def test_a_cancelled_timer_does_not_run(autojump_clock: MockClock, timers: Timers) -> None:
    """[K1.41] cancel() before its time, also by another callback of the same instant."""
    ran: list[str] = []
    handles: list[TimerHandle] = []
    timers.call_later(1, lambda: handles[0].cancel())
    handles.append(timers.call_later(1, lambda: ran.append("no")))
    other = timers.call_later(1, lambda: ran.append("no"))
    other.cancel()
    other.cancel()
    assert not other.is_armed
    assert len(timers) == 2
    await trio.sleep(2)
    assert ran == []
    handles[0].cancel()
    assert len(timers) == 0


async def test_cancelled_timers_do_not_pile_up(autojump_clock: MockClock, timers: Timers) -> None:
    """[K1.41] Arming and cancelling without end keeps the heap bounded."""
    rng = random.Random(1)
    kept = [timers.call_later(rng.uniform(100, 200), lambda: None) for _ in range(100)]
    for _ in range(5_000):
        timers.call_later(rng.uniform(0, 1_000), lambda: None).cancel()
        assert len(timers._heap) <= 2 * len(kept) + 2 * TIMERS_CANCELLED_MAX
    assert len(timers) == len(kept)
    await trio.sleep(300)
    assert len(timers) == 0
    assert not any(handle.is_armed for handle in kept)


async def test_a_callback_that_raises_stops_no_other(
    autojump_clock: MockClock, timers: Timers, caplog: pytest.LogCaptureFixture
) -> None:
    """[K1.42] What a callback raises is logged; the timers go on."""
    ran: list[str] = []

    def bad() -> None:
        raise ValueError("bad callback")

    timers.call_later(1, bad)
    timers.call_later(1, lambda: ran.append("yes"))
    await trio.sleep(2)
    assert ran == ["yes"]
    assert "bad callback" in caplog.text


async def test_a_timer_that_arms_itself_without_delay_starves_nobody(
    autojump_clock: MockClock, timers: Timers
) -> None:
    """[K1.42] Endless zero delays leave room for other timers and tasks."""
    ran: list[str] = []

    def again() -> None:
        ran.append("again")
        if len(ran) < 1_000:
            timers.call_at(-1, again)

    timers.call_later(0, again)
    timers.call_later(0, lambda: ran.append("other"))
    for _ in range(20):
        await trio.lowlevel.checkpoint()
    assert "other" in ran[:3]
    assert len(ran) < 100
    ran.extend([""] * 1_000)


async def test_after_the_end_nothing_is_armed(autojump_clock: MockClock) -> None:
    """[K1.42] When the timers' task has ended, call_later returns a spent handle."""
    timers = Timers()
    timers.call_later(0, lambda: None)
    with trio.CancelScope() as scope:
        scope.cancel()
        await timers.run()
    handle = timers.call_later(0, lambda: None)
    assert not handle.is_armed
    handle.cancel()
    assert len(timers) == 0


async def test_what_is_due_shortly_after_a_turn_runs_together(
    autojump_clock: MockClock, timers: Timers
) -> None:
    """[K1.43] Many timers close to each other wake the task once a step; the first is in time."""
    start = trio.current_time()
    ran: list[float] = []
    for number in range(20):
        delay_s = 1 + number * TIMERS_STEP_S / 10
        timers.call_later(delay_s, lambda: ran.append(trio.current_time() - start))
    await trio.sleep(2)
    assert ran[0] == pytest.approx(1)
    assert ran[1:11] == pytest.approx([1 + TIMERS_STEP_S] * 10)
    assert ran[11:] == pytest.approx([1 + 2 * TIMERS_STEP_S] * 9)
