"""A kind that sets timers for itself and notes when they ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from attrs import define, field, frozen

from collab.kind import Caller, Context, Kind, Outcome, Signal, Stamp, Topic
from collab.timers import Rang, SetTimer, UnsetTimer, slot_of, timers_of


@frozen(kw_only=True)
class Arm:
    TAG: ClassVar[str] = "bell.arm"
    name: str = "n"
    at_ms: int | None = None
    after_ms: int | None = None
    cron: str | None = None
    zone: str = "UTC"


@frozen(kw_only=True)
class Disarm:
    TAG: ClassVar[str] = "bell.disarm"
    name: str = "n"


@frozen(kw_only=True)
class Armed:
    TAG: ClassVar[str] = "bell.armed"
    name: str
    at_ms: int | None
    after_ms: int | None
    cron: str | None
    zone: str


@frozen(kw_only=True)
class Disarmed:
    TAG: ClassVar[str] = "bell.disarmed"
    name: str


@frozen(kw_only=True)
class Rung:
    TAG: ClassVar[str] = "bell.rung"
    key: str
    due_ms: int


@define
class BellState:
    key: str
    rung: dict[str, tuple[int, int]] = field(factory=dict)  # Occurrence to (due, rung) times.
    copies: int = 0  # Of occurrences that had been heard already.


def _arm(_state: BellState, command: Arm, _context: Context) -> Outcome:
    return Outcome(
        [
            Armed(
                name=command.name,
                at_ms=command.at_ms,
                after_ms=command.after_ms,
                cron=command.cron,
                zone=command.zone,
            )
        ]
    )


def _disarm(_state: BellState, command: Disarm, _context: Context) -> Outcome:
    return Outcome([Disarmed(name=command.name)])


def _hear(_state: BellState, command: Rang, _context: Context) -> Outcome:
    return Outcome([Rung(key=command.key, due_ms=command.due_ms)])


def _nothing(_state: BellState, _event: object, _stamp: Stamp) -> None:
    pass


def _rung(state: BellState, event: Rung, stamp: Stamp) -> None:
    state.copies += event.key in state.rung
    state.rung[event.key] = (event.due_ms, stamp.at_ms)


def _signals(state: BellState, event: Any, stamp: Stamp) -> Sequence[Signal]:
    where = timers_of(f"bell:{state.key}")
    if isinstance(event, Disarmed):
        unset = UnsetTimer(name=event.name, version=stamp.seq)
        return [Signal(where, unset, slot_of(event.name))]
    if not isinstance(event, Armed):
        return ()
    wanted = SetTimer(
        name=event.name,
        version=stamp.seq,
        at_ms=event.at_ms,
        after_ms=event.after_ms,
        cron=event.cron,
        zone=event.zone,
    )
    return [Signal(where, wanted, slot_of(event.name))]


def _rings(state: BellState, _caller: Caller) -> object:
    return {"rung": [list(times) for times in state.rung.values()], "copies": state.copies}


BELL: Final = Kind(
    name="bell",
    new_state=BellState,
    commands={Arm: _arm, Disarm: _disarm},
    events={Armed: _nothing, Disarmed: _nothing, Rung: _rung},
    signals={Rang: _hear},
    topics={"rings": Topic(events=(Rung,), snapshot=_rings)},
    role_of=lambda _state, _caller: "anybody",
    permissions={"anybody": frozenset({"bell.arm", "bell.disarm", "read:rings"})},
    signals_of=_signals,
)
