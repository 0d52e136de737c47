"""What the session wants done. ``protocol.connection`` performs it, in order.

Not frozen: one is made for every message, and freezing triples the cost. Nobody keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from protocol.messages import Call, ServerMessage, Subscribe


@define
class Send:
    """Send *message*."""

    message: ServerMessage


@define
class Authenticate:
    """Ask the gateway about *token*, then call ``accepted`` or ``refused`` with the same ref."""

    token: str
    ref: int | None  # None: the token of the hello.
    client: str | None = None  # What the hello says of the client program.


@define
class StartCall:
    """Give *call* to the gateway; its ref is open until ``answered``."""

    call: Call


@define
class CancelCall:
    """The client gave up the call; it was answered already."""

    ref: int


@define
class StartSubscription:
    """Give *subscribe* to the gateway; its ref is open until ``ended``."""

    subscribe: Subscribe


@define
class EndSubscription:
    """Take the subscription from the gateway. Its client was told, or will not listen.

    *may_return*: the client goes on with the session, and perhaps with the target; see ``pauses``.
    """

    ref: int
    may_return: bool = False


@define
class PassPresence:
    """Give the client's ephemeral *state* to the gateway."""

    ref: int
    state: Mapping[str, Any] | None


@define
class CloseWith:
    """Close the WebSocket; nothing is sent or accepted after it."""

    code: int
    reason: str


Effect = (
    Send
    | Authenticate
    | StartCall
    | CancelCall
    | StartSubscription
    | EndSubscription
    | PassPresence
    | CloseWith
)
