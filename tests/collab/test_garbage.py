"""The cycle collector of a server's process: what is walked, and when."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import trio
import trio.testing

from collab import garbage
from collab.garbage import Schedule, collect_for_ever
from collab.limits import (
    GARBAGE_GROWTH_FACTOR,
    GARBAGE_IDLE_OBJECTS,
    GARBAGE_OBJECTS_MIN,
    GARBAGE_YOUNG_OBJECTS,
)


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.me = self


def test_the_heap_is_walked_when_it_has_grown_or_when_nobody_needs_us() -> None:
    """[O14.1] In proportion to what lives; sooner while the server rests."""
    schedule = Schedule(0)
    assert not schedule.is_due(GARBAGE_OBJECTS_MIN, is_idle=False)
    assert schedule.is_due(GARBAGE_OBJECTS_MIN + 1, is_idle=False)
    assert schedule.is_due(GARBAGE_IDLE_OBJECTS + 1, is_idle=True)
    schedule.walked(1_000_000, live=500_000)
    due_at = 1_000_000 + GARBAGE_GROWTH_FACTOR * 500_000
    assert not schedule.is_due(due_at, is_idle=False)
    assert schedule.is_due(due_at + 1, is_idle=False)
    assert not schedule.is_due(1_000_000 + GARBAGE_IDLE_OBJECTS, is_idle=True)
    assert schedule.is_due(1_000_000 + GARBAGE_IDLE_OBJECTS + 1, is_idle=True)


async def test_growth_is_walked_young_and_once_and_cycles_go_in_the_end(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[O14.1] A thousand young ones at a time; an old cycle dies when all of it is walked."""
    monkeypatch.setattr(garbage, "GARBAGE_IDLE_SHARE", 2.0)  # Idle, whatever the machine does.
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    walks: list[int] = []

    def note(phase: str, what: dict[str, Any]) -> None:
        if phase == "start":
            walks.append(what["generation"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect_for_ever)
        await trio.testing.wait_all_tasks_blocked()
        gc.callbacks.append(note)
        try:
            knot = Knot()
            old = weakref.ref(knot)
            kept = [[number] for number in range(GARBAGE_YOUNG_OBJECTS * 30)]
            assert set(walks) == {0}
            assert 25 <= len(walks) <= 35
            del knot
            assert old() is not None
            await trio.sleep(6)
            assert old() is None
            assert walks[-1] == 2
        finally:
            gc.callbacks.remove(note)
        nursery.cancel_scope.cancel()
    assert len(kept) == GARBAGE_YOUNG_OBJECTS * 30
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() <= frozen
