"""Bytes <-> messages, in both encodings. Called by the session's shell and by the client.

Reading goes: parse, bound the nesting, look at the tag, structure. Whatever is wrong there is
``Unreadable``: an answer, under the message's ref if that could be read. Only text that is not
UTF-8, or a frame of the other encoding's type, ends the connection.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast, get_args

import attrs
import msgpack  # type: ignore[import-untyped]
import orjson

from protocol.errors import (
    CLOSE_BAD_DATA,
    ProtocolViolation,
    Unreadable,
    WireError,
)
from protocol.frames import server_frame
from protocol.limits import FRAME_BYTES_MAX, NESTING_MAX, PRESENCE_BYTES_MAX, REF_MAX
from protocol.messages import (
    SUBPROTOCOL_JSON,
    SUBPROTOCOL_MSGPACK,
    ClientMessage,
    Reply,
    ServerMessage,
    SetPresence,
)
from protocol.structure import JSON, MSGPACK, Structurer, unstructure

SUBPROTOCOLS: Final = (SUBPROTOCOL_MSGPACK, SUBPROTOCOL_JSON)  # In the server's order of liking.

# Bytes that open a container in MessagePack: fixmap, fixarray, array 16/32, map 16/32. Bytes of
# texts and numbers look the same, so a count of them is an upper bound.
_OPENERS: Final = bytes([*range(0x80, 0xA0), *range(0xDC, 0xE0)])
_NOT_OPENERS: Final = bytes(set(range(256)) - set(_OPENERS))


def encoding_of(subprotocol: str) -> str:
    """Return ``json`` or ``msgpack``."""
    return JSON if subprotocol == SUBPROTOCOL_JSON else MSGPACK


# ---------------------------------------------------------------- parsing


def _parse_json(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except ValueError as error:
        try:
            payload.decode()
        except UnicodeDecodeError:
            raise ProtocolViolation(
                "bad_request", "a text frame that is not UTF-8", close_code=CLOSE_BAD_DATA
            ) from None
        raise Unreadable("bad_request", f"not JSON: {str(error)[:120]}") from None


def _parse_msgpack(payload: bytes) -> Any:
    try:
        # strict_map_key: integer keys with colliding hashes would make a frame quadratic.
        return msgpack.unpackb(payload, strict_map_key=True)
    except (ValueError, RecursionError) as error:
        raise Unreadable("bad_request", f"not MessagePack: {type(error).__name__}") from None


def _openings(payload: bytes, subprotocol: str) -> int:
    """Return at least the number of containers in *payload*. Costs far less than a walk."""
    if subprotocol == SUBPROTOCOL_JSON:
        return payload.count(b"{") + payload.count(b"[")
    return len(payload.translate(None, _NOT_OPENERS))


def _is_too_deep(value: Any) -> bool:
    level: Iterable[Any] = [value]
    for _ in range(NESTING_MAX + 1):
        containers = [item for item in level if type(item) is dict or type(item) is list]
        if not containers:
            return False
        level = [
            item
            for container in containers
            for item in (container.values() if type(container) is dict else container)
        ]
    return True


def _parse(payload: bytes, subprotocol: str) -> Any:
    if len(payload) > FRAME_BYTES_MAX:
        raise Unreadable("limit_exceeded", f"a message is at most {FRAME_BYTES_MAX} bytes")
    value = _parse_json(payload) if subprotocol == SUBPROTOCOL_JSON else _parse_msgpack(payload)
    if _openings(payload, subprotocol) > NESTING_MAX and _is_too_deep(value):
        ref = _ref_of(value) if type(value) is dict else None
        raise Unreadable("bad_request", f"nested deeper than {NESTING_MAX}", ref=ref)
    return value


def _ref_of(value: Mapping[str, Any]) -> int | None:
    ref = value.get("ref")
    return ref if type(ref) is int and 0 <= ref <= REF_MAX else None


# ---------------------------------------------------------------- one direction of the wire


class _Reader:
    """Reads the messages of one direction in one encoding.

    Arguments, values and topics pass unchecked: their owner structures them, once and strictly.
    Presence has no such owner, so it is checked here.
    """

    def __init__(self, messages: Any, encoding: str) -> None:
        trusting, strict = Structurer(encoding, trusts_any=True), Structurer(encoding)
        structurers = {
            cls: strict if cls is SetPresence else trusting for cls in get_args(messages)
        }
        self._by_tag = {
            cls.TAG: (structurer.hook(cls), cls, structurer)
            for cls, structurer in structurers.items()
        }

    def read(self, value: Any) -> Any:
        if type(value) is not dict:
            raise Unreadable("bad_request", "a message is a map")
        tag = value.get("t")
        entry = self._by_tag.get(tag) if type(tag) is str else None
        if entry is None:
            code = "unknown_type" if type(tag) is str else "bad_request"
            raise Unreadable(code, "no message has this tag (t)", ref=_ref_of(value))
        hook, cls, structurer = entry
        try:
            return hook(value, cls)
        except Exception as error:  # noqa: BLE001 -- validators and cattrs raise anything
            fault = structurer.explain(value, cls, error)
            raise Unreadable(fault.code, fault.message, ref=_ref_of(value)) from None


def _readers(messages: Any) -> Mapping[str, _Reader]:
    return MappingProxyType(
        {subprotocol: _Reader(messages, encoding_of(subprotocol)) for subprotocol in SUBPROTOCOLS}
    )


_CLIENT_READERS: Final = _readers(ClientMessage)
_SERVER_READERS: Final = _readers(ServerMessage)


def decode(payload: bytes, subprotocol: str) -> ClientMessage:
    """Read a client's message.

    Raises:
      Unreadable: answer it (under its ref, if it has one) and go on.
      ProtocolViolation: text that is not UTF-8: end the connection.
    """
    message = _CLIENT_READERS[subprotocol].read(_parse(payload, subprotocol))
    if type(message) is SetPresence and len(payload) > PRESENCE_BYTES_MAX:
        raise Unreadable("limit_exceeded", f"presence is at most {PRESENCE_BYTES_MAX} bytes")
    return cast("ClientMessage", message)


def decode_server(payload: bytes | str, subprotocol: str) -> ServerMessage:
    """Read a server's message, as the client does. Frames have no bound here but memory.

    Raises:
      WireError: the server sent something unreadable, or of a newer version.
    """
    raw = payload.encode() if isinstance(payload, str) else payload
    value = _parse_json(raw) if subprotocol == SUBPROTOCOL_JSON else _parse_msgpack(raw)
    return cast("ServerMessage", _SERVER_READERS[subprotocol].read(value))


# ---------------------------------------------------------------- writing


def _shallow(cls: Any) -> Callable[[Any], dict[str, Any]]:
    names = tuple(field.name for field in attrs.fields(cls))
    tag = cls.TAG

    def to_map(message: Any) -> dict[str, Any]:
        # Values are left as they are: the encoder asks _plain only for what it cannot write.
        return {"t": tag, **{name: getattr(message, name) for name in names}}

    return to_map


_MAPS: Final = MappingProxyType(
    {cls: _shallow(cls) for cls in (*get_args(ClientMessage), *get_args(ServerMessage))}
)


def _plain(value: Any) -> Any:
    """Return what an encoder can write for *value*.

    Raises:
      TypeError: nothing: the mistake of whoever made the message.
    """
    plain = dict(value) if isinstance(value, Mapping) else unstructure(value)
    if plain is value:
        raise TypeError(f"a {type(value).__name__} cannot be sent")
    return plain


def _plain_json(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return _plain(value)


def _write(message: ClientMessage | ServerMessage, subprotocol: str) -> bytes:
    value = _MAPS[type(message)](message)
    if subprotocol == SUBPROTOCOL_JSON:
        return orjson.dumps(value, _plain_json)
    return cast("bytes", msgpack.packb(value, default=_plain))


def encode(message: ServerMessage, subprotocol: str) -> bytes:
    """Return a server's message as a whole WebSocket frame.

    Raises:
      TypeError, ValueError: it holds something that the encoding cannot carry: your mistake.
    """
    return server_frame(_write(message, subprotocol), is_text=subprotocol == SUBPROTOCOL_JSON)


def encode_reply(ref: int, value: object, seq: int | None, subprotocol: str) -> bytes:
    """As ``encode(Reply(...))``, the most frequent message, without making one. Raises the same."""
    plain = {"t": Reply.TAG, "ref": ref, "value": value, "seq": seq}
    if subprotocol == SUBPROTOCOL_JSON:
        return server_frame(orjson.dumps(plain, _plain_json), is_text=True)
    return server_frame(msgpack.packb(plain, default=_plain), is_text=False)


def encode_client(message: ClientMessage, subprotocol: str) -> bytes:
    """Return a client's message as the payload of a frame (text for JSON).

    Raises:
      TypeError, ValueError: it holds something that the encoding cannot carry: your mistake.
    """
    return _write(message, subprotocol)


def error_fields(error: WireError) -> dict[str, Any]:
    """Return *error* as the fields that ``Error`` shares with it."""
    return {
        "code": error.code,
        "message": printable(error.message),
        "retryable": error.retryable,
        "retry_after_ms": error.retry_after_ms,
        "error_id": error.error_id,
    }


def printable(text: str) -> str:
    """Return *text* as something that every encoding can carry: it may quote what was refused."""
    return text.encode("utf-8", "replace").decode()
