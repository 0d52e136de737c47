"""The hot loop: batches, the output gate, refusals, and callbacks that misbehave."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import ActorCrashed, MemoryJournal, Refused, open_system
from actors.testing import FaultJournal, Probe, ProbeActor, ProbeLog, do, probe_kind


async def test_what_waits_becomes_one_batch_while_the_one_before_syncs() -> None:
    """[K1.12] All waiting commands are one append, at most batch_len_max; rows go with it."""
    memory = MemoryJournal()
    journal = FaultJournal(memory)
    async with open_system([probe_kind(batch_len_max=3)], journal) as system:
        ref = system.ref("probe", "a")
        journal.hold()
        ref.tell_nowait(do("1"))
        await wait_all_tasks_blocked()
        for name in ("2", "3", "4", "5"):
            ref.tell_nowait(do(name))
        journal.release()
        await ref.ask(do(), timeout_s=1)
        assert [list(batch.payloads) for batch in journal.batches] == [
            [b"1"],
            [b"2", b"3", b"4"],
            [b"5"],
        ]
        assert memory.rows_of("probe:a") == [("a", n, str(n)) for n in range(1, 6)]
        assert (system.counters.batches, system.counters.events) == (3, 5)


async def test_nothing_leaves_before_the_commit() -> None:
    """[K1.11] Replies, effects, publications and reads of a batch wait for its append."""
    journal = FaultJournal(MemoryJournal())
    log = ProbeLog()
    effects: list[str] = []
    async with open_system([probe_kind(log)], journal) as system:
        ref = system.ref("probe", "a")
        await ref.ask(do(), timeout_s=1)
        log.calls.clear()
        journal.hold()
        write, read, refused = Probe(), Probe(), Probe()
        ref.ask_nowait(do("1", effect=lambda: effects.append("out")), write)
        ref.ask_nowait(do(), read)
        ref.ask_nowait(do(refuse="no"), refused)
        await wait_all_tasks_blocked()
        assert log.calls == []
        assert effects == []
        assert [probe.is_there for probe in (write, read, refused)] == [False] * 3
        journal.release()
        assert await write.wait() == ["1"]
        assert await read.wait() == ["1"]
        assert isinstance(refused.outcome, Refused)
        assert log.calls == ["publish 1 1", "committed"]
        assert effects == ["out"]


async def test_for_each_command_events_are_published_then_its_effect_then_its_reply() -> None:
    """[K1.11] After the commit, in order of commands: publish, effect, reply; then committed."""
    log = ProbeLog()

    class Order(Probe):
        def reply(self, value: object) -> None:
            log.calls.append(f"reply {value}")
            super().reply(value)

    async with open_system([probe_kind(log)], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        done = Order()
        ref.ask_nowait(do("1", effect=lambda: log.calls.append("effect 1")), Order())
        ref.ask_nowait(do("2", "3", effect=lambda: log.calls.append("effect 2")), done)
        await done.wait()
        assert log.calls == [
            "publish 1 1", "effect 1", "reply ['1']",
            "publish 2 2", "publish 3 3", "effect 2", "reply ['1', '2', '3']",
            "committed",
        ]  # fmt: skip


async def test_a_batch_without_events_writes_nothing() -> None:
    """[K1.12] Reads and refusals leave at once, without an append."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind()], journal) as system:
        ref = system.ref("probe", "a")
        assert await ref.ask(do(), timeout_s=1) == []
        with pytest.raises(Refused, match="closed on mondays"):
            await ref.ask(do("1", refuse="closed on mondays"), timeout_s=1)
        assert await ref.ask(do(), timeout_s=1) == []
        assert journal.batches == []
        assert (system.counters.commands, system.counters.refused) == (3, 1)


