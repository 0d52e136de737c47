"""What the session wants done. ``protocol.connection`` performs it, in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from protocol.messages import Call, ServerMessage, Subscribe


@frozen
class Send:
    """Send *message*."""

    message: ServerMessage


@frozen
class Authenticate:
    """Ask the gateway about *token*, then call ``accepted`` or ``refused`` with the same ref."""

    token: str
    ref: int | None  # None: the token of the hello.
    client: str | None = None  # What the hello says of the client program.


@frozen
class StartCall:
    """Give *call* to the gateway; its ref is open until ``answered``."""

    call: Call


@frozen
class CancelCall:
    """The client gave up the call; it was answered already."""

    ref: int


@frozen
class StartSubscription:
    """Give *subscribe* to the gateway; its ref is open until ``ended``."""

    subscribe: Subscribe


@frozen
class EndSubscription:
    """Take the subscription from the gateway. Its client was told, or will not listen."""

    ref: int


@frozen
class PassPresence:
    """Give the client's ephemeral *state* to the gateway."""

    ref: int
    state: Mapping[str, Any] | None


@frozen
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
