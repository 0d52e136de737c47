"""What senders learn when the journal fails, and that memory never disagrees with it."""

# ruff: noqa: ARG001 - the fixture autojump_clock works by being asked for.
from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import (
    ActorCrashed,
    ActorStopped,
    AskTimeout,
    Batch,
    JournalBroken,
    JournalConflict,
    MemoryJournal,
    OutcomeUnknown,
    Ref,
    open_system,
)
from actors.testing import Fault, FaultJournal, Probe, ProbeLog, SimulatedFault, do, probe_kind


async def test_a_conflict_means_not_stored_and_safe_to_send_again() -> None:
    """[K1.24] JournalConflict: everybody in the batch gets ActorStopped; the actor is replayed."""
    memory = MemoryJournal()
    log = ProbeLog()
    async with open_system([probe_kind(log)], memory) as system:
        ref = system.ref("probe", "a")
        await ref.ask(do("1"), timeout_s=1)
        await memory.append(Batch("probe:a", 2, [b"theirs"]))  # Another owner writes.
        write, read = Probe(), Probe()
        ref.ask_nowait(do("mine"), write)
        ref.ask_nowait(do(), read)
        with pytest.raises(ActorStopped):
            await write.wait()
        assert isinstance(read.outcome, ActorStopped)
        assert log.count("closed a JournalConflict") == 1
        assert await ref.ask(do("mine"), timeout_s=1) == ["1", "theirs", "mine"]


@pytest.mark.parametrize("is_stored", [False, True])
async def test_an_unknown_outcome_is_called_unknown(is_stored: bool) -> None:
    """[K1.25] Any other failure: OutcomeUnknown; the replayed actor knows the truth."""
    journal = FaultJournal(MemoryJournal())
    cause = SimulatedFault("connection lost")
    log = ProbeLog()
    async with open_system([probe_kind(log)], journal) as system:
        ref = system.ref("probe", "a")
        journal.fault_next(Fault(error=cause, is_stored=is_stored))
        write, read, mail = Probe(), Probe(), Probe()
        ref.ask_nowait(do("1"), write)
        ref.ask_nowait(do(), read)
        await wait_all_tasks_blocked()
        ref.ask_nowait(do("2"), mail)
        with pytest.raises(OutcomeUnknown) as caught:
            await write.wait()
        assert caught.value.cause is cause
        assert isinstance(read.outcome, OutcomeUnknown)
        assert await mail.wait() == (["1", "2"] if is_stored else ["2"])
        assert "publish 1 1" not in log.calls


