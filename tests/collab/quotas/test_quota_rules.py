"""A day's messages as pure rules."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from collab.alarms import Ring
from collab.errors import Conflict, PermissionDenied, RateLimited
from collab.kind import Caller, Context, Outcome
from collab.quotas import MoveQuota, QuotaSettings, quota_kind
from collab.quotas.limits import DOUBT_DOUBLINGS_MAX, DOUBT_MS, HOLDS_MAX
from collab.quotas.rules import NoneLeft
from collab.quotas.state import (
    GetQuota,
    InheritQuota,
    QuotaState,
    ReturnHold,
    SettleHold,
    SpendHold,
    TakeHold,
)
from collab.timers import Rang, SetTimer
from tests.collab.messages.stage import Stage


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = ms("2026-11-20T20:00")  # In Los Angeles.
MIDNIGHT = ms("2026-11-21T08:00")
DAY_MS = 86_400_000  # Of those that follow.
LIMITS = QuotaSettings(anonymous=2, signed_in=3, pro=1, pro_models=frozenset({"big"}))


class Day(Stage[QuotaState]):
    """One person's quota; holds get numbers as ids."""

    def __init__(self, user_id: str = "ann", settings: QuotaSettings = LIMITS) -> None:
        super().__init__(quota_kind(settings), user_id)
        self.now_ms = NOON
        self.taken = 0

    def context(self, who: str | Caller) -> Context:
        context = super().context(who)
        context.new_id = lambda: f"h{self.taken}"
        return context

    def take(self, pool: str = "signed_in") -> str:
        """Take a hold for a chat; return its id."""
        self.taken += 1
        context = self.context("chat:c")
        outcome: Outcome = self.kind.signals[TakeHold](self.state, TakeHold(pool=pool), context)
        self.happen("chat:c", outcome.events)
        answer: Any = outcome.value
        return str(answer["id"])

    async def left(self, pool: str = "signed_in") -> int:
        answer = await self.look(self.key, GetQuota())
        return int(answer["pools"][pool]["remaining"])


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.mark.parametrize(
    ("caller", "model", "pool"),
    [
        (Caller(user_id="ann"), None, "signed_in"),
        (Caller(user_id="ann"), "small", "signed_in"),
        (Caller(user_id="ann"), "big", "pro"),
        (Caller(user_id="guest:1", is_guest=True), None, "anonymous"),
        (Caller(user_id="guest:1", is_guest=True), "big", "anonymous"),
        (Caller(user_id="bot", scopes=frozenset({"chat:*"})), "big", None),
    ],
)
def test_who_writes_and_with_what_says_which_pool_it_is(
    caller: Caller, model: str | None, pool: str | None
) -> None:
    """[B1.1] Guests, people, people with pro models; services are bounded by other means."""
    assert LIMITS.pool_of(caller, model) == pool
    assert QuotaSettings().pool_of(caller, model) is None


def test_a_zone_that_does_not_exist_is_no_setting() -> None:
    """[B1.1] The zone is checked when the settings are made."""
    with pytest.raises(ValueError, match="Moon"):
        QuotaSettings(zone="Moon/Base")


async def test_a_hold_counts_from_the_beginning(day: Day) -> None:
    """[B1.2] There are never more than the quota, spent or on their way."""
    ids = [day.take() for _ in range(3)]
    assert await day.left() == 0
    with pytest.raises(NoneLeft) as refused:
        day.take()
    assert refused.value.retry_after_ms == MIDNIGHT - NOON
    for hold_id in ids:
        day.receive(SpendHold(id=hold_id))
        day.receive(SpendHold(id=hold_id))  # A copy.
        day.receive(ReturnHold(id=hold_id))  # Late, and wrong.
    assert await day.left() == 0
    assert day.state.holds == {}
    assert await day.left("pro") == 1


async def test_what_never_came_is_returned(day: Day) -> None:
    """[B1.3] A hold is asked after until there is an answer, and counts no more if none came."""
    hold_id = day.take()
    assert day.kind.wakes_at is not None
    assert day.kind.wakes_at(day.state) == NOON + DOUBT_MS
    day.receive(Ring())
    assert not [s for s in day.signals if isinstance(s.command, SettleHold)]
    for _again in range(2):
        day.now_ms = day.kind.wakes_at(day.state) or 0
        day.signals.clear()
        day.receive(Ring())
        (signal,) = day.signals
        assert signal.target == "chat:c"
        assert signal.command == SettleHold(id=hold_id, user_id="ann")
    assert await day.left() == 2
    day.receive(ReturnHold(id=hold_id))
    assert await day.left() == 3
    assert day.kind.wakes_at(day.state) is None


