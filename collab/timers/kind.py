"""``timers:N``: one shard of the durable timers of all targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from collab.alarms import Ring
from collab.kind import Caller, Kind, Topic
from collab.operators import Operators
from collab.permission import noteworthy
from collab.timers import permissions, rules
from collab.timers.commands import (
    KIND_NAME,
    CancelTimer,
    ListTimers,
    SetTimer,
    UnsetTimer,
)
from collab.timers.state import TimerRang, TimerSet, TimersState, TimerUnset


def _soonest(state: TimersState, _caller: Caller) -> Mapping[str, Any]:
    return {"count": len(state.timers), "next_due_ms": state.next_due_ms}


def timers_kind(operators: Operators) -> Kind[TimersState]:
    """Return the kind; *operators* list and cancel."""

    def role_of(_state: TimersState, caller: Caller) -> str:
        return "operator" if operators.include(caller, KIND_NAME) else "outsider"

    return Kind(
        name=KIND_NAME,
        new_state=TimersState,
        commands={CancelTimer: rules.cancel},
        queries={ListTimers: rules.page},
        signals={SetTimer: rules.set_timer, UnsetTimer: rules.unset_timer, Ring: rules.ring},
        events={
            TimerSet: rules.was_set,
            TimerRang: rules.rang,
            TimerUnset: rules.was_unset,
        },
        topics={"timers": Topic(events=(TimerSet, TimerRang, TimerUnset), snapshot=_soonest)},
        role_of=role_of,
        permissions=permissions.TIMERS,
        audited=noteworthy.TIMERS,
        signals_of=rules.signals_of,
        wakes_at=lambda state: state.next_due_ms,
    )


TIMERS: Final = timers_kind(Operators())
