"""Errors of the wire.

::

    WireError                   an answer: goes to the peer as code, message, retryable
    ├── Unreadable              a message that could not be read; knows its ref if that could
    └── ProtocolViolation       the peer broke the protocol: answered by closing with close_code
    ClientError                 raised by the client library
    ├── CallFailed              the server answered with an error (the remote side's)
    ├── CallAbandoned           the local side gave up: deadline or close; outcome unknown
    ├── ConnectFailed           no session could be opened, and retrying will not help
    └── ClientClosed            your mistake: the client was closed

A *code* is stable: clients switch on it. ``CODES`` lists all that the wire itself uses; kinds add
theirs. Internals never reach a message: they stay in the log under ``error_id``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import define, field

# code -> (retryable, meaning)
CODES: Final[Mapping[str, tuple[bool, str]]] = MappingProxyType(
    {
        "bad_request": (False, "a message or its arguments do not have the declared shape"),
        "unknown_type": (False, "no message has this tag"),
        "unknown_target": (False, "no such kind, or a malformed key"),
        "unknown_op": (False, "the kind has no such operation"),
        "unknown_topic": (False, "the kind has no such topic"),
        "duplicate_ref": (False, "an open call or subscription has this ref"),
        "duplicate_subscription": (False, "this connection already follows the target"),
        "not_found": (False, "the thing named in the arguments does not exist"),
        "conflict": (False, "the thing is not in the state that the operation needs"),
        "concluded": (False, "the thing has ended; subscribe again to read what is left"),
        "unauthenticated": (False, "the token is missing, malformed, expired or not ours"),
        "permission_denied": (False, "your role does not allow this"),
        "rate_limited": (True, "too many messages; retry_after_ms says when to go on"),
        "overloaded": (True, "the server is at a bound; nothing was done"),
        "limit_exceeded": (False, "a named limit of this connection or thing is reached"),
        "cancelled": (False, "you cancelled the call; it may have happened"),
        "deadline_exceeded": (True, "no answer in time; it may have happened"),
        "unavailable": (True, "the owner of the target is restarting or the server is draining"),
        "damaged": (False, "what is stored of the target is damaged; its operator has to mend it"),
        "internal": (True, "a fault of ours; the log knows it by error_id"),
    }
)

# WebSocket close codes. 4400-4499 tell y-websocket clients not to come back by themselves.
CLOSE_NORMAL: Final = 1000
CLOSE_GOING_AWAY: Final = 1001
CLOSE_BAD_DATA: Final = 1007
CLOSE_TOO_BIG: Final = 1009
CLOSE_SERVER_ERROR: Final = 1011
CLOSE_TRY_AGAIN: Final = 1013  # Overload or a slow consumer: resume later.
CLOSE_BAD_PROTOCOL: Final = 4400
CLOSE_UNAUTHENTICATED: Final = 4401
CLOSE_FORBIDDEN: Final = 4403
CLOSE_HANDSHAKE_TIMEOUT: Final = 4408
CLOSE_RATE_LIMITED: Final = 4429


@define(eq=False)
class WireError(Exception):
    """A typed answer to the peer."""

    code: str
    message: str
    retryable: bool = field(kw_only=True)
    retry_after_ms: int | None = field(default=None, kw_only=True)
    error_id: str | None = field(default=None, kw_only=True)

    @retryable.default
    def _default_retryable(self) -> bool:
        return CODES[self.code][0] if self.code in CODES else False

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@define(eq=False)
class Unreadable(WireError):
    """One message was not readable: answered under *ref*, and the connection goes on."""

    ref: int | None = field(default=None, kw_only=True)


@define(eq=False)
class ProtocolViolation(WireError):
    """The peer broke a rule of the wire; the connection ends with *close_code*."""

    close_code: int = field(default=CLOSE_BAD_PROTOCOL, kw_only=True)


class ClientError(Exception):
    """Base of what the client library raises."""


@define(eq=False)
class CallFailed(ClientError):
    """The server refused or failed the call: ``code`` is stable, ``message`` is for people."""

    code: str
    message: str
    retryable: bool = False
    retry_after_ms: int | None = None
    error_id: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@define(eq=False)
class CallAbandoned(ClientError):
    """No answer before the deadline or the end of the client. The call may have happened."""

    reason: str


@define(eq=False)
class ConnectFailed(ClientError):
    """The server refused the session for good (bad token, no common subprotocol)."""

    code: str
    message: str


@define(eq=False)
class ClientClosed(ClientError):
    """The client was closed before or during this operation."""
