"""Timers as pure rules: settings in any order, one ring for each time."""

from __future__ import annotations

import random
from typing import Any

import pytest

from collab.alarms import Ring
from collab.errors import BadRequest, LimitExceeded, PermissionDenied
from collab.kind import Caller
from collab.timers import SHARDS, TIMERS, Rang, SetTimer, UnsetTimer, timers_of
from collab.timers import limits as timer_limits
from collab.timers.commands import CancelTimer, ListTimers
from collab.timers.limits import FIRED_AT_ONCE_MAX, PAST_MAX, TIMERS_PER_TARGET_MAX
from collab.timers.state import TimersState
from tests.collab.messages.stage import Stage

OPERATOR = Caller(user_id="ops", scopes=frozenset({"timers:*"}))


@pytest.fixture
def shard() -> Stage[TimersState]:
    stage = Stage(TIMERS, "0")
    stage.now_ms = 1_000
    return stage


def put(shard: Stage[TimersState], name: str = "n", version: int = 1, **when: Any) -> None:
    shard.receive(SetTimer(name=name, version=version, **when), source="chat:c")


def ring(shard: Stage[TimersState], now_ms: int) -> list[tuple[str, Rang]]:
    """Ring at *now_ms*; return whom it woke, with what."""
    shard.now_ms = now_ms
    shard.signals.clear()
    shard.receive(Ring(), source="alarm:clock")
    return [(signal.target, signal.command) for signal in shard.signals]


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"at_ms": 1, "after_ms": 1},
        {"at_ms": -1},
        {"after_ms": timer_limits.AFTER_MS_MAX + 1},
        {"cron": "* * * *"},
        {"cron": "* * * * * *"},
        {"cron": "0 0 30 2 *"},
        {"cron": "61 * * * *"},
        {"cron": "0 0 * * *", "zone": "Moon/Base"},
        {"cron": "0 0 * * *", "zone": "../../etc/passwd"},
        {"at_ms": 1, "zone": "/etc/localtime"},
        {"cron": "0 " * 60},
    ],
)
def test_a_time_that_makes_no_sense_cannot_be_set(when: dict[str, Any]) -> None:
    """[H1.1] Exactly one of at, after and cron, within bounds, in a zone that exists."""
    with pytest.raises(ValueError, match=r"."):
        SetTimer(name="n", version=1, **when)


def test_at_and_after_ring_once(shard: Stage[TimersState]) -> None:
    """[H1.2] A time, and a while, ring once; each occurrence has a key of its own."""
    put(shard, "a", at_ms=5_000)
    put(shard, "b", after_ms=1_000)
    assert ring(shard, 1_999) == []
    (woken,) = ring(shard, 2_000)
    assert woken == ("chat:c", Rang(name="b", version=1, due_ms=2_000))
    assert [told.key for _who, told in ring(shard, 9_000)] == ["a/1/5000"]
    assert ring(shard, 99_000) == []
    assert shard.state.next_due_ms is None


def test_a_copy_of_a_setting_changes_nothing_also_after_it_rang(shard: Stage[TimersState]) -> None:
    """[H1.3] A setting that comes again, or late, revives nothing; a newer one does."""
    put(shard, version=2, at_ms=2_000)
    put(shard, version=2, at_ms=2_000)
    put(shard, version=1, at_ms=1_500)
    assert [told.due_ms for _who, told in ring(shard, 2_000)] == [2_000]
    put(shard, version=2, at_ms=2_000)
    assert ring(shard, 3_000) == []
    put(shard, version=3, at_ms=2_500)
    assert len(ring(shard, 3_000)) == 1


def test_a_newer_setting_takes_the_place_of_an_older_one() -> None:
    """[H1.3] One name is one timer, whatever order its settings come in."""
    settings = [SetTimer(name="n", version=v, at_ms=1_000 + v) for v in (1, 2, 3)]
    last = UnsetTimer(name="n", version=4)
    for seed in range(24):
        stage = Stage(TIMERS, "0")
        order: list[Any] = [*settings, last]
        random.Random(seed).shuffle(order)
        for signal in order:
            stage.receive(signal, source="chat:c")
        assert stage.state.timers == {}, seed
        assert stage.state.version_of("chat:c/n") == 4


def test_missed_times_of_a_rule_ring_once(shard: Stage[TimersState]) -> None:
    """[H1.4] What a rule missed rings once, and then at the rule's next time from now on."""
    hour = 3_600_000
    put(shard, cron="0 * * * *")
    ((_who, told),) = ring(shard, 5 * hour + 60_000)
    assert told.due_ms == hour
    assert shard.state.next_due_ms == 6 * hour


