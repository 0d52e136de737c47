"""Timers in a running app: the clock that wakes them, restarts, kinds that set them."""

# ruff: noqa: ARG001 - the clock works by being there.

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from collab.alarms import RETRY_MIN_S
from collab.app import App, AppSettings, open_app
from collab.kinds import BUILT_IN
from collab.storage import MemoryStore
from collab.timers.cron import next_occurrence_ms
from tests.collab.timers.bells import BELL, Arm, BellState, Disarm


class Wall:
    """A wall clock that goes with the test's time, and can be set."""

    def __init__(self) -> None:
        self.ahead_ms = 1_000_000

    def __call__(self) -> int:
        return round(trio.current_time() * 1000) + self.ahead_ms


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def settings(wall: Wall) -> AppSettings:
    return AppSettings(kinds=(*BUILT_IN, BELL), clock_ms=wall, store=MemoryStore())


async def rings(app: App, key: str) -> list[tuple[int, int]]:
    """Return (due, rung) of everything that bell *key* has heard, which was never a copy."""
    state = await replayed(app, key)
    assert state.copies == 0
    return list(state.rung.values())


async def replayed(app: App, key: str) -> BellState:
    state = BELL.new_state(key)
    for past in await app.reader.events(f"bell:{key}", after=0, limit=1_000):
        BELL.events[type(past.event)](state, past.event, past.stamp)
    return state


async def test_a_timer_rings_at_its_time(
    settings: AppSettings, wall: Wall, autojump_clock: MockClock
) -> None:
    """[H3.1] One task sleeps until the soonest time; an earlier one that is set later wakes it."""
    async with open_app(None, settings) as app:
        start_ms = wall()
        await app.do("bell:a", Arm(after_ms=20_000), user_id="ann")
        await trio.sleep(1)
        await app.do("bell:b", Arm(at_ms=start_ms + 5_000), user_id="ann")
        await trio.sleep(3.5)
        assert await rings(app, "b") == []
        await trio.sleep(1)
        ((due_ms, rung_ms),) = await rings(app, "b")
        assert due_ms == start_ms + 5_000
        assert 0 <= rung_ms - due_ms < 100
        await trio.sleep(20)
        assert [due for due, _rung in await rings(app, "a")] == [start_ms + 20_000]


async def test_a_rule_goes_on(settings: AppSettings, autojump_clock: MockClock) -> None:
    """[H3.2] A rule rings each time it comes round, until it is unset."""
    async with open_app(None, settings) as app:
        await app.do("bell:a", Arm(cron="* * * * *"), user_id="ann")
        await trio.sleep(190)
        heard = await rings(app, "a")
        assert len(heard) == 3
        assert all(due_ms % 60_000 == 0 for due_ms, _rung in heard)
        await app.do("bell:a", Disarm(), user_id="ann")
        await trio.sleep(200)
        assert await rings(app, "a") == heard
        assert len(app.alarms) == 0


async def test_what_was_missed_rings_once_at_the_start(
    settings: AppSettings, autojump_clock: MockClock
) -> None:
    """[H3.3] Across restarts: each time once; what passed meanwhile once, at the start."""
    async with open_app(None, settings) as app:
        await app.do("bell:a", Arm(after_ms=10_000), user_id="ann")
        await app.do("bell:r", Arm(cron="* * * * *"), user_id="ann")
        await app.do("bell:z", Arm(after_ms=3_600_000), user_id="ann")
        await trio.sleep(1)
    for _restart in range(3):
        await trio.sleep(600)
        async with open_app(None, settings) as app:
            await trio.sleep(0.5)
            assert len(await rings(app, "a")) == 1
            heard = len(await rings(app, "r"))
    assert heard == 3  # Ten were missed each time.
    async with open_app(None, settings) as app:
        await trio.sleep(3_600)
        assert len(await rings(app, "z")) == 1


async def test_a_clock_that_is_set_is_noticed(
    settings: AppSettings, wall: Wall, autojump_clock: MockClock
) -> None:
    """[H3.4] A jump ahead rings what came due within half a minute; a jump back rings nothing."""
    async with open_app(None, settings) as app:
        await app.do("bell:a", Arm(after_ms=3_600_000), user_id="ann")
        await app.do("bell:r", Arm(cron="0 * * * *"), user_id="ann")
        await trio.sleep(1)
        wall.ahead_ms += 3_600_000
        await trio.sleep(31)
        assert len(await rings(app, "a")) == 1
        assert len(await rings(app, "r")) == 1
        wall.ahead_ms -= 3_600_000
        await trio.sleep(3_590)
        assert len(await rings(app, "a")) == 1
        assert len(await rings(app, "r")) == 1


async def test_a_shard_that_cannot_be_woken_is_tried_again(
    settings: AppSettings,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[H3.5] A ring that fails is repeated, later each time, and nobody else waits for it."""
    faults: list[float] = []
    are_due = False

    def failing(rule: str, zone: str, after_ms: int) -> int | None:
        if are_due and len(faults) < 2:
            faults.append(trio.current_time())
            raise ZeroDivisionError
        return next_occurrence_ms(rule, zone, after_ms)

    monkeypatch.setattr("collab.timers.rules.next_occurrence_ms", failing)
    async with open_app(None, settings) as app:
        await app.do("bell:a", Arm(cron="* * * * *"), user_id="ann")
        await app.do("bell:other", Arm(after_ms=25_000), user_id="ann")
        await trio.sleep(1)
        are_due = True
        await trio.sleep(25)
        assert len(faults) == 2
        assert faults[1] - faults[0] >= RETRY_MIN_S
        assert len(await rings(app, "a")) == 1
        assert len(await rings(app, "other")) == 1
