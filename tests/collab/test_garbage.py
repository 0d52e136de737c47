"""The cycle collector of a server's process: what is walked, and when."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from collab import garbage
from collab.cli import serve
from collab.config import Config
from collab.garbage import Heap, Schedule, collect_for_ever, tune
from collab.limits import (
    GARBAGE_CHECK_S,
    GARBAGE_GROWTH_FACTOR,
    GARBAGE_IDLE_OBJECTS,
    GARBAGE_OBJECTS_MIN,
    GARBAGE_YOUNG_OBJECTS,
)


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.me = self


def heap(made: int, resident_mb: int = 100) -> Heap:
    return Heap(made, resident_mb * 1_000_000)


def test_the_heap_is_walked_when_it_has_grown_or_when_nobody_needs_us() -> None:
    """[O14.1] In proportion to what lives; sooner while the server rests."""
    schedule = Schedule(heap(0))
    assert not schedule.is_due(heap(GARBAGE_OBJECTS_MIN), is_idle=False)
    assert schedule.is_due(heap(GARBAGE_OBJECTS_MIN + 1), is_idle=False)
    assert not schedule.is_due(heap(GARBAGE_IDLE_OBJECTS), is_idle=True)
    assert schedule.is_due(heap(GARBAGE_IDLE_OBJECTS + 1), is_idle=True)
    schedule.walked(heap(1_000_000), live=600_000)
    due_at = 1_000_000 + GARBAGE_GROWTH_FACTOR * 600_000
    assert not schedule.is_due(heap(due_at), is_idle=False)
    assert schedule.is_due(heap(due_at + 1), is_idle=False)
    assert not schedule.is_due(heap(1_150_000), is_idle=True), "a quarter of what lives"
    assert schedule.is_due(heap(1_150_001), is_idle=True)


def test_the_heap_is_walked_when_memory_has_grown_by_half() -> None:
    """[O14.1] Cycles may hold much that the collector does not see: TLS, half a message."""
    schedule = Schedule(heap(0, 100))
    assert not schedule.is_due(heap(0, 360), is_idle=False)
    assert schedule.is_due(heap(0, 370), is_idle=False)
    schedule.walked(heap(0, 1_000), live=0)
    assert not schedule.is_due(heap(0, 1_490), is_idle=False)
    assert schedule.is_due(heap(0, 1_510), is_idle=False)
    unknown = Schedule(Heap(0, 0))
    assert not unknown.is_due(heap(0, 9_000), is_idle=False)


async def test_a_fault_while_looking_ends_nothing(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[O14.2] There may be no memory to look with: then the server goes on without."""
    looked = 0

    def fail(_schedule: Schedule) -> None:
        nonlocal looked
        looked += 1
        raise MemoryError

    monkeypatch.setattr(Schedule, "is_due", lambda *_args, **_more: True)
    monkeypatch.setattr(garbage, "_walk", fail)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect_for_ever)
        await trio.sleep(3.5 * GARBAGE_CHECK_S)
        nursery.cancel_scope.cancel()
    assert looked == 3


async def test_a_server_of_its_own_collects_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[O14.1] From the moment at which it takes connections."""
    seen: list[object] = []

    async def run_server(
        _config: Config, *, stop: trio.Event, on_ready: Callable[[str], None], site: object
    ) -> None:
        assert not stop.is_set()
        assert site is not None
        on_ready("http://x")
        await trio.testing.wait_all_tasks_blocked()
        seen.append("served")

    async def collect() -> None:
        seen.append("collecting")

    monkeypatch.setattr(serve, "run_server", run_server)
    monkeypatch.setattr(serve, "tune", lambda: seen.append("tuned"))
    monkeypatch.setattr(serve, "collect_for_ever", collect)
    await serve._run(Config(data=tmp_path), lambda url: seen.append(url))
    assert seen == ["tuned", "http://x", "collecting", "served"]


async def test_growth_is_walked_young_and_once_and_cycles_go_in_the_end(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[O14.1] Ten thousand young ones at a time; an old cycle dies when all of it is walked."""
    monkeypatch.setattr(garbage, "GARBAGE_IDLE_SHARE", 2.0)  # Idle, whatever the machine does.
    thresholds = gc.get_threshold()
    walks: list[int] = []

    def note(phase: str, what: dict[str, Any]) -> None:
        if phase == "start":
            walks.append(what["generation"])

    tune()
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
            gc.set_threshold(*thresholds)
        nursery.cancel_scope.cancel()
    assert len(kept) == GARBAGE_YOUNG_OBJECTS * 30
