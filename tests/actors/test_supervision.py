"""Crashes: how often is too often, and what each policy does."""

# ruff: noqa: ARG001 - the fixture autojump_clock works by being asked for.
from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import (
    ActorCrashed,
    ActorDamaged,
    ActorStopped,
    ActorUnavailable,
    Batch,
    JournalCorrupt,
    MemoryJournal,
    Record,
    Restart,
    open_system,
)
from actors._supervisor import Intensity
from actors.testing import FaultJournal, Probe, ProbeLog, SimulatedFault, do, probe_kind


def test_intensity_counts_crashes_within_the_period() -> None:
    """[K1.17] restarts_max crashes within period_s are borne, the next one is too many."""
    intensity = Intensity(restarts_max=2, period_s=10)
    assert [intensity.is_exceeded_by(now) for now in (0, 1, 2)] == [False, False, True]
    spread = Intensity(restarts_max=2, period_s=10)
    assert not any(spread.is_exceeded_by(now) for now in (0, 6, 12, 18, 24))
    assert Intensity(restarts_max=0, period_s=1).is_exceeded_by(0)


async def test_a_start_that_fails_is_tried_again_and_mail_is_kept() -> None:
    """[K1.17] Failed activations within the intensity cost the senders only time."""
    journal = FaultJournal(MemoryJournal())
    journal.fail_heads("probe:a", *[SimulatedFault("flaky")] * 3)
    async with open_system([probe_kind(restarts_max=3)], journal) as system:
        assert await system.ref("probe", "a").ask(do("1"), timeout_s=1) == ["1"]
        assert len(journal.loads) == 4


