"""The rules of a day's messages.

::

    chat                                  quota:USER
    PostMessage: permitted, and what
    it says is in order       ── TakeHold ──>  one is left: QuotaHeld, durable
    posts; in one transaction  <── id ───────
    with SpendHold            ── SpendHold ─>  QuotaSpent
    (or a crash, or a refusal)
                              <─ SettleHold ─  after DOUBT_MS, until there is an answer
                              ── ReturnHold ─> QuotaReturned, if it had not been spent

A hold counts from the beginning, so there are never more messages than the quota. What was never
posted is returned, so none is lost. A hold is used within ``HOLD_MS`` or not at all, and asked
after no sooner than ``DOUBT_MS``: the chat, which handles one thing after the other, has then
posted its message or never will.

Days are those of the wall clock in one time zone. A clock that goes back over midnight does not
begin the day before again: nobody has its messages twice. If it was ahead for longer than that,
the real day goes on instead, with all that was posted meanwhile counted in it: nobody waits until
the clock comes by again.

The end of a day is told if anything counted in it; otherwise everything was left already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from collab.alarms import Ring
from collab.errors import Conflict, LimitExceeded, RateLimited
from collab.kind import Answer, Caller, Context, Outcome, Signal, Stamp
from collab.quotas.limits import (
    DAY_AHEAD_MS,
    DOUBT_DOUBLINGS_MAX,
    DOUBT_MS,
    HEIRS_MAX,
    HOLD_MS,
    HOLDS_MAX,
)
from collab.quotas.settings import POOLS, SIGNED_IN, QuotaSettings
from collab.quotas.state import (
    GetQuota,
    Hold,
    InheritQuota,
    MoveQuota,
    Plain,
    QuotaDayBegan,
    QuotaDoubted,
    QuotaHeld,
    QuotaInherited,
    QuotaMoved,
    QuotaReturned,
    QuotaSpent,
    QuotaState,
    ReturnHold,
    SettleHold,
    SpendHold,
    TakeHold,
)
from collab.timers import Rang, SetTimer, day_in, next_midnight_ms, slot_of, timers_of

MIDNIGHT: Final = "midnight"  # The timer.


class NoneLeft(LimitExceeded):
    """No message is left today.

    Not ``rate_limited``, after which clients try again by themselves: their people are to know.
    """

    def __init__(self, limit: int, retry_after_ms: int) -> None:
        super().__init__(f"{limit} messages a day are all that you have")
        self.retry_after_ms = retry_after_ms


@frozen
class QuotaRules:
    """What depends on the settings."""

    settings: QuotaSettings

    def today(self, state: QuotaState, now_ms: int) -> tuple[str, int]:
        """Return the day that counts now, and when it ends."""
        if now_ms < state.ends_ms <= now_ms + DAY_AHEAD_MS:
            return state.day, state.ends_ms  # Also if the clock went back over midnight.
        return day_in(self.settings.zone, now_ms), next_midnight_ms(self.settings.zone, now_ms)

    def remaining(self, state: QuotaState, pool: str, day: str, *, more: int = 0) -> int:
        """Return how many messages are left in a limited *pool* on *day* if *more* count."""
        return max(self.settings.by_pool.get(pool, 0) - state.taken(pool, day) - more, 0)

    def plain(self, state: QuotaState, day: str, ends_ms: int) -> Plain:
        """Return what is left, as its owner sees it."""
        pools = {
            pool: {"limit": limit, "remaining": self.remaining(state, pool, day)}
            for pool, limit in self.settings.by_pool.items()
        }
        return {"day": day, "resets_ms": ends_ms, "pools": pools}

    def get(self, state: QuotaState, _query: GetQuota, context: Context) -> Answer:
        """Return what is left now."""
        return Answer(self.plain(state, *self.today(state, context.now_ms)))

    def shown(self, state: QuotaState, _caller: Caller, now_ms: int) -> Plain:
        """Return the snapshot: what is left now, whatever day something happened last."""
        return self.plain(state, *self.today(state, now_ms))

    # ------------------------------------------------------------ holds

    def take(self, state: QuotaState, command: TakeHold, context: Context) -> Outcome:
        """Count one more message.

        Raises:
          NoneLeft: until the day ends.
          RateLimited: too many are on their way.
          Conflict: this guest has signed in.
        """
        if state.moved_to is not None:
            raise Conflict("this guest has signed in; post as that user")
        day, ends_ms = self.today(state, context.now_ms)
        left = self.remaining(state, command.pool, day)
        if left == 0:
            limit = self.settings.by_pool.get(command.pool, 0)
            raise NoneLeft(limit, ends_ms - context.now_ms)
        if len(state.holds) >= HOLDS_MAX:
            raise RateLimited("too many messages are on their way", HOLD_MS)
        hold_id = context.new_id()
        held = QuotaHeld(
            id=hold_id,
            pool=command.pool,
            day=day,
            ends_ms=ends_ms,
            chat=context.caller.user_id,
            doubt_ms=context.now_ms + DOUBT_MS,
            remaining=left - 1,
            begins_day=day != state.day,
        )
        return Outcome([held], {"id": hold_id, "until_ms": context.now_ms + HOLD_MS})

    def spend(self, state: QuotaState, command: SpendHold, _context: Context) -> Outcome:
        """Note that a message came. A copy changes nothing."""
        return Outcome([QuotaSpent(id=command.id)]) if command.id in state.holds else Outcome()

    def give_back(self, state: QuotaState, command: ReturnHold, context: Context) -> Outcome:
        """Count a message no more that never came. One that came before stays."""
        hold = state.holds.get(command.id)
        if hold is None:
            return Outcome()
        day, _ends_ms = self.today(state, context.now_ms)
        left = self.remaining(state, hold.pool, day, more=-state.counts(hold, day))
        return Outcome([QuotaReturned(id=command.id, pool=hold.pool, remaining=left)])

    def doubt(self, state: QuotaState, _command: Ring, context: Context) -> Outcome:
        """Ask after holds that have been without a message for long, less and less often."""
        return Outcome(
            [
                QuotaDoubted(
                    id=hold_id,
                    chat=hold.chat,
                    doubt_ms=context.now_ms + (DOUBT_MS << min(hold.doubts, DOUBT_DOUBLINGS_MAX)),
                )
                for hold_id, hold in state.holds.items()
                if hold.doubt_ms <= context.now_ms
            ]
        )

    # ------------------------------------------------------------ days and guests

    def midnight(self, state: QuotaState, _command: Rang, context: Context) -> Outcome:
        """Tell that another day has begun."""
        day, ends_ms = self.today(state, context.now_ms)
        return Outcome() if day == state.day else Outcome([QuotaDayBegan(day=day, ends_ms=ends_ms)])

    def move(self, state: QuotaState, command: MoveQuota, context: Context) -> Outcome:
        """Hand today's messages over to the user whom this guest has become. Once."""
        if state.moved_to is not None:
            return Outcome()
        day, ends_ms = self.today(state, context.now_ms)
        count = sum(state.taken(pool, day) for pool in POOLS)
        moved = QuotaMoved(user_id=command.user_id, day=day, ends_ms=ends_ms, count=count)
        return Outcome([moved])

    def inherit(self, state: QuotaState, command: InheritQuota, context: Context) -> Outcome:
        """Count what was posted as a guest today. A copy changes nothing."""
        day, ends_ms = self.today(state, context.now_ms)
        if command.day != day or not command.count:
            return Outcome()
        heirs = state.heirs if day <= state.day else {}
        if command.guest_id in heirs or len(heirs) >= HEIRS_MAX:
            return Outcome()
        left = self.remaining(state, SIGNED_IN, day, more=command.count)
        inherited = QuotaInherited(
            guest_id=command.guest_id,
            pool=SIGNED_IN,
            count=command.count,
            day=day,
            ends_ms=ends_ms,
            remaining=left,
        )
        return Outcome([inherited])


