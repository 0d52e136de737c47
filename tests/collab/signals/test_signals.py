"""Signals: at least once, in order for each target, and nobody waits for anybody else."""

# ruff: noqa: ARG001 - the fixture autojump_clock works by being asked for.
from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorSystem, Batch, JournalBroken, JournalCorrupt
from collab.limits import SIGNAL_RETRY_MAX_S, SIGNAL_TARGETS_MAX, SIGNALS_UNSENT_MAX
from collab.storage import MemoryStore, SignalRow
from tests.collab.signals.boxes import World, boxes, running


@pytest.fixture
def world() -> World:
    return World()


async def test_signals_of_a_target_come_in_order_one_at_a_time(
    autojump_clock: MockClock, world: World
) -> None:
    """[V4.2] In the order in which they were stored, however many wait on disk."""
    texts = [str(n) for n in range(5 * SIGNALS_UNSENT_MAX + 1)]
    async with boxes(world) as system:
        await world.signal("a", texts)
        async with running(world, system) as runner:
            await trio.sleep(1)
            assert world.texts("a") == texts
            await world.signal("a", ["more"])
            runner.wake()
            await trio.sleep(1)
            assert world.texts("a") == [*texts, "more"]
            assert (runner.sent, runner.failing_count) == (len(texts) + 1, 0)
        assert await world.pending() == 0


async def test_a_target_that_takes_nothing_stops_nobody_else(
    autojump_clock: MockClock, world: World
) -> None:
    """[V4.3] Others get theirs, behind ten thousand signals to one that is down."""
    world.down.add("dead")
    texts = [str(n) for n in range(10_100)]
    async with boxes(world) as system:
        await world.signal("dead", texts)
        await world.signal("a", ["hello"])
        async with running(world, system) as runner:
            await trio.sleep(1)
            assert world.texts("a") == ["hello"]
            await world.signal("b", ["hello"])
            runner.wake()
            await trio.sleep(0.1)
            assert world.texts("b") == ["hello"]
            assert not runner._lines["box:dead"].front  # On disk only.
            world.down.clear()
            await trio.sleep(2 * SIGNAL_RETRY_MAX_S)
            assert world.texts("dead") == texts


async def test_more_dead_targets_than_places_stop_nobody_else(
    autojump_clock: MockClock, world: World
) -> None:
    """[V4.3] A target that fails gives its place to another one."""
    dead = [f"d{n}" for n in range(SIGNAL_TARGETS_MAX + 1)]
    world.down.update(dead)
    async with boxes(world) as system:
        for key in dead:
            await world.signal(key, ["x", "y"])
        await world.signal("a", ["hello"])
        async with running(world, system):
            await trio.sleep(1)
            assert world.texts("a") == ["hello"]


async def test_hanging_targets_stop_nobody_else(autojump_clock: MockClock, world: World) -> None:
    """[V4.3] Who answers nothing is tried apart from those who do."""
    hanging = [f"h{n}" for n in range(100)]
    world.held.update(hanging)
    async with boxes(world) as system:
        for key in hanging:
            await world.signal(key, ["x"])
        async with running(world, system) as runner:
            await trio.sleep(25)  # All were tried once, and time ran out.
            await world.signal("a", ["hello"])
            runner.wake()
            await trio.sleep(0.01)
            assert world.texts("a") == ["hello"]
            world.open.set()
            await trio.sleep(2 * SIGNAL_RETRY_MAX_S)
            assert await world.pending() == 0


