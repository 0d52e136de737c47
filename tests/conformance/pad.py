"""``pad:KEY``: a kind that does what no real one should, so that cases can show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypedDict

import trio
from attrs import define, field, frozen

from collab.kind import Caller, Context, Kind, Outcome, Reader, Stamp, Topic
from collab.messages.checks import words


class PadLine(TypedDict):
    """The number of the new line."""

    n: int


class PadLines(TypedDict):
    """What is on the pad."""

    lines: list[str]


@frozen(kw_only=True)
class AddLine:
    """Append a line."""

    TAG: ClassVar[str] = "pad.add"
    ANSWER: ClassVar[Any] = PadLine

    text: str = words(100)


@frozen(kw_only=True)
class WaitForEver:
    """Never answer."""

    TAG: ClassVar[str] = "pad.wait"
    ANSWER: ClassVar[Any] = None


@frozen(kw_only=True)
class Break:
    """Fail inside."""

    TAG: ClassVar[str] = "pad.break"
    ANSWER: ClassVar[Any] = None


@frozen(kw_only=True)
class LineAdded:
    """There is another line."""

    TAG: ClassVar[str] = "pad.added"

    text: str


@define
class PadState:
    key: str
    lines: list[str] = field(factory=list)


class Broken(Exception):
    """What ``pad.break`` raises."""


def _add(state: PadState, command: AddLine, _context: Context) -> Outcome:
    return Outcome([LineAdded(text=command.text)], {"n": len(state.lines) + 1})


def _wait(_state: PadState, _command: WaitForEver, _context: Context) -> Outcome:
    async def work(_reader: Reader) -> None:
        await trio.sleep_forever()

    return Outcome(draft=work)


def _break(_state: PadState, _command: Break, _context: Context) -> Outcome:
    raise Broken


def _added(state: PadState, event: LineAdded, _stamp: Stamp) -> None:
    state.lines.append(event.text)


def _snapshot(state: PadState, _caller: Caller) -> Mapping[str, Any]:
    return {"lines": list(state.lines)}


PAD: Final = Kind(
    name="pad",
    new_state=PadState,
    commands={AddLine: _add, WaitForEver: _wait, Break: _break},
    events={LineAdded: _added},
    topics={"lines": Topic(events=(LineAdded,), snapshot=_snapshot, shape=PadLines)},
    role_of=lambda _state, _caller: "writer",
    permissions={"writer": frozenset({"pad.add", "pad.wait", "pad.break", "read:lines"})},
)
