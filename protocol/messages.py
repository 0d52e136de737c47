"""The whole wire on one page.

Every message is a map with the tag under ``"t"``. Subprotocols: ``collab.v1.json`` (text frames;
bytes are base64 strings) and ``collab.v1.msgpack`` (binary frames; bytes are native). Unknown
fields are ignored, unknown tags answered with ``unknown_type``; nothing is coerced.

::

    client                                  server
    hello {token}                      ->   welcome | error, then close 4401
    call {ref, target, op, args, key?} ->   reply {ref, value, seq?} | error {ref, ...}
    cancel {ref}                       ->   (the call's answer, or error "cancelled")
    subscribe {ref, target, topics,    ->   snapshot | resumed | reset | error {ref, ...}
               cursor?}                     then events* , reset*, presence*, at last ended
    unsubscribe {ref}                  ->   ended {ref, code: "unsubscribed"}
    presence {target, state}           ->   (nothing; the others get presence)
    auth {ref, token}                  ->   reply {ref} | error {ref, ...}
    ping {n}                           ->   pong {n}
    goodbye {}                         ->   answers of open calls, then close 1000

A reference number (*ref*) is chosen by the client and unique among its open calls and
subscriptions. A *target* is ``kind:key``; a connection has at most one subscription per target,
so event frames carry the target instead of a ref, and every receiver gets the same bytes.

Cursor: ``(epoch, seq)``. An ``events`` frame covers ``after < seq <= seq``: the receiver applies
it if ``after <= its cursor < seq``, and must resubscribe if ``after`` is greater (a gap).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import field, frozen
from attrs.validators import and_, ge, le, max_len, optional

from protocol.limits import (
    CALL_DEADLINE_MAX_MS,
    CLIENT_KEY_LEN_MAX,
    CLIENT_NAME_LEN_MAX,
    EPOCH_LEN_MAX,
    OP_LEN_MAX,
    REF_MAX,
    TARGET_LEN_MAX,
    TOKEN_LEN_MAX,
    TOPIC_LEN_MAX,
    TOPICS_MAX,
)
from protocol.stated import stated

SUBPROTOCOL_JSON: Final = "collab.v1.json"
SUBPROTOCOL_MSGPACK: Final = "collab.v1.msgpack"


def _check_ref(_message: object, attribute: Any, ref: int) -> None:
    if not 0 <= ref <= REF_MAX:
        raise ValueError(f"{attribute.name} must be from 0 to {REF_MAX}")


def _ref() -> Any:
    return field(validator=_check_ref, metadata=stated(minimum=0, maximum=REF_MAX))


def _text(len_max: int) -> Any:
    return field(validator=max_len(len_max))


@frozen(kw_only=True)
class Cursor:
    """A place in a target's history: everything up to ``seq`` has been seen."""

    epoch: str = _text(EPOCH_LEN_MAX)
    seq: int = _ref()


# ---------------------------------------------------------------- client -> server


@frozen(kw_only=True)
class Hello:
    """First message of a connection. Answered by ``Welcome``, or ``Error`` and close 4401."""

    TAG: ClassVar[str] = "hello"
    token: str = _text(TOKEN_LEN_MAX)
    client: str | None = field(default=None, validator=optional(max_len(CLIENT_NAME_LEN_MAX)))


@frozen(kw_only=True)
class Auth:
    """A fresh token for a live connection; the user must stay the same."""

    TAG: ClassVar[str] = "auth"
    ref: int = _ref()
    token: str = _text(TOKEN_LEN_MAX)


@frozen(kw_only=True)
class Call:
    """One operation on one target. Safe to resend with the same ``key`` after a reconnect."""

    TAG: ClassVar[str] = "call"
    ref: int = _ref()
    target: str = _text(TARGET_LEN_MAX)
    op: str = _text(OP_LEN_MAX)
    args: Mapping[str, Any] = field(factory=dict)
    key: str | None = field(default=None, validator=optional(max_len(CLIENT_KEY_LEN_MAX)))
    deadline_ms: int | None = field(
        default=None, validator=optional(and_(ge(1), le(CALL_DEADLINE_MAX_MS)))
    )


@frozen(kw_only=True)
class Cancel:
    """Give up the open call ``ref``. A late cancel is ignored."""

    TAG: ClassVar[str] = "cancel"
    ref: int = _ref()


@frozen(kw_only=True)
class Subscribe:
    """Follow some topics of a target, from a snapshot or from ``cursor``."""

    TAG: ClassVar[str] = "subscribe"
    ref: int = _ref()
    target: str = _text(TARGET_LEN_MAX)
    topics: tuple[str, ...] = field(
        validator=max_len(TOPICS_MAX),
        metadata=stated(
            minItems=1, uniqueItems=True, items={"type": "string", "maxLength": TOPIC_LEN_MAX}
        ),
    )
    cursor: Cursor | None = None

    @topics.validator
    def _check_topics(self, _attribute: object, topics: tuple[str, ...]) -> None:
        if not topics or len(set(topics)) != len(topics):
            raise ValueError("topics must be one or more, each once")
        if any(len(topic) > TOPIC_LEN_MAX for topic in topics):
            raise ValueError("a topic name is too long")


