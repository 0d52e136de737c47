"""Messages of y-websocket clients (y-protocols), one per WebSocket frame.

::

    0 sync       0 step 1 {state vector}       "this is what I have"
                 1 step 2 {update}             the answer: what you lack
                 2 update {update}             a change
    1 awareness  {awareness update}            see ``awareness``
    2 auth       0 permission denied {reason}  server -> client
    3 query awareness                          "who is here?"

What is inside of updates, state vectors and awareness updates is not looked at here. ``SyncBody``
is also what Hocuspocus wraps (``hocuspocus``).
"""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import frozen

from protocol.yjs.errors import FrameRefused
from protocol.yjs.limits import (
    AWARENESS_BYTES_MAX,
    REASON_BYTES_MAX,
    STATE_VECTOR_BYTES_MAX,
    UPDATE_BYTES_MAX,
)
from protocol.yjs.reader import Reader, varbytes, varstring

_SYNC: Final = 0
_AWARENESS: Final = 1
_AUTH: Final = 2
_QUERY_AWARENESS: Final = 3

_STEP_1: Final = 0
_STEP_2: Final = 1
_UPDATE: Final = 2
_PERMISSION_DENIED: Final = 0


@frozen
class SyncStep1:
    """What the sender has; to be answered with ``SyncStep2``."""

    state_vector: bytes


@frozen
class SyncStep2:
    """What the receiver of this lacked."""

    update: bytes


@frozen
class SyncUpdate:
    """A change."""

    update: bytes


@frozen
class AwarenessUpdate:
    """Who is where, encoded; ``decode_awareness`` reads it."""

    update: bytes


@frozen
class QueryAwareness:
    """Asks for everybody's awareness state."""


@frozen
class PermissionDenied:
    """Server -> client: no access."""

    reason: str


SyncBody: TypeAlias = SyncStep1 | SyncStep2 | SyncUpdate
YjsMessage: TypeAlias = SyncBody | AwarenessUpdate | QueryAwareness | PermissionDenied


def decode_message(frame: bytes) -> YjsMessage:
    """Read one message.

    Raises:
      FrameRefused: malformed, unknown, or a part of it is over a limit.
    """
    reader = Reader(frame)
    message = _read(reader)
    reader.end()
    return message


def _read(reader: Reader) -> YjsMessage:
    tag = reader.varuint()
    if tag == _SYNC:
        return read_sync(reader)
    if tag == _AWARENESS:
        return AwarenessUpdate(reader.varbytes(AWARENESS_BYTES_MAX))
    if tag == _QUERY_AWARENESS:
        return QueryAwareness()
    if tag == _AUTH:
        if (step := reader.varuint()) != _PERMISSION_DENIED:
            raise FrameRefused("unknown_message", f"auth {step}")
        return PermissionDenied(reader.varstring(REASON_BYTES_MAX))
    raise FrameRefused("unknown_message", f"message {tag}")


def encode_message(message: YjsMessage) -> bytes:
    """Write one message. Inverse of :func:`decode_message`."""
    match message:
        case AwarenessUpdate(update):
            return bytes((_AWARENESS,)) + varbytes(update)
        case QueryAwareness():
            return bytes((_QUERY_AWARENESS,))
        case PermissionDenied(reason):
            return bytes((_AUTH, _PERMISSION_DENIED)) + varstring(reason)
        case _:
            return bytes((_SYNC,)) + sync_bytes(message)


def read_sync(reader: Reader) -> SyncBody:
    """Take the body of a sync message. Raises as :func:`decode_message`."""
    step = reader.varuint()
    if step == _UPDATE:
        return SyncUpdate(reader.varbytes(UPDATE_BYTES_MAX))
    if step == _STEP_1:
        return SyncStep1(reader.varbytes(STATE_VECTOR_BYTES_MAX))
    if step == _STEP_2:
        return SyncStep2(reader.varbytes(UPDATE_BYTES_MAX))
    raise FrameRefused("unknown_message", f"sync step {step}")


def sync_bytes(body: SyncBody) -> bytes:
    """Return the body of a sync message."""
    match body:
        case SyncUpdate(update):
            return bytes((_UPDATE,)) + varbytes(update)
        case SyncStep1(state_vector):
            return bytes((_STEP_1,)) + varbytes(state_vector)
        case SyncStep2(update):
            return bytes((_STEP_2,)) + varbytes(update)