# ---------------------------------------------------------------- evolve


def was_held(state: QuotaState, event: QuotaHeld, stamp: Stamp) -> None:
    """Count it, in its day."""
    state.begin(event.day, event.ends_ms)
    state.count_on(stamp.seq)
    state.holds[event.id] = Hold(event.pool, event.day, event.chat, event.doubt_ms)


def was_spent(state: QuotaState, event: QuotaSpent, _stamp: Stamp) -> None:
    """Count it as used, in the day of its hold."""
    hold = state.holds.pop(event.id)
    state.use(hold.pool, hold.day)


def was_returned(state: QuotaState, event: QuotaReturned, _stamp: Stamp) -> None:
    """Count it no more."""
    del state.holds[event.id]


def was_doubted(state: QuotaState, event: QuotaDoubted, _stamp: Stamp) -> None:
    """Ask again later, if no answer comes."""
    hold = state.holds[event.id]
    hold.doubt_ms = event.doubt_ms
    hold.doubts += 1


def day_began(state: QuotaState, event: QuotaDayBegan, _stamp: Stamp) -> None:
    """Begin anew."""
    state.begin(event.day, event.ends_ms)


def was_moved(state: QuotaState, event: QuotaMoved, _stamp: Stamp) -> None:
    """Post no more."""
    state.moved_to = event.user_id


def was_inherited(state: QuotaState, event: QuotaInherited, stamp: Stamp) -> None:
    """Count what a guest had posted."""
    state.begin(event.day, event.ends_ms)
    state.count_on(stamp.seq)
    state.heirs[event.guest_id] = event.count
    state.used[event.pool] = state.used.get(event.pool, 0) + event.count


# ---------------------------------------------------------------- consequences


def signals_of(state: QuotaState, event: object, stamp: Stamp) -> Sequence[Signal]:
    """Return what chats, the clock and an heir are told."""
    if state.timer_seq == stamp.seq:
        timer = SetTimer(name=MIDNIGHT, version=stamp.seq, at_ms=state.timer_ms)
        return [Signal(timers_of(f"quota:{state.key}"), timer, slot_of(MIDNIGHT))]
    if isinstance(event, QuotaDoubted):  # One question waits, however often it is asked.
        settle = SettleHold(id=event.id, user_id=state.key)
        return [Signal(event.chat, settle, f"hold/{event.id}")]
    if isinstance(event, QuotaMoved):
        told = InheritQuota(
            guest_id=state.key, day=event.day, ends_ms=event.ends_ms, count=event.count
        )
        return [Signal(f"quota:{event.user_id}", told)]
    return ()


def wakes_at(state: QuotaState) -> int | None:
    """Return when to ask after a hold. Nobody asks after those of whom nobody asks for."""
    return min((hold.doubt_ms for hold in state.holds.values()), default=None)
