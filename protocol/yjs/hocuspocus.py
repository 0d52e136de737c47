"""Messages of Hocuspocus clients: a document's name, a number, a body; many documents a socket.

::

    client -> server                               server -> client
     0 sync {step 1 | step 2 | update}         <->  0 sync, or 4 sync reply: asks for no step 1
     1 awareness {awareness update}            <->  1
     2 auth: 0 token {token, version?}          ->
                                               <-   2 auth: 0 "send your token again"
                                               <-           1 permission denied {reason}
                                               <-           2 authenticated {"read-write" ...}
     3 query awareness                         <->  3
     5 stateless {text}                        <->  5
     6 broadcast stateless {text}               ->
     7 close                                   <->  7 close {reason}
                                               <-   8 sync status {1: applied, 0: refused}
     9 ping, 10 pong: one byte, no document    <->  9, 10

A provider with session awareness sends ``name NUL session`` as the name and expects it back
(:func:`split_name`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from attrs import field, frozen

from protocol.yjs.errors import FrameRefused
from protocol.yjs.frames import (
    AwarenessUpdate,
    PermissionDenied,
    QueryAwareness,
    SyncBody,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    read_sync,
    sync_bytes,
)
from protocol.yjs.limits import (
    AWARENESS_BYTES_MAX,
    DOCUMENT_NAME_BYTES_MAX,
    REASON_BYTES_MAX,
    STATELESS_BYTES_MAX,
    TOKEN_BYTES_MAX,
)
from protocol.yjs.reader import Reader, varbytes, varstring, varuint

SCOPE_READ_WRITE: Final = "read-write"
SCOPE_READ_ONLY: Final = "readonly"

_SYNC: Final = 0
_AWARENESS: Final = 1
_AUTH: Final = 2
_QUERY_AWARENESS: Final = 3
_SYNC_REPLY: Final = 4
_STATELESS: Final = 5
_BROADCAST_STATELESS: Final = 6
_CLOSE: Final = 7
_SYNC_STATUS: Final = 8
_PING: Final = b"\x09"
_PONG: Final = b"\x0a"

_TOKEN: Final = 0
_PERMISSION_DENIED: Final = 1
_AUTHENTICATED: Final = 2


@frozen
class Ping:
    """Either side asks for a ``Pong``. Belongs to no document."""


@frozen
class Pong:
    """The answer. Belongs to no document."""


@frozen
class SyncReply:
    """A sync message whose receiver must not ask back with a step 1."""

    body: SyncBody


@frozen
class Token:
    """Client -> server: who I am. ``version`` is the provider's, since version 3."""

    token: str
    version: str | None = field(default=None)


@frozen
class TokenRequest:
    """Server -> client: send your token again."""


@frozen
class Authenticated:
    """Server -> client: you are in."""

    scope: str  # SCOPE_READ_WRITE or SCOPE_READ_ONLY


@frozen
class Stateless:
    """A text of the application's own."""

    payload: str


@frozen
class BroadcastStateless:
    """Client -> server: send this text to everybody in the document."""

    payload: str


@frozen
class Close:
    """The sender leaves the document. Clients give no reason."""

    reason: str | None = field(default=None)


@frozen
class SyncStatus:
    """Server -> client: one update was applied, or refused."""

    applied: bool


HocuspocusBody: TypeAlias = (
    SyncBody
    | SyncReply
    | AwarenessUpdate
    | QueryAwareness
    | PermissionDenied
    | Token
    | TokenRequest
    | Authenticated
    | Stateless
    | BroadcastStateless
    | Close
    | SyncStatus
)


@frozen
class Envelope:
    """A message of one document. ``name`` goes back as it came."""

    name: str
    body: HocuspocusBody


def split_name(name: str) -> tuple[str, str | None]:
    """Return the document's own name and the session, if the provider sent one."""
    document, separator, session = name.partition("\0")
    return document, session if separator else None