async def test_a_target_that_fails_and_recovers_is_said_once_each(
    autojump_clock: MockClock, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """[V4.4] One warning when it starts failing, one when it goes on; tries get rarer between."""
    caplog.set_level(logging.INFO, "collab.signals")
    world.down.add("a")
    async with boxes(world) as system:
        await world.signal("a", ["1", "2", "3"])
        async with running(world, system) as runner:
            await trio.sleep(600)
            assert 8 < runner.retried < 8 + 2 * 600 / SIGNAL_RETRY_MAX_S
            assert runner.failing_count == 1
            world.down.clear()
            await trio.sleep(2 * SIGNAL_RETRY_MAX_S)
            assert world.texts("a") == ["1", "2", "3"]
            assert runner.failing_count == 0
    lines = [r.getMessage() for r in caplog.records if r.name == "collab.signals"]
    assert [line.split(":")[0] for line in lines] == [
        "signals to box",
        "signals to box",
    ]
    assert "wait" in lines[0]
    assert "go on" in lines[1]


async def test_a_signal_that_crashes_its_target_holds_back_no_other(
    autojump_clock: MockClock, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """[V4.5] It is logged with an id and kept; others, also later ones, go past it."""
    world.poison.add("bad")
    async with boxes(world) as system:
        await world.signal("a", ["1", "bad", "2"])
        async with running(world, system) as runner:
            await trio.sleep(30)
            await world.signal("a", ["3"])
            runner.wake()
            await trio.sleep(0.01)
            assert world.texts("a") == ["1", "2", "3"]
            assert await world.pending() == 1
            faults = [r.getMessage() for r in caplog.records if "fault" in r.getMessage()]
            assert len(faults) < 15
            assert "signal 2 to box:a is kept for later" in faults[0]
            world.poison.clear()
            await trio.sleep(2 * SIGNAL_RETRY_MAX_S)
            assert world.texts("a") == ["1", "2", "3", "bad"]
            assert runner.failing_count == 0
        assert await world.pending() == 0


async def test_no_error_of_sending_ends_the_runner(autojump_clock: MockClock, world: World) -> None:
    """[V4.5] Also an error that nobody has thought of."""

    class OddSystem:
        def __init__(self, system: ActorSystem) -> None:
            self._system = system
            self.is_odd = True

        def ref(self, kind: str, key: str) -> Any:
            if self.is_odd and key == "a":
                raise LookupError("nobody has thought of this")
            return self._system.ref(kind, key)

    async with boxes(world) as system:
        odd = OddSystem(system)
        await world.signal("a", ["1"])
        await world.signal("b", ["1"])
        async with running(world, odd):
            await trio.sleep(1)
            assert world.got == [("b", "1")]
            odd.is_odd = False
            await trio.sleep(2 * SIGNAL_RETRY_MAX_S)
            assert world.got == [("b", "1"), ("a", "1")]


async def test_what_can_never_succeed_is_dropped(autojump_clock: MockClock, world: World) -> None:
    """[V4.6] Refused, or for a target or command that does not exist: logged and forgotten."""
    async with boxes(world) as system:
        await world.signal("a", ["no", "yes"])
        payloads = [b"junk", b"\xc1", b"\x81\xa3tag\xa1x", b"\x92"]
        rows = [SignalRow("box:b", payload, n) for n, payload in enumerate(payloads)]
        strange = [SignalRow("box", b"", 8), SignalRow("nokind:x", b"\x80", 9)]
        await world.store.append(Batch("source:x", 1, [b"e"], [*rows, *strange]))
        async with running(world, system) as runner:
            await trio.sleep(1)
            assert world.got == [("a", "yes")]
            assert (runner.refused, runner.sent) == (7, 1)
        assert await world.pending() == 0


async def test_what_was_not_settled_is_sent_after_a_restart(
    autojump_clock: MockClock, world: World
) -> None:
    """[V4.7] Whether it was on its way, put off, or never read."""
    world.down.add("down")
    world.held.add("held")
    texts = [str(n) for n in range(50)]
    async with boxes(world) as system:
        for key in ("down", "held"):
            await world.signal(key, texts)
        async with running(world, system):
            await trio.sleep(5)
            assert world.got == []
        world.down.clear()
        world.open.set()
        async with running(world, system):
            await trio.sleep(5)
        assert world.texts("down") == texts
        assert list(dict.fromkeys(world.texts("held"))) == texts
        assert await world.pending() == 0


async def test_a_signal_that_is_replaced_on_its_way_loses_nothing(
    autojump_clock: MockClock, world: World
) -> None:
    """[V4.8] The newer one has an id of its own: forgetting the older one leaves it."""
    world.held.add("a")
    async with boxes(world) as system:
        await world.signal("a", ["old"], slot="s")
        async with running(world, system) as runner:
            await wait_all_tasks_blocked()
            for text in ("newer", "newest"):
                await world.signal("a", [text], slot="s")
            runner.wake()
            await wait_all_tasks_blocked()
            world.open.set()
            await trio.sleep(1)
            assert world.texts("a") == ["old", "newest"]
        assert await world.pending() == 0


async def test_a_target_that_is_down_gets_only_the_newest_of_a_slot(
    autojump_clock: MockClock, world: World
) -> None:
    """[V4.8] What waits on disk is replaced there."""
    world.down.add("a")
    async with boxes(world) as system:
        async with running(world, system) as runner:
            for n in range(20):
                await world.signal("a", [str(n)], slot="s")
                runner.wake()
                await trio.sleep(1)
            assert await world.pending() == 1
            world.down.clear()
            await trio.sleep(2 * SIGNAL_RETRY_MAX_S)
        assert world.texts("a") == ["19"]


async def test_more_failing_targets_than_can_be_remembered_are_found_again(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[V4.9] Beyond the bound they cost no memory; a later look through all that is stored."""
    monkeypatch.setattr("collab.signals.SIGNAL_TARGETS_FAILING_MAX", 3)
    dead = [f"d{n}" for n in range(10)]
    world.down.update(dead)
    async with boxes(world) as system:
        for key in dead:
            await world.signal(key, ["1", "2"])
        await world.signal("a", ["hello"])
        async with running(world, system) as runner:
            await trio.sleep(5 * SIGNAL_RETRY_MAX_S)
            assert runner.failing_count <= 3
            assert world.got == [("a", "hello")]
            world.down.clear()
            await trio.sleep(3 * SIGNAL_RETRY_MAX_S)
            assert [world.texts(key) for key in dead] == [["1", "2"]] * 10
        assert await world.pending() == 0


async def test_after_the_end_of_the_journal_nothing_is_tried(
    autojump_clock: MockClock, world: World
) -> None:
    """[V4.7] A broken journal or a drained system leaves every signal stored."""
    async with boxes(world) as system:
        async with running(world, system) as runner:
            await system.drain(1)
            await world.signal("a", ["1"])
            runner.wake()
            await trio.sleep(100)
            assert (runner.retried, runner.sent) == (0, 0)
        system._registry.fail(JournalBroken("made by a test"))
        async with running(world, system) as runner:
            await trio.sleep(100)
            assert (runner.retried, runner.sent) == (0, 0)
    assert await world.pending() == 1


class DamagedStore(MemoryStore):
    """A store whose signals cannot be read."""

    async def pending_signals(self, **_what: Any) -> Any:
        await trio.lowlevel.checkpoint()
        raise JournalCorrupt("signals", "database disk image is malformed")


async def test_damaged_signals_end_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """[V4.11] One line in the log; everybody else goes on."""
    world = World(store=DamagedStore())
    async with boxes(world) as system, running(world, system) as runner:
        await wait_all_tasks_blocked()
        runner.wake()
        await wait_all_tasks_blocked()
        lines = [line for line in caplog.records if line.levelno == logging.CRITICAL]
        assert len(lines) == 1
        assert "until they are mended" in lines[0].getMessage()