def test_a_clock_that_went_back_rings_nothing_twice(shard: Stage[TimersState]) -> None:
    """[H1.5] After a jump back what rang already does not ring again."""
    hour = 3_600_000
    put(shard, cron="0 * * * *")
    assert len(ring(shard, hour)) == 1
    assert ring(shard, hour // 2) == []
    assert ring(shard, hour) == []
    assert [told.due_ms for _who, told in ring(shard, 2 * hour)] == [2 * hour]


def test_much_that_is_due_rings_in_parts(shard: Stage[TimersState]) -> None:
    """[H1.6] One ring wakes a bounded number; the shard asks to be woken for the rest at once."""
    count = FIRED_AT_ONCE_MAX + 5
    for n in range(count):
        shard.receive(SetTimer(name="n", version=1, at_ms=1_500), source=f"chat:{n}")
    assert len(ring(shard, 2_000)) == FIRED_AT_ONCE_MAX
    assert TIMERS.wakes_at is not None
    assert TIMERS.wakes_at(shard.state) == 1_500
    assert len(ring(shard, 2_000)) == 5
    assert TIMERS.wakes_at(shard.state) is None


def test_timers_are_bounded(shard: Stage[TimersState], monkeypatch: pytest.MonkeyPatch) -> None:
    """[H1.7] Of a target, of a shard, and what is remembered of those that are over."""
    for n in range(TIMERS_PER_TARGET_MAX):
        put(shard, f"n{n}", at_ms=2_000)
    with pytest.raises(LimitExceeded):
        put(shard, "more", at_ms=2_000)
    put(shard, "n0", version=2, at_ms=3_000)  # Not one more.
    monkeypatch.setattr("collab.timers.rules.TIMERS_MAX", len(shard.state.timers) + 1)
    shard.receive(SetTimer(name="n", version=1, at_ms=2_000), source="chat:d")
    with pytest.raises(LimitExceeded):
        shard.receive(SetTimer(name="n", version=1, at_ms=2_000), source="chat:e")
    for n in range(PAST_MAX + 1):
        shard.receive(UnsetTimer(name="n", version=1), source=f"chat:x{n}")
    assert len(shard.state.past) == PAST_MAX


async def test_operators_list_and_cancel(shard: Stage[TimersState]) -> None:
    """[H1.8] Soonest first, by page, by target; nobody else sees or cancels any."""
    for n in range(5):
        shard.receive(SetTimer(name="n", version=1, at_ms=9_000 - n), source=f"chat:{n}")
    first = await shard.look(OPERATOR, ListTimers(limit=3))
    assert [timer["target"] for timer in first["timers"]] == ["chat:4", "chat:3", "chat:2"]
    rest = await shard.look(OPERATOR, ListTimers(limit=3, after=first["cursor"]))
    assert [timer["target"] for timer in rest["timers"]] == ["chat:1", "chat:0"]
    assert rest["cursor"] is None
    (own,) = (await shard.look(OPERATOR, ListTimers(target="chat:1")))["timers"]
    assert own == {"target": "chat:1", "name": "n", "due_ms": 8_999, "cron": None, "zone": "UTC"}
    for nonsense in ("x", ":", "9" * 17 + ":a", "-1:a"):
        with pytest.raises(BadRequest):
            await shard.look(OPERATOR, ListTimers(after=nonsense))
    assert shard.do(OPERATOR, CancelTimer(target="chat:1", name="n")) == {"was_set": True}
    assert shard.do(OPERATOR, CancelTimer(target="chat:1", name="n")) == {"was_set": False}
    assert len(ring(shard, 9_000)) == 4
    for stranger in (
        Caller(user_id="eve", org_role="admin"),
        Caller(user_id="bot", scopes=frozenset({"meeting:*"})),
    ):
        with pytest.raises(PermissionDenied):
            await shard.look(stranger, ListTimers())


def test_a_replay_and_a_snapshot_give_the_same_timers(shard: Stage[TimersState]) -> None:
    """[H1.9] Next times stand in the events: no list of time zones is needed to replay."""
    rng = random.Random(7)
    for version in range(1, 200):
        name = f"n{rng.randrange(9)}"
        if rng.random() < 0.2:
            shard.receive(UnsetTimer(name=name, version=version), source="chat:c")
        elif rng.random() < 0.5:
            put(shard, name, version, cron="*/7 3 * * *", zone="America/Los_Angeles")
        else:
            put(shard, name, version, after_ms=rng.randrange(9_000_000))
        ring(shard, shard.now_ms + rng.randrange(4_000_000))
    for other in (shard.replayed(), shard.restored()):
        assert other == shard.state
        assert (other.order, other.counts) == (shard.state.order, shard.state.counts)


def test_every_target_has_its_shard() -> None:
    """[H1.10] Where a target's timers are follows from its name, and never changes."""
    assert timers_of("chat:c1") == "timers:31"
    assert {timers_of(f"user:{n}") for n in range(2_000)} == set(SHARDS)
