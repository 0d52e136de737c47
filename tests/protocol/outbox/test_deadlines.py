"""The deadline wheel under virtual time."""

# ruff: noqa: ARG001 -- a test asks for the clock so that time is virtual.

from __future__ import annotations

import random
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from protocol.deadlines import Alarm, DeadlineWheel
from protocol.limits import DEADLINE_TICK_S


async def test_deadlines_fire_once_and_never_early(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """[W5.9] Each entry fires at its time or up to a tick later; discarded ones do not."""
    wheel = DeadlineWheel()
    nursery.start_soon(wheel.run)
    rng = random.Random(3)
    fired: dict[float, list[float]] = {}
    alarms = []

    def note(due_s: float) -> None:
        fired[due_s].append(trio.current_time())

    start_s = trio.current_time()
    for number in range(500):
        due_s = start_s + rng.random() * 200
        fired[due_s] = []
        alarm = Alarm(wheel, partial(note, due_s))
        alarm.set(due_s)
        if number % 5 == 0:
            alarm.stop()
            del fired[due_s]
        alarms.append(alarm)
    await trio.sleep(201)
    for due_s, times in fired.items():
        (at_s,) = times
        assert due_s <= at_s + 1e-9
        assert at_s <= due_s + 2 * DEADLINE_TICK_S
    assert len(wheel) == 0
    assert not any(alarm.is_set for alarm in alarms)


async def test_a_wheel_that_stood_still_takes_up_again(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """[W5.9] After an hour without entries the next one fires in time, a past one at once."""
    wheel = DeadlineWheel()
    nursery.start_soon(wheel.run)
    times: list[float] = []
    alarm = Alarm(wheel, lambda: times.append(trio.current_time()))
    for _ in range(3):
        await trio.sleep(3_600)
        due_s = trio.current_time() + 1
        alarm.set(due_s)
        await trio.sleep(2)
        assert times.pop() == pytest.approx(due_s, abs=0.11)
        alarm.set(trio.current_time() - 50)
        await trio.sleep(0.2)
        assert len(times) == 1
        times.clear()


async def test_an_entry_may_discard_and_set_others_while_it_fires(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """[W5.9] Callbacks may touch the wheel."""
    wheel = DeadlineWheel()
    nursery.start_soon(wheel.run)
    fired: list[Alarm] = []
    pair: list[Alarm] = []

    def fire(place: int) -> None:
        fired.append(pair[place])
        pair[1 - place].stop()
        if len(fired) == 1:
            pair[place].set(3.0)

    pair += [Alarm(wheel, lambda: fire(0)), Alarm(wheel, lambda: fire(1))]
    for alarm in pair:
        alarm.set(trio.current_time() + 1.0)
    await trio.sleep(2)
    assert len(fired) == 1
    await trio.sleep(1.5)
    assert fired == [fired[0]] * 2