async def test_a_day_ends_at_midnight_of_its_zone(day: Day) -> None:
    """[B1.4] All is left again; what was on its way counts in the day in which it was held."""
    late = day.take()
    (timer,) = [s.command for s in day.signals if isinstance(s.command, SetTimer)]
    assert timer.at_ms == MIDNIGHT
    day.now_ms = MIDNIGHT - 1
    assert await day.left() == 2
    day.now_ms = MIDNIGHT
    assert await day.left() == 3
    day.receive(Rang(name="midnight", version=1, due_ms=MIDNIGHT))
    day.receive(Rang(name="midnight", version=1, due_ms=MIDNIGHT))
    assert [type(event).__name__ for _stamp, event in day.history] == ["QuotaHeld", "QuotaDayBegan"]
    day.receive(SpendHold(id=late))
    assert await day.left() == 3


@pytest.mark.parametrize(
    ("noon", "hours"),
    [("2026-03-08T08:00", 23), ("2026-11-01T07:00", 25), ("2026-06-01T07:00", 24)],
)
async def test_a_day_is_as_long_as_the_clock_on_the_wall_makes_it(noon: str, hours: int) -> None:
    """[B1.4] Daylight saving makes days of 23 and 25 hours."""
    day = Day()
    day.now_ms = ms(noon)
    day.take()
    day.now_ms += hours * 3_600_000 - 1
    assert await day.left() == 2
    day.now_ms += 1
    assert await day.left() == 3


async def test_a_clock_that_goes_back_gives_nothing_twice(day: Day) -> None:
    """[B1.5] Yesterday does not begin again."""
    day.now_ms = MIDNIGHT + 1
    day.take()
    day.now_ms = MIDNIGHT - 3_600_000
    assert await day.left() == 2
    day.take()
    day.take()
    with pytest.raises(NoneLeft):
        day.take()


async def test_a_clock_that_was_far_ahead_locks_nobody_out_and_gives_nothing_twice(
    day: Day,
) -> None:
    """[B1.9] Back at the real day all counts that was posted on it, before, meanwhile and since."""
    day.receive(SpendHold(id=day.take()))
    lost, early = day.take(), day.take("pro")
    day.now_ms = NOON + 400 * DAY_MS
    day.receive(Rang(name="midnight", version=1, due_ms=MIDNIGHT))
    assert await day.left() == 3
    day.receive(SpendHold(id=early))
    day.take()
    day.now_ms = NOON + 60_000
    assert day.snapshot("ann", "quota")["day"] == "2026-11-20"
    assert (await day.left(), await day.left("pro")) == (0, 0)
    with pytest.raises(NoneLeft) as refused:
        day.take()
    assert refused.value.retry_after_ms == MIDNIGHT - day.now_ms
    day.receive(ReturnHold(id=lost))
    assert await day.left() == 1
    day.take()
    assert day.state.day == "2026-11-20"
    (*_old, timer) = [s.command for s in day.signals if isinstance(s.command, SetTimer)]
    assert timer.at_ms == MIDNIGHT
    assert await day.left() == 0
    assert day.kind.wakes_at is not None
    assert (day.kind.wakes_at(day.state) or 0) <= MIDNIGHT
    assert day.replayed() == day.restored() == day.state
    day.now_ms = MIDNIGHT
    assert await day.left() == 3


async def test_a_clock_that_was_a_day_ahead_is_waited_for(day: Day) -> None:
    """[B1.5] Tomorrow stays once it began: it would be given twice otherwise."""
    day.now_ms = MIDNIGHT + 1
    day.take()
    day.now_ms = NOON - 10 * 3_600_000
    assert await day.left() == 2
    assert day.snapshot("ann", "quota")["day"] == "2026-11-21"


async def test_every_day_with_a_message_has_its_end_told(day: Day) -> None:
    """[B1.10] Midnight after midnight, whatever made the day begin; once a day, not once a take."""
    for number in range(4):
        ends_ms = MIDNIGHT + number * DAY_MS
        day.signals.clear()
        day.take()
        day.take()
        (timer,) = [s.command for s in day.signals if isinstance(s.command, SetTimer)]
        assert (timer.at_ms, timer.version) == (ends_ms, day.seq - 1)
        assert day.snapshot("ann", "quota")["pools"]["signed_in"]["remaining"] == 1
        day.now_ms = ends_ms
        shown = day.snapshot("ann", "quota")
        assert shown["pools"]["signed_in"]["remaining"] == 3, "told or not, the day is over"
        assert shown["resets_ms"] == ends_ms + DAY_MS
        day.receive(Rang(name="midnight", version=timer.version, due_ms=ends_ms))
        assert day.state.ends_ms == ends_ms + DAY_MS
    heir = Day("ann")
    heir.receive(InheritQuota(guest_id="guest:1", day="2026-11-20", ends_ms=MIDNIGHT, count=1))
    (timer,) = [s.command for s in heir.signals if isinstance(s.command, SetTimer)]
    assert timer.at_ms == MIDNIGHT


