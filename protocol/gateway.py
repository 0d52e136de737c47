"""The face between the wire and whoever owns the targets.

``protocol.server`` calls a :class:`Gateway`; the gateway answers through the handles it was
given. The wire knows nothing of kinds, the gateway nothing of frames.

::

    protocol (connection, session, outbox)         gateway (collab)
    ---------------------------------------        -----------------------------------
    hello, auth                               ->   await authenticate(token, peer) -> Identity
    auth accepted                             ->   identity_changed(Connection)
    call                                      ->   call(IncomingCall)      later: reply | fail
    subscribe                                 ->   subscribe(Subscription) later: snapshot |
                                                     resumed | reset | fail, then deliver* , end
    a lagging subscription's outbox drained   ->   await catch_up(Subscription)
    unsubscribe, connection lost              ->   unsubscribe(Subscription)
    presence                                  ->   presence(Subscription, state)

All methods without ``await`` are synchronous and quick, and must not raise: a fault is an answer.
Handles stay usable after the connection is gone; then they do nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar

from attrs import field, frozen

from protocol.errors import WireError
from protocol.messages import Cursor
from protocol.shared import EventFrame, PresenceFrame

__all__ = [
    "Connection",
    "EventFrame",
    "Gateway",
    "Identity",
    "IncomingCall",
    "Peer",
    "PresenceFrame",
    "Subscription",
]

T = TypeVar("T")


@frozen
class Peer:
    """Where a connection comes from."""

    address: str  # "host:port" of the socket
    client: str | None = None


@frozen
class Identity:
    """Who a token speaks for. ``claims`` is the gateway's own business."""

    user_id: str
    expires_at_ms: int | None = None  # Unix time; None: never.
    claims: Mapping[str, Any] = field(factory=dict)


class Connection(Protocol):
    """One live connection, as the gateway sees it."""

    @property
    def session_id(self) -> str:
        """Unique per connection; stamped on presence."""
        ...

    @property
    def identity(self) -> Identity:
        """Who speaks; replaced by a token refresh."""
        ...

    @property
    def peer(self) -> Peer:
        """Where from."""
        ...

    # The gateway's own, to keep what it has found out about this connection; None at first.
    memo: Any

    def flush(self) -> None:
        """Write what the calls before have queued, in as few system calls as possible."""
        ...


class IncomingCall(Protocol):
    """An open call. Answer it once; later answers are dropped."""

    @property
    def connection(self) -> Connection:
        """Who calls."""
        ...

    @property
    def target(self) -> str:
        """``kind:key``."""
        ...

    @property
    def op(self) -> str:
        """The operation's name."""
        ...

    @property
    def key(self) -> str | None:
        """The client's key: a second call with it gets the first one's answer."""
        ...

    @property
    def abandoned(self) -> bool:
        """True once the client cancelled it, its deadline passed or its connection ended."""
        ...

    @property
    def withdrawn(self) -> bool:
        """True once it is abandoned otherwise than by a client that has gone: then a write that
        was received whole is still wanted, like the last words of somebody who leaves the page."""
        ...

    def args_as(self, shape: type[T]) -> T:
        """Structure the arguments strictly.

        Raises:
          WireError: ``bad_request``, naming the field.
        """
        ...

    def reply(self, value: object, *, seq: int | None = None) -> None:
        """Answer. *value* is a plain structure or an attrs object."""
        ...

    def fail(self, error: WireError) -> None:
        """Answer with an error."""
        ...


class Subscription(Protocol):
    """A subscription, from request to end."""

    @property
    def connection(self) -> Connection:
        """Whose it is."""
        ...

    @property
    def target(self) -> str:
        """``kind:key``."""
        ...

    @property
    def topics(self) -> frozenset[str]:
        """What it wants of the target."""
        ...

    @property
    def cursor(self) -> Cursor | None:
        """Where the client wants to go on; None: from a snapshot."""
        ...

    @property
    def seq(self) -> int:
        """Everything up to here was handed to the outbox, or covered by a snapshot."""
        ...

    @property
    def live(self) -> bool:
        """True while deliveries go out directly: answered, not lagging, not ended."""
        ...

    @property
    def over(self) -> bool:
        """True once ended from either side."""
        ...

    def snapshot(self, *, epoch: str, seq: int, topics: Mapping[str, Any]) -> None:
        """First answer: the state at *seq*; live from here."""
        ...

    def resumed(self, *, epoch: str, behind: bool) -> None:
        """First answer: the cursor is good. *behind*: call ``catch_up`` before going live."""
        ...

    def reset(self, *, reason: str, epoch: str, seq: int, topics: Mapping[str, Any]) -> None:
        """Answer, first or later: start over from this snapshot; live from here."""
        ...

    def fail(self, error: WireError) -> None:
        """First answer: refused. Later (no fresh snapshot): over, and ``unsubscribe`` comes."""
        ...

    def deliver(self, frame: EventFrame) -> None:
        """Send a live frame. Ignored while lagging; starts lagging above the soft bound."""
        ...

    async def deliver_page(self, frames: Iterator[EventFrame]) -> None:
        """Send catch-up frames; only inside ``catch_up``.

        Each is asked for when the outbox has room for it: what a frame may say can change while
        a slow reader takes its time.

        Cancelled: the connection is ending; what was sent was sent.
        """
        ...

    def caught_up(self) -> None:
        """Go live again: the next ``deliver`` continues at ``seq``."""
        ...

    def presence(self, frame: PresenceFrame) -> None:
        """Send who is here; dropped while lagging (``catch_up`` then sends a full one)."""
        ...

    def end(self, error: WireError | None) -> None:
        """End it: with *error* (revoked, draining), or None (unsubscribed)."""
        ...


class Gateway(Protocol):
    """Whoever owns the targets."""

    async def authenticate(self, token: str, peer: Peer) -> Identity:
        """Say who *token* speaks for.

        Raises:
          WireError: ``unauthenticated``, or ``unavailable`` if that cannot be told now.

        Cancelled: nothing happened.
        """
        ...

    def call(self, call: IncomingCall) -> None:
        """Take a call; answer it later through its handle."""
        ...

    def subscribe(self, subscription: Subscription) -> None:
        """Take a subscription; answer it later through its handle."""
        ...

    def identity_changed(self, connection: Connection) -> None:
        """A fresh token was accepted: judge anew what *connection* already follows.

        ``connection.identity`` is the new one. Called before the client hears that it counts.
        """
        ...

    def unsubscribe(self, subscription: Subscription) -> None:
        """It is over, and you have not ended it: deliver nothing more. Once per subscription."""
        ...

    async def catch_up(self, subscription: Subscription) -> None:
        """Send what *subscription* missed since its ``seq``, page by page; then ``caught_up``.

        Cancelled: the connection is ending.
        """
        ...

    def presence(self, subscription: Subscription, state: Mapping[str, Any] | None) -> None:
        """The client's ephemeral state on a live subscription changed."""
        ...