async def test_a_crash_loop_at_start_up_ends_in_a_rest(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """[K1.17] Too many crashes: senders get ActorUnavailable until rest_s is over; then again."""
    log = ProbeLog(make_error=ValueError("no config"))
    kind = probe_kind(log, restarts_max=3, period_s=5, rest_s=8)
    async with open_system([kind], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        first, second = Probe(), Probe()
        ref.ask_nowait(do("1"), first)
        ref.ask_nowait(do("1"), second)
        with pytest.raises(ActorUnavailable) as caught:
            await first.wait()
        assert isinstance(second.outcome, ActorUnavailable)
        assert caught.value.retry_after_s == 8
        assert "ValueError" in caught.value.reason
        assert system.counters.crashes == 4
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert [record.getMessage() for record in errors] == [
            "probe:a rests for 8 s: 4 crashes in 5 s, the last while activating: ValueError"
        ]
        await trio.sleep(3)
        assert not system.is_active("probe", "a")
        with pytest.raises(ActorUnavailable) as caught:
            ref.tell_nowait(do("1"))
        assert caught.value.retry_after_s == 5
        assert system.counters.crashes == 4
        log.make_error = None
        assert await system.ref("probe", "b").ask(do("1"), timeout_s=1) == ["1"]
        await trio.sleep(5.1)
        assert await ref.ask(do("1"), timeout_s=1) == ["1"]


async def test_a_temporary_actor_gives_its_mail_back_after_a_crash() -> None:
    """[K1.18] TEMPORARY: waiting mail gets ActorStopped; the next message activates afresh."""
    kind = probe_kind(restart=Restart.TEMPORARY, batch_len_max=2)
    async with open_system([kind], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        bad, same_batch, later = Probe(), Probe(), Probe()
        ref.ask_nowait(do(crash=ValueError("boo")), bad)
        ref.ask_nowait(do("1"), same_batch)
        ref.ask_nowait(do("2"), later)
        await wait_all_tasks_blocked()
        assert isinstance(bad.outcome, ActorCrashed)
        assert isinstance(same_batch.outcome, ActorStopped)
        assert isinstance(later.outcome, ActorStopped)
        assert not system.is_active("probe", "a")
        assert await ref.ask(do("3"), timeout_s=1) == ["3"]


async def test_a_permanent_actor_comes_back_from_its_rest_by_itself(
    autojump_clock: MockClock,
) -> None:
    """[K1.18] PERMANENT: after a rest it is activated again without a message."""
    log = ProbeLog(make_error=ValueError("no config"))
    kind = probe_kind(log, restart=Restart.PERMANENT, restarts_max=0, rest_s=5)
    async with open_system([kind], MemoryJournal()) as system:
        with pytest.raises(ActorUnavailable):
            await system.ref("probe", "a").ask(do("1"), timeout_s=1)
        log.make_error = None
        assert not system.is_active("probe", "a")
        await trio.sleep(5.1)
        assert system.is_active("probe", "a")


async def test_a_resting_permanent_actor_keeps_its_place(autojump_clock: MockClock) -> None:
    """[K1.18] Its place counts among active_max while it rests: it comes back, however full."""
    log = ProbeLog(make_error=ValueError("no config"))
    lasting = probe_kind(log, name="lasting", restart=Restart.PERMANENT, restarts_max=0, rest_s=5)
    journal = FaultJournal(MemoryJournal())
    async with open_system([lasting, probe_kind()], journal, active_max=2) as system:
        await system.ref("probe", "x").ask(do("1"), timeout_s=1)
        with pytest.raises(ActorUnavailable):
            await system.ref("lasting", "a").ask(do("1"), timeout_s=1)
        for _ in range(4):  # It fails again after each rest, and its place stays taken.
            with pytest.raises(ActorUnavailable) as caught:
                system.ref("probe", "y").tell_nowait(do("1"))
            assert "too many" in caught.value.reason
            await trio.sleep(5)
        assert system.counters.crashes == 4
        log.make_error = None
        await trio.sleep(5.1)
        assert system.is_active("lasting", "a")
        assert system.active_count == 2


async def test_a_damaged_history_quarantines_that_actor_only(autojump_clock: MockClock) -> None:
    """[K1.27] JournalCorrupt at activation: that actor is unavailable at once, others live."""
    journal = FaultJournal(MemoryJournal())
    journal.fail_heads("probe:a", JournalCorrupt("probe:a", "checksum of record 3"))
    async with open_system([probe_kind()], journal) as system:
        with pytest.raises(ActorDamaged) as caught:
            await system.ref("probe", "a").ask(do("1"), timeout_s=1)
        with pytest.raises(ActorDamaged):  # While it rests, too.
            await system.ref("probe", "a").ask(do("1"), timeout_s=1)
        assert caught.value.retry_after_s == 60
        assert "checksum of record 3" in caught.value.reason
        assert len(journal.loads) == 1
        assert await system.ref("probe", "b").ask(do("1"), timeout_s=1) == ["1"]
        await trio.sleep(61)
        assert await system.ref("probe", "a").ask(do("1"), timeout_s=1) == ["1"]


@pytest.mark.parametrize("hole", ["missing", "end"])
async def test_a_history_with_a_hole_is_not_replayed(hole: str) -> None:
    """[K1.23] Records that do not follow each other, or end too early, quarantine the actor."""

    class Holey(MemoryJournal):
        async def read(self, actor_id: str, *, after: int, limit: int) -> list[Record]:
            records = await super().read(actor_id, after=after, limit=limit)
            return [r for r in records if r.seq != 2] if hole == "missing" else records[: 2 - after]

    journal = Holey()
    await journal.append(Batch("probe:a", 1, [b"1", b"2", b"3"]))
    async with open_system([probe_kind()], journal) as system:
        with pytest.raises(ActorUnavailable):
            await system.ref("probe", "a").ask(do("4"), timeout_s=1)


async def test_more_actors_than_active_max_are_refused(autojump_clock: MockClock) -> None:
    """[K1.31] At active_max a message that would activate one more gets ActorUnavailable."""
    kind = probe_kind(idle_timeout_s=10)
    async with open_system([kind], MemoryJournal(), active_max=2) as system:
        for key in ("a", "b"):
            await system.ref("probe", key).ask(do("1"), timeout_s=1)
        with pytest.raises(ActorUnavailable) as caught:
            system.ref("probe", "c").tell_nowait(do("1"))
        assert caught.value.retry_after_s > 0
        await system.ref("probe", "a").ask(do("2"), timeout_s=1)
        await trio.sleep(11)
        await system.ref("probe", "c").ask(do("1"), timeout_s=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": ""},
        {"name": "a:b"},
        {"restarts_max": -1},
        {"period_s": 0},
        {"rest_s": 0},
        {"mailbox_len_max": 0},
        {"batch_len_max": 0},
        {"idle_timeout_s": 0},
        {"snapshot_every": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    """[K1.18] A kind's settings are checked when it is made."""
    with pytest.raises(ValueError, match=r".+"):
        probe_kind(**settings)
