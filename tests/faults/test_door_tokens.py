"""How long a visit through a Yjs door lasts under a wall clock that lies. Virtual time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from protocol.deadlines import DeadlineWheel
from protocol.limits import DEADLINE_TICK_S, TOKEN_GRACE_S, TOKEN_REFRESH_MARGIN_S
from protocol.yjs.door_token import TokenWatch

LEFT_S = 120
HOUR_MS = 3_600_000


@pytest.mark.parametrize("moved_ms", [0, -HOUR_MS, HOUR_MS, None], ids=str)
async def test_a_visit_lasts_as_long_as_its_token_had_left(
    moved_ms: int | None, autojump_clock: MockClock
) -> None:
    """[F4.4] Whether the wall clock goes on, goes back, leaps ahead or (None) stands."""
    began_s = autojump_clock.current_time()
    jump_ms = [0]

    def clock_ms() -> int:
        passed_s = 0.0 if moved_ms is None else trio.current_time() - began_s
        return round(passed_s * 1000) + jump_ms[0]

    asked_at: list[float] = []
    ended = trio.Event()
    wheel = DeadlineWheel()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wheel.run)
        watch = TokenWatch(
            wheel,
            clock_ms,
            on_asking=lambda: asked_at.append(trio.current_time() - began_s),
            on_end=ended.set,
        )
        watch.start(LEFT_S * 1000)
        jump_ms[0] = moved_ms or 0
        await ended.wait()
        nursery.cancel_scope.cancel()
    slack_s = 2 * DEADLINE_TICK_S
    assert asked_at == [pytest.approx(LEFT_S - TOKEN_REFRESH_MARGIN_S, abs=slack_s)]
    assert trio.current_time() - began_s == pytest.approx(LEFT_S + TOKEN_GRACE_S, abs=slack_s)