def test_a_chat_that_never_answers_is_asked_less_and_less(day: Day) -> None:
    """[B1.11] One question waits for it at a time; pauses double to about a day."""
    hold_id = day.take()
    pauses = []
    for _time in range(DOUBT_DOUBLINGS_MAX + 3):
        assert day.kind.wakes_at is not None
        due_ms = day.kind.wakes_at(day.state)
        assert due_ms is not None
        day.now_ms = due_ms
        day.receive(Ring())
        pauses.append(day.state.holds[hold_id].doubt_ms - due_ms)
    assert pauses[:3] == [DOUBT_MS, 2 * DOUBT_MS, 4 * DOUBT_MS]
    assert pauses[-3:] == [DOUBT_MS << DOUBT_DOUBLINGS_MAX] * 3
    asked = [s for s in day.signals if isinstance(s.command, SettleHold)]
    assert {signal.slot for signal in asked} == {f"hold/{hold_id}"}


def test_what_is_given_back_counts_no_more_than_the_quota() -> None:
    """[B1.3] What is told to be left is right also after the quota was made smaller."""
    before = Day(settings=QuotaSettings(signed_in=5))
    ids = [before.take() for _ in range(5)]
    smaller = Day(settings=QuotaSettings(signed_in=3))
    smaller.state, smaller.seq = before.state, before.seq
    smaller.receive(ReturnHold(id=ids[0]))
    assert smaller.history[-1][1].remaining == 0


async def test_a_guests_messages_count_for_whom_the_guest_has_become() -> None:
    """[B1.6] Once, however often it is told; the guest itself posts no more."""
    guest, user = Day("guest:1"), Day("ann")
    guest.receive(SpendHold(id=guest.take("anonymous")))
    guest.take("anonymous")  # On its way.
    for _again in range(2):
        guest.receive(MoveQuota(user_id="ann"), source="user:ann")
    guest.receive(MoveQuota(user_id="eve"), source="user:eve")
    (told,) = [s for s in guest.signals if isinstance(s.command, InheritQuota)]
    assert (told.target, told.command.count) == ("quota:ann", 2)
    with pytest.raises(Conflict):
        guest.take("anonymous")
    user.take()
    for _again in range(2):
        user.receive(told.command, source="quota:guest:1")
    assert await user.left() == 0
    late = Day("ann")
    late.now_ms = MIDNIGHT
    late.receive(told.command, source="quota:guest:1")
    assert await late.left() == 3


async def test_what_is_left_is_ones_own_business(day: Day) -> None:
    """[B1.7] Nobody else sees it."""
    day.take()
    shown = day.snapshot("ann", "quota")
    assert shown["pools"]["signed_in"] == {"limit": 3, "remaining": 2}
    assert shown["resets_ms"] == MIDNIGHT
    with pytest.raises(PermissionDenied):
        day.snapshot("eve", "quota")
    with pytest.raises(PermissionDenied):
        await day.look(Caller(user_id="eve", org_role="admin"), GetQuota())


def test_messages_on_their_way_are_bounded() -> None:
    """[B1.8] Holds of one person."""
    day = Day(settings=QuotaSettings(signed_in=HOLDS_MAX * 2))
    for _ in range(HOLDS_MAX):
        day.take()
    with pytest.raises(RateLimited, match="on their way"):
        day.take()


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_happens_the_books_balance(seed: int) -> None:
    """[B1.2] Signals lost, repeated, late: posted is never above the quota, returned is never lost.

    The chat's signals arrive in order; anything may come twice.
    """
    rng = random.Random(seed)
    day, limit = Day(settings=QuotaSettings(signed_in=5)), 5
    open_ids: list[str] = []
    posted: dict[str, int] = {}
    for _step in range(200):
        choice = rng.random()
        if choice < 0.35:
            try:
                open_ids.append(day.take())
            except NoneLeft:
                assert day.state.taken("signed_in", day.state.day) == limit
        elif choice < 0.6 and open_ids:
            hold_id = open_ids.pop(rng.randrange(len(open_ids)))
            posted[day.state.day] = posted.get(day.state.day, 0)
            if day.state.holds[hold_id].day == day.state.day:
                posted[day.state.day] += 1
            for _copy in range(rng.randint(1, 3)):
                day.receive(SpendHold(id=hold_id))
            day.receive(ReturnHold(id=hold_id))
        elif choice < 0.8 and open_ids:
            day.receive(ReturnHold(id=open_ids.pop()))
        elif choice < 0.9:
            day.receive(Ring())
        else:
            day.now_ms += rng.randrange(12 * 3_600_000)
            day.receive(Rang(name="midnight", version=1, due_ms=0))
        assert day.state.taken("signed_in", day.state.day) <= limit
        assert max(posted.values(), default=0) <= limit
        assert day.state.used.get("signed_in", 0) == posted.get(day.state.day, 0)
        assert set(day.state.holds) == set(open_ids)
    assert day.replayed() == day.restored() == day.state