@frozen(kw_only=True)
class Unsubscribe:
    """End the subscription ``ref``. Answered by ``Ended`` with code ``unsubscribed``."""

    TAG: ClassVar[str] = "unsubscribe"
    ref: int = _ref()


@frozen(kw_only=True)
class SetPresence:
    """Tell the other subscribers of ``target`` a small ephemeral state; None takes it back."""

    TAG: ClassVar[str] = "presence"
    target: str = _text(TARGET_LEN_MAX)
    state: Mapping[str, Any] | None = None


@frozen(kw_only=True)
class Ping:
    """Application-level keepalive, for clients that cannot send WebSocket pings."""

    TAG: ClassVar[str] = "ping"
    n: int = _ref()


@frozen(kw_only=True)
class Leave:
    """The client will close: it sends nothing more and waits for its open calls."""

    TAG: ClassVar[str] = "goodbye"


# What the server takes and sends. The codec's tables are made from these.
ClientMessage = Hello | Auth | Call | Cancel | Subscribe | Unsubscribe | SetPresence | Ping | Leave

# ---------------------------------------------------------------- server -> client


@frozen(kw_only=True)
class Welcome:
    """The session is open."""

    TAG: ClassVar[str] = "welcome"
    session: str
    user: str
    now_ms: int
    expires_at_ms: int | None = None
    keepalive_ms: int


@frozen(kw_only=True)
class Reply:
    """The call's answer. Whatever it did is durable. ``seq``: the target's seq after it."""

    TAG: ClassVar[str] = "reply"
    ref: int
    value: Any = None
    seq: int | None = None


@frozen(kw_only=True)
class Error:
    """A call or subscription was refused or failed.

    Without ``ref``: a message that has none, or that was not readable.
    """

    TAG: ClassVar[str] = "error"
    ref: int | None = None
    code: str
    message: str
    retryable: bool = False
    retry_after_ms: int | None = None
    error_id: str | None = None


@frozen(kw_only=True)
class Snapshot:
    """The state of the subscribed topics at ``(epoch, seq)``. Every later event follows."""

    TAG: ClassVar[str] = "snapshot"
    ref: int
    target: str
    epoch: str
    seq: int
    topics: Mapping[str, Any]


@frozen(kw_only=True)
class Resumed:
    """The cursor was good: every event after ``seq`` follows."""

    TAG: ClassVar[str] = "resumed"
    ref: int
    target: str
    epoch: str
    seq: int


@frozen(kw_only=True)
class Reset:
    """The cursor cannot be continued: forget what you hold and take this snapshot.

    ``reason``: ``cursor_too_old``, ``cursor_ahead``, ``epoch_changed`` or ``fell_behind``.
    """

    TAG: ClassVar[str] = "reset"
    ref: int
    target: str
    reason: str
    epoch: str
    seq: int
    topics: Mapping[str, Any]


@frozen(kw_only=True)
class Events:
    """Events with ``after < event seq <= seq``, all that the subscribed topics have of them.

    Each event: ``{"seq", "topic", "type", "at_ms", "by", "data"}``.
    """

    TAG: ClassVar[str] = "events"
    target: str
    after: int
    seq: int
    events: tuple[Mapping[str, Any], ...]


@frozen(kw_only=True)
class PresenceChanged:
    """Who is here, by session: ``{"user", "state"}``, or None for gone. ``full`` replaces all."""

    TAG: ClassVar[str] = "presence"
    target: str
    sessions: Mapping[str, Mapping[str, Any] | None]
    full: bool = False


@frozen(kw_only=True)
class Ended:
    """The subscription is over: unsubscribed, revoked, refused to continue, or drained."""

    TAG: ClassVar[str] = "ended"
    ref: int
    target: str
    code: str
    message: str = ""
    retryable: bool = False


@frozen(kw_only=True)
class Pong:
    """Answer to ``Ping``."""

    TAG: ClassVar[str] = "pong"
    n: int


@frozen(kw_only=True)
class Goodbye:
    """The server ends the connection. Come back after ``reconnect_after_ms`` (jitter included)."""

    TAG: ClassVar[str] = "goodbye"
    reason: str
    reconnect_after_ms: int | None = None


ServerMessage = (
    Welcome
    | Reply
    | Error
    | Snapshot
    | Resumed
    | Reset
    | Events
    | PresenceChanged
    | Ended
    | Pong
    | Goodbye
)