def decode_hocuspocus(frame: bytes) -> Envelope | Ping | Pong:
    """Read one message.

    Raises:
      FrameRefused: malformed, unknown, or a part of it is over a limit.
    """
    if frame == _PING:
        return Ping()
    if frame == _PONG:
        return Pong()
    reader = Reader(frame)
    name = reader.varstring(DOCUMENT_NAME_BYTES_MAX)
    body = _read_body(reader)
    reader.end()
    return Envelope(name, body)


def _read_body(reader: Reader) -> HocuspocusBody:
    tag = reader.varuint()
    read = _READERS.get(tag)
    if read is None:
        raise FrameRefused("unknown_message", f"message {tag}")
    return read(reader)


def _read_auth(reader: Reader) -> HocuspocusBody:
    step = reader.varuint()
    if step == _TOKEN:
        if not reader.has_more():
            return TokenRequest()
        token = reader.varstring(TOKEN_BYTES_MAX)
        return Token(token, reader.varstring(REASON_BYTES_MAX) if reader.has_more() else None)
    if step == _PERMISSION_DENIED:
        return PermissionDenied(reader.varstring(REASON_BYTES_MAX))
    if step == _AUTHENTICATED:
        return Authenticated(reader.varstring(REASON_BYTES_MAX))
    raise FrameRefused("unknown_message", f"auth {step}")


_READERS: Final[Mapping[int, Callable[[Reader], HocuspocusBody]]] = MappingProxyType(
    {
        _SYNC: read_sync,
        _AWARENESS: lambda reader: AwarenessUpdate(reader.varbytes(AWARENESS_BYTES_MAX)),
        _AUTH: _read_auth,
        _QUERY_AWARENESS: lambda _reader: QueryAwareness(),
        _SYNC_REPLY: lambda reader: SyncReply(read_sync(reader)),
        _STATELESS: lambda reader: Stateless(reader.varstring(STATELESS_BYTES_MAX)),
        _BROADCAST_STATELESS: lambda reader: BroadcastStateless(
            reader.varstring(STATELESS_BYTES_MAX)
        ),
        _CLOSE: lambda reader: Close(
            reader.varstring(REASON_BYTES_MAX) if reader.has_more() else None
        ),
        _SYNC_STATUS: lambda reader: SyncStatus(reader.varuint() == 1),
    }
)


def encode_hocuspocus(message: Envelope | Ping | Pong) -> bytes:
    """Write one message. Inverse of :func:`decode_hocuspocus`."""
    if isinstance(message, Ping):
        return _PING
    if isinstance(message, Pong):
        return _PONG
    return varstring(message.name) + _body_bytes(message.body)


def _body_bytes(body: HocuspocusBody) -> bytes:
    match body:
        case SyncStep1() | SyncStep2() | SyncUpdate():
            return bytes((_SYNC,)) + sync_bytes(body)
        case AwarenessUpdate(update):
            return bytes((_AWARENESS,)) + varbytes(update)
        case SyncStatus(applied):
            return bytes((_SYNC_STATUS, applied))
        case SyncReply(inner):
            return bytes((_SYNC_REPLY,)) + sync_bytes(inner)
        case QueryAwareness():
            return bytes((_QUERY_AWARENESS,))
        case Stateless(payload):
            return bytes((_STATELESS,)) + varstring(payload)
        case BroadcastStateless(payload):
            return bytes((_BROADCAST_STATELESS,)) + varstring(payload)
        case Close(reason):
            return bytes((_CLOSE,)) + (b"" if reason is None else varstring(reason))
        case _:
            return varuint(_AUTH) + _auth_bytes(body)


def _auth_bytes(body: Token | TokenRequest | PermissionDenied | Authenticated) -> bytes:
    match body:
        case Token(token, version):
            tail = b"" if version is None else varstring(version)
            return bytes((_TOKEN,)) + varstring(token) + tail
        case TokenRequest():
            return bytes((_TOKEN,))
        case PermissionDenied(reason):
            return bytes((_PERMISSION_DENIED,)) + varstring(reason)
        case Authenticated(scope):
            return bytes((_AUTHENTICATED,)) + varstring(scope)
