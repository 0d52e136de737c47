"""What only the client library raises, beside ``protocol.errors.ClientError`` and its kin.

::

    ClientError                 (protocol.errors)
    ├── SubscriptionEnded       the server's word: you may not, or may no longer, follow this
    ├── NotFollowing            your mistake: presence is shown only where you follow
    └── LimitExceeded           a named bound of this client would be passed; nothing was sent
    TransportClosed             a connection is over; the client handles it, connectors raise it
"""

from __future__ import annotations

from typing import Final

from attrs import define, field

from protocol.errors import ClientError

CONCLUDED: Final = "concluded"  # Of a subscription: what was followed has ended, and can be read.


@define(eq=False)
class SubscriptionEnded(ClientError):
    """The server ended or refused the subscription for good: ``code`` is stable."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@define(eq=False)
class NotFollowing(ClientError):
    """Presence was set on a target that this client does not follow."""

    target: str


@define(eq=False)
class LimitExceeded(ClientError):
    """*limit*, a name of ``protocol.limits``, would be passed. Nothing was queued or sent."""

    limit: str
    message: str

    def __str__(self) -> str:
        return f"{self.limit}: {self.message}"


@define(eq=False)
class TransportClosed(Exception):
    """The connection is over: ``code`` is the WebSocket close code, if there was one.

    ``is_ours``: this side closed it, for what the server has sent.
    """

    reason: str
    code: int | None = None
    is_ours: bool = field(default=False, kw_only=True)
