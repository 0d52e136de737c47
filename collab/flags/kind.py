"""``flags:ENVIRONMENT``: feature flags, changed by operators, live to everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from collab.errors import LimitExceeded
from collab.flags import permissions
from collab.flags.limits import FLAGS_MAX
from collab.flags.state import (
    Flag,
    FlagChanged,
    FlagRemoved,
    FlagSet,
    FlagsState,
    ListFlags,
    MyFlags,
    RemoveFlag,
    SetFlag,
)
from collab.kind import Answer, Caller, Context, Kind, Outcome, Stamp, Topic
from collab.operators import Operators
from collab.permission import noteworthy

KIND_NAME: Final = "flags"


def _set(state: FlagsState, command: SetFlag, _context: Context) -> Outcome:
    """Set it. The same rule again changes nothing, whatever the reason.

    Raises:
      LimitExceeded: there are too many flags.
    """
    known = state.flags.get(command.name)
    wanted = (command.value, command.is_on, command.percent, command.org_ids)
    if known is None and len(state.flags) >= FLAGS_MAX:
        raise LimitExceeded(f"{FLAGS_MAX} flags can be set")
    if known is not None:
        held = (known.value, known.is_on, known.percent, known.org_ids)
        if held == wanted and type(known.value) is type(command.value):  # 1 is not True.
            return Outcome()
    event = FlagSet(
        name=command.name,
        value=command.value,
        is_on=command.is_on,
        percent=command.percent,
        org_ids=command.org_ids,
        reason=command.reason,
    )
    return Outcome([event, FlagChanged(name=command.name)])


def _remove(state: FlagsState, command: RemoveFlag, _context: Context) -> Outcome:
    if command.name not in state.flags:
        return Outcome()
    removed = FlagRemoved(name=command.name, reason=command.reason)
    return Outcome([removed, FlagChanged(name=command.name)])


def _list(state: FlagsState, _query: ListFlags, _context: Context) -> Answer:
    return Answer({"flags": _rules(state)})


def _mine(state: FlagsState, _query: MyFlags, context: Context) -> Answer:
    return Answer({"flags": state.values_for(context.caller)})


def _rules(state: FlagsState) -> list[Mapping[str, Any]]:
    return [flag.plain(name) for name, flag in sorted(state.flags.items())]


def _was_set(state: FlagsState, event: FlagSet, stamp: Stamp) -> None:
    state.flags[event.name] = Flag(
        value=event.value,
        is_on=event.is_on,
        percent=event.percent,
        org_ids=event.org_ids,
        reason=event.reason,
        by=stamp.by,
        at_ms=stamp.at_ms,
    )


def _was_removed(state: FlagsState, event: FlagRemoved, _stamp: Stamp) -> None:
    del state.flags[event.name]


def _changed(_state: FlagsState, _event: FlagChanged, _stamp: Stamp) -> None:
    """The event beside it did."""


def _rules_now(state: FlagsState, _caller: Caller) -> Mapping[str, Any]:
    return {"flags": _rules(state)}


def _flags_now(state: FlagsState, caller: Caller) -> Mapping[str, Any]:
    return {"flags": state.values_for(caller)}


def flags_kind(operators: Operators) -> Kind[FlagsState]:
    """Return the kind; *operators* see the rules and change them."""

    def role_of(_state: FlagsState, caller: Caller) -> str:
        return "operator" if operators.include(caller, KIND_NAME) else "reader"

    return Kind(
        name=KIND_NAME,
        new_state=FlagsState,
        commands={SetFlag: _set, RemoveFlag: _remove},
        queries={ListFlags: _list, MyFlags: _mine},
        events={FlagSet: _was_set, FlagRemoved: _was_removed, FlagChanged: _changed},
        topics={
            "rules": Topic(events=(FlagSet, FlagRemoved), snapshot=_rules_now),
            "flags": Topic(events=(FlagChanged,), snapshot=_flags_now),
        },
        role_of=role_of,
        permissions=permissions.FLAGS,
        audited=noteworthy.FLAGS,
    )


FLAGS: Final = flags_kind(Operators())
