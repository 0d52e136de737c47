"""The rules of timers: settings in any order, one ring for each time, none twice.

A rule's next time is found when the last one rings and stands in the event, so a replay does not
depend on the machine's list of time zones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from collab.alarms import Ring
from collab.errors import BadRequest, LimitExceeded
from collab.kind import Answer, Context, Outcome, Signal, Stamp
from collab.timers.commands import CancelTimer, ListTimers, Rang, SetTimer, UnsetTimer
from collab.timers.cron import next_occurrence_ms
from collab.timers.limits import FIRED_AT_ONCE_MAX, TIMERS_MAX, TIMERS_PER_TARGET_MAX
from collab.timers.state import (
    Timer,
    TimerRang,
    TimerSet,
    TimersState,
    TimerUnset,
    timer_id,
)

# ---------------------------------------------------------------- signals


def set_timer(state: TimersState, command: SetTimer, context: Context) -> Outcome:
    """Set it, unless something at least as new is known of it.

    Raises:
      LimitExceeded: there are too many, here or of its target.
    """
    target = context.caller.user_id
    key = timer_id(target, command.name)
    if command.version <= state.version_of(key):
        return Outcome()
    if key not in state.timers:
        if len(state.timers) >= TIMERS_MAX:
            raise LimitExceeded(f"{context.target} has {TIMERS_MAX} timers")
        if state.counts.get(target, 0) >= TIMERS_PER_TARGET_MAX:
            raise LimitExceeded(f"{target} has {TIMERS_PER_TARGET_MAX} timers")
    due_ms = _first_due_ms(command, context.now_ms)
    if due_ms is None:
        return Outcome()
    event = TimerSet(
        target=target,
        name=command.name,
        version=command.version,
        due_ms=due_ms,
        cron=command.cron,
        zone=command.zone,
    )
    return Outcome([event])


def _first_due_ms(command: SetTimer, now_ms: int) -> int | None:
    if command.at_ms is not None:
        return command.at_ms
    if command.after_ms is not None:
        return now_ms + command.after_ms
    assert command.cron is not None  # Checked when the command was made.
    return next_occurrence_ms(command.cron, command.zone, now_ms)


def unset_timer(state: TimersState, command: UnsetTimer, context: Context) -> Outcome:
    """Take it away, unless something newer is known of it."""
    target = context.caller.user_id
    if command.version <= state.version_of(timer_id(target, command.name)):
        return Outcome()
    return Outcome([TimerUnset(target=target, name=command.name, version=command.version)])


def ring(state: TimersState, _command: Ring, context: Context) -> Outcome:
    """Ring everything that is due, the soonest first; a part of it, if that is much."""
    events = []
    for due_ms, key in state.order[:FIRED_AT_ONCE_MAX]:
        if due_ms > context.now_ms:
            break
        timer = state.timers[key]
        events.append(
            TimerRang(
                target=timer.target,
                name=timer.name,
                version=timer.version,
                due_ms=due_ms,
                next_ms=_next_ms(timer, context.now_ms),
            )
        )
    return Outcome(events)


def _next_ms(timer: Timer, now_ms: int) -> int | None:
    """Return when it rings again: never twice for the same time, also if the clock went back."""
    if timer.cron is None:
        return None
    try:
        return next_occurrence_ms(timer.cron, timer.zone, max(now_ms, timer.due_ms))
    except ValueError:  # The machine's list of time zones has lost this one.
        return None


# ---------------------------------------------------------------- commands and queries


def cancel(state: TimersState, command: CancelTimer, _context: Context) -> Outcome:
    """Take a timer away; its target may set it again."""
    timer = state.timers.get(timer_id(command.target, command.name))
    if timer is None:
        return Outcome(value={"was_set": False})
    event = TimerUnset(target=timer.target, name=timer.name, version=timer.version)
    return Outcome([event], {"was_set": True})


def page(state: TimersState, query: ListTimers, _context: Context) -> Answer:
    """Return a page of timers.

    Raises:
      BadRequest: the cursor is none of ours.
    """
    after = _place(query.after)
    shown: list[Timer] = []
    more = False
    for _due_ms, key in state.order[bisect_right(state.order, after) :]:
        timer = state.timers[key]
        if query.target not in (None, timer.target):
            continue
        if len(shown) == query.limit:
            more = True
            break
        shown.append(timer)
    cursor = None
    if more:
        cursor = f"{shown[-1].due_ms}:{timer_id(shown[-1].target, shown[-1].name)}"
    return Answer({"timers": [timer.plain() for timer in shown], "cursor": cursor})


def _place(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return (-1, "")
    digits, colon, key = cursor.partition(":")
    if not (colon and digits.isascii() and digits.isdigit() and len(digits) <= 16):
        raise BadRequest("this is no cursor of a page of timers")
    return (int(digits), key)


# ---------------------------------------------------------------- evolve


def was_set(state: TimersState, event: TimerSet, _stamp: Stamp) -> None:
    """Insert or replace it."""
    state.put(Timer(event.target, event.name, event.version, event.due_ms, event.cron, event.zone))


def rang(state: TimersState, event: TimerRang, _stamp: Stamp) -> None:
    """Put it at its next time, or away."""
    key = timer_id(event.target, event.name)
    if event.next_ms is None:
        state.take_out(key, event.version)
        return
    timer = state.timers[key]
    state.put(Timer(timer.target, timer.name, timer.version, event.next_ms, timer.cron, timer.zone))


def was_unset(state: TimersState, event: TimerUnset, _stamp: Stamp) -> None:
    """Put it away."""
    state.take_out(timer_id(event.target, event.name), event.version)


# ---------------------------------------------------------------- consequences


def signals_of(_state: TimersState, event: object, _stamp: Stamp) -> Sequence[Signal]:
    """Return what the target of a timer that rang is told."""
    if not isinstance(event, TimerRang):
        return ()
    told = Rang(name=event.name, version=event.version, due_ms=event.due_ms)
    return [Signal(event.target, told)]
