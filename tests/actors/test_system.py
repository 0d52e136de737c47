"""Opening, several at once, draining, and being cancelled from outside."""

# ruff: noqa: ARG001 - the fixture autojump_clock works by being asked for.
from __future__ import annotations

import contextvars

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import (
    ActorStopped,
    MemoryJournal,
    OutcomeUnknown,
    Snapshot,
    SystemClosed,
    open_system,
)
from actors.testing import FaultJournal, Probe, ProbeLog, do, probe_kind


async def test_leaving_the_block_drains_in_order() -> None:
    """[K1.28] New messages are refused; waiting mail is handled, snapshots saved, actors leave."""
    memory = MemoryJournal()
    journal = FaultJournal(memory)
    log = ProbeLog()
    probes = [Probe() for _ in range(4)]
    async with open_system([probe_kind(log)], journal) as system:
        journal.hold()
        for n, probe in enumerate(probes):
            system.ref("probe", "ab"[n % 2]).ask_nowait(do(str(n)), probe)
            await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(system.drain, 5)
            await wait_all_tasks_blocked()
            for key in ("a", "new"):
                with pytest.raises(SystemClosed):
                    system.ref("probe", key).tell_nowait(do("no"))
            journal.release()
        assert [probe.outcome for probe in probes] == [["0"], ["1"], ["0", "2"], ["1", "3"]]
        assert system.active_count == 0
        await system.drain(5)  # Again: nothing to do.
    assert (await memory.head("probe:a")).snapshot == Snapshot(2, b"0 2")
    assert (await memory.head("probe:b")).snapshot == Snapshot(2, b"1 3")
    assert log.calls.index("snapshot 2") < log.calls.index("closed a None")
    assert system.counters.passivations == 2


async def test_a_message_that_just_activated_its_actor_is_handled_before_the_end() -> None:
    """[K1.28] Mail of an actor that is still starting counts as waiting mail."""
    probe = Probe()
    async with open_system([probe_kind()], MemoryJournal()) as system:
        system.ref("probe", "a").ask_nowait(do("1"), probe)
    assert probe.outcome == ["1"]


async def test_draining_lets_nobody_wait_for_room() -> None:
    """[K1.28] Who waits for room when draining begins was not sent and gets SystemClosed."""
    journal = FaultJournal(MemoryJournal())
    errors: list[Exception] = []

    async def wait_for_room() -> None:
        try:
            await system.ref("probe", "a").tell(do("no"))
        except SystemClosed as error:
            errors.append(error)

    async with open_system([probe_kind(mailbox_len_max=1)], journal) as system:
        journal.hold()
        ref = system.ref("probe", "a")
        ref.tell_nowait(do("1"))
        await wait_all_tasks_blocked()
        ref.tell_nowait(do("2"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_room)
            await wait_all_tasks_blocked()
            nursery.start_soon(system.drain, 5)
            await wait_all_tasks_blocked()
            assert len(errors) == 1
            journal.release()


async def test_after_the_deadline_what_is_left_is_killed(autojump_clock: MockClock) -> None:
    """[K1.29] Senders learn ActorStopped, or OutcomeUnknown if the journal was at work."""
    journal = FaultJournal(MemoryJournal())
    log = ProbeLog()
    storing, waiting = Probe(), Probe()
    async with open_system([probe_kind(log)], journal, drain_timeout_s=3) as system:
        journal.hold()
        ref = system.ref("probe", "a")
        ref.ask_nowait(do("1"), storing)
        await wait_all_tasks_blocked()
        ref.ask_nowait(do("2"), waiting)
        started = trio.current_time()
    assert trio.current_time() - started == 3
    assert isinstance(storing.outcome, OutcomeUnknown)
    assert isinstance(waiting.outcome, ActorStopped)
    assert log.calls[-1] == "closed a ActorStopped"
    assert system.active_count == 0


async def test_cancelled_from_outside_it_drains_all_the_same(autojump_clock: MockClock) -> None:
    """[K1.30] Cancelling the block lets actors finish, within drain_timeout_s."""
    memory = MemoryJournal()
    journal = FaultJournal(memory)
    probe = Probe()
    with trio.CancelScope() as scope:
        async with open_system([probe_kind()], journal) as system:
            journal.hold()
            system.ref("probe", "a").ask_nowait(do("1"), probe)
            await wait_all_tasks_blocked()
            system.timers.call_later(2, journal.release)
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert probe.outcome == ["1"]
    assert (await memory.head("probe:a")).snapshot == Snapshot(1, b"1")


async def test_a_cancelled_drain_leaves_the_actors_finishing() -> None:
    """[K1.30] Cancelling drain() itself: the system stays closed, its actors go on finishing."""
    journal = FaultJournal(MemoryJournal())
    probe = Probe()
    async with open_system([probe_kind()], journal) as system:
        journal.hold()
        system.ref("probe", "a").ask_nowait(do("1"), probe)
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(system.drain, 5)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with pytest.raises(SystemClosed):
            system.ref("probe", "a").tell_nowait(do("2"))
        journal.release()
        assert await probe.wait() == ["1"]


async def test_systems_do_not_know_of_each_other() -> None:
    """[K2.1] Several systems per program: the same ids, separate actors and journals."""
    async with (
        open_system([probe_kind()], MemoryJournal()) as one,
        open_system([probe_kind()], MemoryJournal()) as two,
    ):
        assert await one.ref("probe", "a").ask(do("1"), timeout_s=1) == ["1"]
        assert await two.ref("probe", "a").ask(do("2"), timeout_s=1) == ["2"]
        await one.drain(1)
        assert await two.ref("probe", "a").ask(do("3"), timeout_s=1) == ["2", "3"]


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    """[K2.2] The system's nursery is a detail: no exception group around the block's error."""
    error = LookupError("mine")

    async def program() -> None:
        async with open_system([probe_kind()], MemoryJournal()) as system:
            await system.ref("probe", "a").ask(do("1"), timeout_s=1)
            raise error

    with pytest.raises(LookupError) as caught:
        await program()
    assert caught.value is error
    assert error.__context__ is None


async def test_two_kinds_with_one_name_are_refused() -> None:
    """[K2.2] A name that stands for two kinds is a mistake."""
    with pytest.raises(ValueError, match="two kinds are named probe"):
        async with open_system([probe_kind(), probe_kind()], MemoryJournal()):
            pass


async def test_an_actor_does_not_inherit_its_first_senders_context() -> None:
    """[K2.3] Context variables in an actor's task are those of whoever opened the system."""
    name = contextvars.ContextVar("name", default="nobody")
    seen: list[str] = []
    name.set("opener")
    async with open_system([probe_kind()], MemoryJournal()) as system:
        name.set("sender")
        effect = do(effect=lambda: seen.append(name.get()))
        await system.ref("probe", "a").ask(effect, timeout_s=1)
    assert seen == ["opener"]
