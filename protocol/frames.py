"""Server frames as bytes. Servers do not mask: one frame serves all receivers (RFC 6455, 5.2)."""

from __future__ import annotations

from typing import Final

CONTROL_PAYLOAD_BYTES_MAX: Final = 125  # RFC 6455, 5.5.
CLOSE_PROTOCOL_ERROR: Final = 1002
CLOSE_NO_STATUS: Final = 1005  # Never on the wire: the peer's close frame was empty.
CLOSE_ABNORMAL: Final = 1006  # Never on the wire: there was no close frame.
CLOSE_POLICY: Final = 1008
_TEXT: Final = 0x81  # FIN set, opcode 1
_BINARY: Final = 0x82
_CLOSE: Final = 0x88
_PING: Final = 0x89


def server_frame(payload: bytes, *, is_text: bool) -> bytes:
    """Return a whole, unfragmented data frame around *payload*, which must be UTF-8 for text."""
    return _frame(_TEXT if is_text else _BINARY, payload)


def ping_frame(payload: bytes = b"") -> bytes:
    """Return a ping; the peer echoes *payload* (at most 125 bytes) in a pong.

    Raises:
      ValueError: the payload is too long for a control frame.
    """
    if len(payload) > CONTROL_PAYLOAD_BYTES_MAX:
        raise ValueError("a control frame carries at most 125 bytes")
    return _frame(_PING, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; a *reason* beyond 123 bytes is cut at a character boundary."""
    return _frame(_CLOSE, code.to_bytes(2, "big") + fit_reason(reason).encode())


def fit_reason(reason: str) -> str:
    """Cut *reason* to what a close frame can carry, without splitting a character."""
    text = reason.encode("utf-8", "replace")[: CONTROL_PAYLOAD_BYTES_MAX - 2]
    return text.decode("utf-8", "ignore")


def _frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 0x1_0000:
        return bytes((first, 126)) + length.to_bytes(2, "big") + payload
    return bytes((first, 127)) + length.to_bytes(8, "big") + payload
