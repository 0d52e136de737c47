"""A kind of one's own with a fault: its command is never decided."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

import trio
from attrs import frozen

from collab.kind import Caller, Context, Kind, Outcome, Reader


@frozen
class Hang:
    TAG: ClassVar[str] = "stuck.hang"


def _hang(_state: None, _command: Hang, _context: Context) -> Outcome:
    return Outcome()


def _study(
    _state: None, _command: object, _caller: Caller, _target: str, _reader: Reader
) -> Callable[[], Awaitable[None]]:
    return trio.sleep_forever


STUCK: Final = Kind[None](
    name="stuck",
    new_state=lambda _key: None,
    commands={Hang: _hang},
    events={},
    topics={},
    role_of=lambda _state, _caller: "anybody",
    permissions={"anybody": frozenset({Hang.TAG})},
    study=_study,
)