async def test_mail_that_waits_behind_a_failed_batch_is_handled_after_the_replay() -> None:
    """[K1.24] A crash touches the batch that was being stored, not the mail behind it."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind()], journal) as system:
        ref = system.ref("probe", "a")
        journal.hold()
        journal.fault_next(Fault(error=JournalConflict("probe:a", 1, 1)))
        first, second = Probe(), Probe()
        ref.ask_nowait(do("1"), first)
        await wait_all_tasks_blocked()
        ref.ask_nowait(do("2"), second)
        journal.release()
        assert await second.wait() == ["2"]
        assert isinstance(first.outcome, ActorStopped)


async def test_a_broken_journal_ends_the_whole_system(caplog: pytest.LogCaptureFixture) -> None:
    """[K1.26] JournalBroken: failed is set, every caller gets it, nothing is acknowledged."""
    journal = FaultJournal(MemoryJournal())
    broken = JournalBroken("fsync: input/output error")
    log = ProbeLog()
    async with open_system([probe_kind(log)], journal) as system:
        a, b, idle = (system.ref("probe", key) for key in ("a", "b", "idle"))
        await idle.ask(do("0"), timeout_s=1)
        journal.hold()
        journal.fault_next(Fault(error=broken))
        probes = [Probe() for _ in range(4)]
        a.ask_nowait(do("1"), probes[0])
        await wait_all_tasks_blocked()
        a.ask_nowait(do("2"), probes[1])
        b.ask_nowait(do("3"), probes[2])
        b.ask_nowait(do(), probes[3])
        assert system.failed is None
        journal.release()
        assert await system.wait_failed() is broken
        assert system.failed is broken
        await wait_all_tasks_blocked()
        for probe in probes:
            assert isinstance(probe.outcome, (JournalBroken, OutcomeUnknown))
            assert probe.replies == []
        for ref in (a, b, idle, system.ref("probe", "new")):
            with pytest.raises(JournalBroken, match="fsync"):
                ref.tell_nowait(do("4"))
            with pytest.raises(JournalBroken):
                await ref.ask(do("4"), timeout_s=1)
        assert system.active_count == 0
        assert {"closed a JournalBroken", "closed idle JournalBroken"} <= set(log.calls)
        await system.drain(1)
    assert not caplog.records  # Whoever runs the system tells it, once.


async def test_what_was_stored_but_not_acknowledged_when_the_journal_broke_stays_so() -> None:
    """[K1.26] An append that returns after another one broke the journal is not acknowledged."""

    class BreaksBetween(MemoryJournal):
        both = trio.Event()

        async def append(self, batch: Batch) -> None:
            await super().append(batch)
            if batch.actor_id == "probe:a":
                await trio.lowlevel.wait_task_rescheduled(self.remember)
            else:
                trio.lowlevel.reschedule(self.task)  # "a" is stored, and will run next.
                raise JournalBroken("now")

        def remember(self, _: object) -> trio.lowlevel.Abort:
            return trio.lowlevel.Abort.FAILED

        task: trio.lowlevel.Task

    journal = BreaksBetween()
    async with open_system([probe_kind()], journal) as system:
        first, second = Probe(), Probe()
        system.ref("probe", "a").ask_nowait(do("1"), first)
        await wait_all_tasks_blocked()
        journal.task = next(
            task
            for nursery in trio.lowlevel.current_root_task().child_nurseries  # type: ignore[union-attr]
            for task in _all_tasks(nursery)
            if task.name.endswith("Cell.run")
        )
        system.ref("probe", "b").ask_nowait(do("2"), second)
        await wait_all_tasks_blocked()
        assert isinstance(first.outcome, JournalBroken)
        assert isinstance(second.outcome, JournalBroken)


def _all_tasks(nursery: trio.Nursery) -> list[trio.lowlevel.Task]:
    tasks = list(nursery.child_tasks)
    for task in list(tasks):
        for child in task.child_nurseries:
            tasks += _all_tasks(child)
    return tasks


@pytest.mark.parametrize("seed", range(12))
async def test_random_faults_lose_nothing_that_was_acknowledged(
    autojump_clock: MockClock, seed: int
) -> None:
    """[K1.33] Acknowledged: stored, once, in order. Refused or stopped: absent. Unknown: either."""
    memory = MemoryJournal()
    journal = FaultJournal(memory, seed=seed, fault_rate=0.15, delay_max_s=0.3)
    kind = probe_kind(
        restarts_max=10_000, idle_timeout_s=0.4, mailbox_len_max=4, snapshot_every=5, rest_s=0.1
    )
    surely, never, maybe = list[str](), list[str](), list[str]()
    rng = random.Random(seed)

    async def send(ref: Ref, name: str) -> None:
        for n in range(25):
            event = f"{name}.{n}"
            command = do(event) if rng.random() < 0.9 else do(event, crash=ValueError("poison"))
            try:
                await ref.ask(command, timeout_s=rng.choice([0.2, 5]))
            except OutcomeUnknown:
                maybe.append(event)
            except AskTimeout:
                maybe.append(event)
            except (ActorCrashed, ActorStopped):
                never.append(event)
            else:
                surely.append(event)
            await trio.sleep(rng.choice([0, 0.1, 0.6]))

    async with open_system([kind], journal) as system:
        async with trio.open_nursery() as nursery:
            for key in ("x", "y"):
                for name in ("p", "q", "r"):
                    nursery.start_soon(send, system.ref("probe", key), f"{key}{name}")
        shown = {key: await _patiently(system.ref("probe", key)) for key in ("x", "y")}
        assert system.failed is None
    for key in ("x", "y"):
        records = await memory.read(f"probe:{key}", after=0, limit=10_000)
        stored = [record.payload.decode() for record in records]
        assert stored == shown[key]
        assert len(set(stored)) == len(stored)
        assert {event for event in surely if event.startswith(key)} <= set(stored)
        assert not set(never) & set(stored)
        for name in ("p", "q", "r"):
            mine = [event for event in stored if event.startswith(key + name)]
            assert mine == sorted(mine, key=lambda event: int(event.split(".")[1]))
        assert memory.rows_of(f"probe:{key}") == [
            (key, n, event) for n, event in enumerate(stored, start=1)
        ]
    assert len(surely) > 50
    assert maybe or never


async def _patiently(ref: Ref) -> list[str]:
    return list(await ref.ask(do(), timeout_s=60))