async def test_an_actor_that_is_only_read_lets_others_run() -> None:
    """[K1.32] Commands that cause commands without end do not starve other tasks."""
    async with open_system([probe_kind()], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        count = 0
        is_over = False

        def again() -> None:
            nonlocal count
            count += 1
            if not is_over:
                ref.tell_nowait(do(effect=again))

        ref.tell_nowait(do(effect=again))
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        is_over = True
        assert 0 < count < 100


async def test_a_crash_in_decide_hits_its_sender_only() -> None:
    """[K1.14] Its sender gets ActorCrashed; the state is replayed; the others are decided once."""
    memory = MemoryJournal()
    journal = FaultJournal(memory)
    log = ProbeLog()
    async with open_system([probe_kind(log, restarts_max=0)], journal) as system:
        ref = system.ref("probe", "a")
        await ref.ask(do("0"), timeout_s=1)
        before, bad, after = Probe(), Probe(), Probe()
        cause = ZeroDivisionError("boo")
        ref.ask_nowait(do("1"), before)
        ref.ask_nowait(do("no", crash=cause, bad_write="trace"), bad)
        ref.ask_nowait(do("2"), after)
        assert await after.wait() == ["0", "1", "2"]
        assert before.outcome == ["0", "1"]
        assert isinstance(bad.outcome, ActorCrashed)
        assert bad.outcome.cause is cause
        assert [list(batch.payloads) for batch in journal.batches] == [[b"0"], [b"1", b"2"]]
        assert log.count("publish 1 0") == log.count("publish 2 1") == log.count("publish 3 2") == 1
        assert log.count("closed a ZeroDivisionError") == 1
        assert (system.counters.crashes, system.counters.activations) == (1, 2)


async def test_poison_again_and_again_does_not_take_the_actor_from_others() -> None:
    """[K1.14] Crashes in decide do not count against the restart intensity."""
    async with open_system([probe_kind(restarts_max=0)], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        for n in range(20):
            with pytest.raises(ActorCrashed):
                await ref.ask(do(crash=ValueError("poison")), timeout_s=1)
            assert await ref.ask(do(str(n)), timeout_s=1) == [str(m) for m in range(n + 1)]


class Panic(BaseException):
    """Stands for pyo3_runtime.PanicException."""


@pytest.mark.parametrize(
    "error", [Panic("rust"), MemoryError(), BaseExceptionGroup("g", [Panic()])]
)
async def test_a_panic_that_is_no_exception_is_a_crash_like_any_other(error: BaseException) -> None:
    """[K1.21] BaseExceptions of callbacks are crashes, so a Rust panic costs one message."""
    async with open_system([probe_kind()], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        with pytest.raises(ActorCrashed) as caught:
            await ref.ask(do(crash=error), timeout_s=1)
        assert caught.value.cause is error
        with pytest.raises(ActorCrashed):
            await ref.ask(do(crash_prepare=error), timeout_s=1)
        assert await ref.ask(do("1"), timeout_s=1) == ["1"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BaseExceptionGroup("g", [SystemExit(3)])])
async def test_what_is_meant_for_the_program_passes_through(error: BaseException) -> None:
    """[K1.21] KeyboardInterrupt and SystemExit end the program, also inside a group."""
    bad, waiting = Probe(), Probe()

    async def program() -> None:
        async with open_system([probe_kind()], MemoryJournal()) as system:
            ref = system.ref("probe", "a")
            ref.ask_nowait(do(crash=error), bad)
            ref.ask_nowait(do(), waiting)
            await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as caught:
        await program()
    assert caught.value.subgroup((KeyboardInterrupt, SystemExit)) is not None
    assert bad.is_there
    assert waiting.is_there


@pytest.mark.parametrize("where", ["evolve", "encode"])
async def test_a_crash_after_decide_hits_its_sender_and_counts(where: str) -> None:
    """[K1.15] A failing evolve or encode: ActorCrashed for its sender, and it counts."""
    memory = MemoryJournal()
    async with open_system([probe_kind(restarts_max=1)], memory) as system:
        ref = system.ref("probe", "a")
        before, bad, after = Probe(), Probe(), Probe()
        ref.ask_nowait(do("1"), before)
        ref.ask_nowait(do("2", f"bad-{where}"), bad)
        ref.ask_nowait(do("3"), after)
        assert await after.wait() == ["1", "3"]
        assert before.outcome == ["1"]
        assert isinstance(bad.outcome, ActorCrashed)
        assert [row.payload for row in await memory.read("probe:a", after=0, limit=9)] == [
            b"1",
            b"3",
        ]


async def test_a_crash_in_prepare_is_traced_to_its_command() -> None:
    """[K1.16] After a failing prepare the batch is redone one by one: only one sender suffers."""
    async with open_system([probe_kind(restarts_max=0)], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        before, bad, after = Probe(), Probe(), Probe()
        ref.ask_nowait(do("1"), before)
        ref.ask_nowait(do("no", crash_prepare=ValueError("boo")), bad)
        ref.ask_nowait(do("2"), after)
        assert await after.wait() == ["1", "2"]
        assert before.outcome == ["1"]
        assert isinstance(bad.outcome, ActorCrashed)


async def test_a_batch_ends_before_what_must_be_the_first_of_its_own() -> None:
    """[K1.63] Order and answers are as ever, also when something crashes on the way."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind(restarts_max=0)], journal) as system:
        ref = system.ref("probe", "a")
        first, bad, last = Probe(), Probe(), Probe()
        ref.ask_nowait(do("1"), first)
        ref.ask_nowait(do("2"), Probe())
        ref.ask_nowait(do("3", goes_first=True), Probe())
        ref.ask_nowait(do("no", crash=ValueError("boo")), bad)
        ref.ask_nowait(do("4", goes_first=True), Probe())
        ref.ask_nowait(do("5"), last)
        assert await last.wait() == ["1", "2", "3", "4", "5"]
        assert first.outcome == ["1"]
        assert isinstance(bad.outcome, ActorCrashed)
        assert [list(batch.payloads) for batch in journal.batches] == [
            [b"1", b"2"],
            [b"3"],
            [b"4", b"5"],
        ]


async def test_a_failed_publication_replays_the_actor_after_the_replies(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[K1.19] Subscribers may have a gap: everybody is answered, then the activation is dropped."""
    log = ProbeLog()
    async with open_system([probe_kind(log)], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        first, second = Probe(), Probe()
        ref.ask_nowait(do("bad-publish"), first)
        ref.ask_nowait(do("2"), second)
        assert await second.wait() == ["bad-publish", "2"]
        assert first.outcome == ["bad-publish"]
        assert await ref.ask(do(), timeout_s=1) == ["bad-publish", "2"]
        assert log.calls[:3] == ["publish 2 2", "committed", "closed a ValueError"]
        assert system.counters.activations == 2
    assert "probe:a crashed while publishing" in caplog.text


async def test_effects_and_receivers_that_raise_are_logged_and_isolated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[K1.20] What an effect or a Done raises stops neither the batch nor the activation."""

    class Bad(Probe):
        def reply(self, value: object) -> None:  # noqa: ARG002
            raise ValueError("bad reply")

        def fail(self, error: Exception) -> None:  # noqa: ARG002
            raise ValueError("bad fail")

    def bad_effect() -> None:
        raise ValueError("bad effect")

    async with open_system([probe_kind()], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        with caplog.at_level(logging.ERROR):
            ref.ask_nowait(do("1", effect=bad_effect), Bad())
            ref.ask_nowait(do(refuse="no"), Bad())
            assert await ref.ask(do("2"), timeout_s=1) == ["1", "2"]
        assert system.counters.crashes == 0
    for text in ("bad reply", "bad fail", "bad effect"):
        assert text in caplog.text


@pytest.mark.parametrize("fails_at", ["enter", "exit", None])
async def test_everything_a_batch_lets_out_is_inside_releasing(fails_at: str | None) -> None:
    """[K1.34] Publications, effects and replies are let out inside releasing(), even a bad one."""
    log: list[str] = []

    class Collecting(ProbeActor):
        @contextmanager
        def releasing(self) -> Iterator[None]:
            if fails_at == "enter":
                raise ValueError("bad enter")
            log.append("enter")
            yield
            log.append("exit")
            if fails_at == "exit":
                raise ValueError("bad exit")

        def publish(self, seq: int, event: str) -> None:
            log.append(f"publish {seq} {event}")

        def committed(self) -> None:
            log.append("committed")

    kind = probe_kind(make=lambda _key: Collecting(ProbeLog()))
    async with open_system([kind], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        effect = do("1", effect=lambda: log.append("effect"))
        assert await ref.ask(effect, timeout_s=1) == ["1"]
        inside = ["publish 1 1", "effect", "committed"]
        assert log == (inside if fails_at == "enter" else ["enter", *inside, "exit"])
        assert await ref.ask(do("2"), timeout_s=1) == ["1", "2"]
        assert system.counters.activations == (1 if fails_at is None else 2)
