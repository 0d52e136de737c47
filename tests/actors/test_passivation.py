"""Leaving memory and coming back; snapshots."""

# ruff: noqa: ARG001 - the fixture autojump_clock works by being asked for.
from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import MemoryJournal, Restart, Snapshot, open_system
from actors.testing import FaultJournal, Probe, ProbeLog, SimulatedFault, do, probe_kind

IDLE_TIMEOUT_S = 60.0


async def test_idle_actor_is_passivated_and_keeps_its_history(autojump_clock: MockClock) -> None:
    """[K1.7] An idle actor leaves memory; the next message revives it."""
    log = ProbeLog()
    kind = probe_kind(log, idle_timeout_s=IDLE_TIMEOUT_S)
    async with open_system([kind], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        assert await ref.ask(do("1"), timeout_s=1) == ["1"]
        await trio.sleep(IDLE_TIMEOUT_S - 1)
        assert system.is_active("probe", "a")
        await trio.sleep(2)
        assert not system.is_active("probe", "a")
        assert system.counters.passivations == 1
        assert log.calls[-2:] == ["snapshot 1", "closed a None"]
        assert await ref.ask(do("2"), timeout_s=1) == ["1", "2"]
        assert "restore 1" in log.calls


async def test_every_message_puts_passivation_off(autojump_clock: MockClock) -> None:
    """[K1.7] The idle time counts from the last message, also for one sent at the last moment."""
    async with open_system([probe_kind(idle_timeout_s=10)], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        for _ in range(5):
            await ref.ask(do("x"), timeout_s=1)
            await trio.sleep(9.5)
        assert system.counters.activations == 1
        await trio.sleep(0.5)
        ref.tell_nowait(do("y"))  # In the same instant as the timer.
        await trio.sleep(9.5)
        assert system.counters.activations == 1 or system.counters.passivations == 1
        assert system.is_active("probe", "a")
        await trio.sleep(1)
        assert not system.is_active("probe", "a")


async def test_an_actor_without_history_leaves_sooner(autojump_clock: MockClock) -> None:
    """[K1.36] What was asked for by a made-up key does not stay as long as what exists."""
    kind = probe_kind(idle_timeout_s=60, blank_timeout_s=1)
    async with open_system([kind], MemoryJournal()) as system:
        blank, real = system.ref("probe", "blank"), system.ref("probe", "real")
        await blank.ask(do(), timeout_s=1)
        await real.ask(do("1"), timeout_s=1)
        await trio.sleep(2)
        assert not system.is_active("probe", "blank")
        assert system.is_active("probe", "real")
        await trio.sleep(57)
        assert system.is_active("probe", "real")
        await trio.sleep(2)
        assert not system.is_active("probe", "real")


async def test_a_watched_actor_stays(autojump_clock: MockClock) -> None:
    """[K1.9] While is_busy an actor is not passivated; afterwards it is."""
    log = ProbeLog(busy_keys={"a"})
    async with open_system([probe_kind(log, idle_timeout_s=10)], MemoryJournal()) as system:
        await system.ref("probe", "a").ask(do("1"), timeout_s=1)
        await trio.sleep(100)
        assert system.is_active("probe", "a")
        log.busy_keys.clear()
        await trio.sleep(11)
        assert not system.is_active("probe", "a")
        assert system.active_by_kind == {"probe": 0}


async def test_a_message_that_arrives_while_it_stops_is_handled_by_the_same_activation(
    autojump_clock: MockClock,
) -> None:
    """[K1.10] No message is lost and no second activation exists while one is being passivated."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind(idle_timeout_s=10)], journal) as system:
        ref = system.ref("probe", "a")
        await ref.ask(do("1"), timeout_s=1)
        journal.hold()
        await trio.sleep(11)
        assert system.is_active("probe", "a")  # It waits for its snapshot to be saved.
        late = Probe()
        ref.ask_nowait(do("2"), late)
        journal.release()
        assert await late.wait() == ["1", "2"]
        assert (system.counters.activations, system.counters.passivations) == (1, 0)
        await trio.sleep(11)
        assert not system.is_active("probe", "a")


async def test_permanent_actors_and_kinds_without_timeout_stay(autojump_clock: MockClock) -> None:
    """[K1.18] PERMANENT is never passivated, nor is a kind without idle_timeout_s."""
    kinds = [
        probe_kind(name="permanent", restart=Restart.PERMANENT, idle_timeout_s=1),
        probe_kind(name="endless", idle_timeout_s=None),
    ]
    async with open_system(kinds, MemoryJournal()) as system:
        for name in ("permanent", "endless"):
            await system.ref(name, "a").ask(do("1"), timeout_s=1)
        await trio.sleep(10_000)
        assert system.active_count == 2
        assert system.active_by_kind == {"permanent": 1, "endless": 1}


async def test_a_snapshot_is_taken_after_so_many_events(autojump_clock: MockClock) -> None:
    """[K1.22] After a commit that makes snapshot_every events, and at passivation if any is new."""
    journal = MemoryJournal()
    log = ProbeLog()
    kind = probe_kind(log, snapshot_every=3, idle_timeout_s=10)
    async with open_system([kind], journal) as system:
        ref = system.ref("probe", "a")
        await ref.ask(do("1", "2"), timeout_s=1)
        await ref.ask(do("3", "4"), timeout_s=1)
        await ref.ask(do(), timeout_s=1)
        assert (await journal.head("probe:a")).snapshot == Snapshot(4, b"1 2 3 4")
        await trio.sleep(11)
        assert log.count("snapshot 4") == 1
        await ref.ask(do("5"), timeout_s=1)
        assert "replay 4" not in log.calls
        await trio.sleep(11)
        assert (await journal.head("probe:a")).snapshot == Snapshot(5, b"1 2 3 4 5")
        assert system.counters.snapshots == 2


async def test_a_snapshot_that_cannot_be_restored_costs_only_a_replay(
    autojump_clock: MockClock,
) -> None:
    """[K1.22] If restore raises, a fresh instance replays everything."""
    log = ProbeLog()
    async with open_system([probe_kind(log, idle_timeout_s=10)], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        await ref.ask(do("1", "2"), timeout_s=1)
        await trio.sleep(11)
        log.restore_error = ValueError("an older format")
        assert await ref.ask(do("3"), timeout_s=1) == ["1", "2", "3"]
        assert system.counters.crashes == 0


async def test_a_snapshot_that_cannot_be_saved_harms_nobody(autojump_clock: MockClock) -> None:
    """[K1.22] A failing save_snapshot is logged; the actor goes on and stops as usual."""

    class NoSnapshots(MemoryJournal):
        async def save_snapshot(self, actor_id: str, snapshot: Snapshot) -> None:  # noqa: ARG002
            raise SimulatedFault(actor_id)

    kind = probe_kind(snapshot_every=1, idle_timeout_s=10)
    async with open_system([kind], NoSnapshots()) as system:
        ref = system.ref("probe", "a")
        assert await ref.ask(do("1"), timeout_s=1) == ["1"]
        assert await ref.ask(do("2"), timeout_s=1) == ["1", "2"]
        await trio.sleep(11)
        assert not system.is_active("probe", "a")
        assert system.counters.crashes == 0


async def test_a_kind_without_snapshots_replays_in_pages(autojump_clock: MockClock) -> None:
    """[K1.23] A history longer than a page is replayed whole."""
    log = ProbeLog(has_snapshots=False)
    names = [str(n) for n in range(2_500)]
    async with open_system([probe_kind(log, idle_timeout_s=10)], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        await ref.ask(do(*names), timeout_s=1)
        await trio.sleep(11)
        assert await ref.ask(do(), timeout_s=1) == names


async def test_many_senders_and_passivations_never_make_two_activations(
    autojump_clock: MockClock,
) -> None:
    """[K1.1 K1.10] Starting, stopping and sending at random: each event once, in one order."""
    journal = MemoryJournal()
    kind = probe_kind(idle_timeout_s=0.2, snapshot_every=7)
    async with open_system([kind], journal) as system:

        async def send(name: str) -> None:
            for n in range(30):
                await system.ref("probe", "a").ask(do(f"{name}{n}"), timeout_s=5)
                await trio.sleep((n * 7 + ord(name)) % 11 / 10)

        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(send, name)
        await wait_all_tasks_blocked()
        events = await system.ref("probe", "a").ask(do(), timeout_s=5)
        assert len(events) == 90
        for name in "abc":
            mine = [event for event in events if event.startswith(name)]
            assert mine == [f"{name}{n}" for n in range(30)]
        assert system.counters.passivations > 3
        assert system.counters.crashes == 0
