"""Where a session is, and what becomes of each message there; the table of ``protocol.session``."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocol.messages import (
    Auth,
    Call,
    Cancel,
    Hello,
    Leave,
    Ping,
    SetPresence,
    Subscribe,
    Unsubscribe,
)


class State(enum.Enum):
    """Where a session is; see the head of this module."""

    OPENING = "opening"
    CHECKING = "checking"
    OPEN = "open"
    LEAVING = "leaving"
    DRAINING = "draining"
    CLOSED = "closed"


class Verdict(enum.Enum):
    """What becomes of a message in a state."""

    TAKE = "take"
    VIOLATES = "violates"
    UNAVAILABLE = "unavailable"
    IGNORED = "ignored"


_T, _V, _U, _I = Verdict.TAKE, Verdict.VIOLATES, Verdict.UNAVAILABLE, Verdict.IGNORED
_COLUMNS: Final = (State.OPENING, State.CHECKING, State.OPEN, State.LEAVING, State.DRAINING)
_ROWS: Final[Mapping[type, tuple[Verdict, ...]]] = MappingProxyType(
    {
        Hello: (_T, _V, _V, _V, _V),
        Auth: (_V, _V, _T, _V, _T),
        Call: (_V, _V, _T, _V, _U),
        Cancel: (_V, _V, _T, _T, _T),
        Subscribe: (_V, _V, _T, _V, _U),
        Unsubscribe: (_V, _V, _T, _V, _I),
        SetPresence: (_V, _V, _T, _V, _I),
        Ping: (_V, _V, _T, _T, _T),
        Leave: (_V, _V, _T, _V, _T),
    }
)
TABLE: Final[Mapping[tuple[State, type], Verdict]] = MappingProxyType(
    {
        (state, message): verdict
        for message, verdicts in _ROWS.items()
        for state, verdict in zip(_COLUMNS, verdicts, strict=True)
    }
    | {(State.CLOSED, message): Verdict.IGNORED for message in _ROWS}
)
# The same by state: hashing an enum's member is a call of its own.
VERDICTS: Final[Mapping[State, Mapping[type, Verdict]]] = MappingProxyType(
    {
        state: MappingProxyType({message: TABLE[state, message] for message in _ROWS})
        for state in State
    }
)
