"""A kind of one's own with faults wherever its code runs, each quoting what the caller wrote."""

from __future__ import annotations

from typing import ClassVar, Final

from attrs import define, frozen

from collab.kind import Answer, Caller, Context, Kind, Outcome, Stamp, Topic


@frozen(kw_only=True)
class Tell:
    TAG: ClassVar[str] = "telltale.tell"
    text: str


@frozen(kw_only=True)
class TellLater:
    TAG: ClassVar[str] = "telltale.tell_later"
    text: str


@frozen(kw_only=True)
class AskFor:
    TAG: ClassVar[str] = "telltale.ask_for"
    text: str


@frozen(kw_only=True)
class Told:
    TAG: ClassVar[str] = "telltale.told"
    text: str


@define
class Telltale:
    words: dict[str, str]


def _decide(state: Telltale, command: Tell, _context: Context) -> Outcome:
    try:
        return Outcome([Told(text=state.words[command.text])])
    except KeyError as error:
        raise ExceptionGroup(command.text, [ValueError(command.text), error]) from error


def _decide_later(_state: Telltale, command: TellLater, _context: Context) -> Outcome:
    return Outcome([Told(text=command.text)])


def _evolve(_state: Telltale, event: Told, _stamp: Stamp) -> None:
    raise RuntimeError(event.text)


def _look(state: Telltale, query: AskFor, _context: Context) -> Answer:
    return Answer(state.words[query.text])


def _show(_state: Telltale, _caller: Caller) -> object:
    return {}


TELLTALE: Final = Kind[Telltale](
    name="telltale",
    new_state=lambda _key: Telltale({}),
    commands={Tell: _decide, TellLater: _decide_later},
    queries={AskFor: _look},
    events={Told: _evolve},
    topics={"told": Topic(events=(Told,), snapshot=_show)},
    role_of=lambda _state, _caller: "anybody",
    permissions={"anybody": frozenset({Tell.TAG, TellLater.TAG, AskFor.TAG, "read:told"})},
)
