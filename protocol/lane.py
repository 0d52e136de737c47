"""The fast lane: splits a client's byte stream into whole messages and bytes for trio-websocket.

Sans-I/O. ``receive`` takes bytes as they come, ``take`` returns one step after the other:

==========  ================================================================================
step        what it is, and what its caller does with the bytes
==========  ================================================================================
TEXT        a whole message, unmasked, valid UTF-8: handed to the session
BINARY      a whole message, unmasked: handed to the session
CONTROL     a whole ping or pong frame as it came: passed on
CLOSE       a whole close frame as it came: passed on; only RAW follows
PIECE       part of a fragmented or large message as it came: passed on
LAST_PIECE  the same, and its message is complete: passed on; the next step must wait until the
            message was handled, or it would overtake
RAW         bytes that break RFC 6455, or follow a close frame: passed on, so that wsproto finds
            the fault and names its code
REFUSED     the peer broke one of *our* bounds, see ``refusal``: nothing follows
==========  ================================================================================

A frame is taken by the lane if it is whole, masked, unfragmented data of at most
``FAST_FRAME_BYTES_MAX`` bytes and no fragmented message is open. A length is judged when it is
declared, not when it has arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from protocol.errors import CLOSE_BAD_DATA, CLOSE_TOO_BIG
from protocol.frames import CLOSE_POLICY, CONTROL_PAYLOAD_BYTES_MAX
from protocol.limits import (
    CONTROL_BURST,
    CONTROL_RATE_PER_S,
    FAST_FRAME_BYTES_MAX,
    FRAGMENT_BYTES_MEAN_MIN,
    PIECE_BYTES,
)


class Step(Enum):
    """What ``Lane.take`` found; see the table above."""

    TEXT = auto()
    BINARY = auto()
    CONTROL = auto()
    CLOSE = auto()
    PIECE = auto()
    LAST_PIECE = auto()
    RAW = auto()
    REFUSED = auto()


# Bound once: looking a member up on its class costs as much as parsing a header.
_TEXT: Final = Step.TEXT
_BINARY: Final = Step.BINARY

_FIN: Final = 0x80
_RSV: Final = 0x70
_MASKED: Final = 0x80
_CONTINUATION: Final = 0x0
_BINARY_OPCODE: Final = 0x2
_CLOSE: Final = 0x8
_PONG: Final = 0xA
_FIN_TEXT: Final = 0x81
_FIN_BINARY: Final = 0x82
_KEY_BYTES: Final = 4

Taken = tuple[Step, bytes]


def unmask(payload: bytes, key: bytes) -> bytes:
    """Return *payload* xor the repeated 4-byte *key*, as one integer operation."""
    length = len(payload)
    mask = (key * (length // _KEY_BYTES + 1))[:length]
    value = int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")
    return value.to_bytes(length, "little")


def is_utf8(payload: bytes) -> bool:
    """Say whether *payload* may be the payload of a text message."""
    if payload.isascii():
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


class Lane:
    """The state between two chunks of one client's byte stream."""

    __slots__ = (
        "_at",
        "_buffer",
        "_bytes_max",
        "_clock",
        "_control_allowance",
        "_control_at_s",
        "_fast_bytes_max",
        "_fragments",
        "_fragments_max",
        "_is_final",
        "_is_raw",
        "_message_bytes",
        "_passing_bytes",
        "refusal",
    )

    def __init__(self, *, frame_bytes_max: int, clock: Callable[[], float]) -> None:
        """*frame_bytes_max* bounds a frame and a message; *clock* gives seconds."""
        assert frame_bytes_max > 125
        self._bytes_max = frame_bytes_max
        self._fast_bytes_max = min(frame_bytes_max, FAST_FRAME_BYTES_MAX)
        self._fragments_max = frame_bytes_max // FRAGMENT_BYTES_MEAN_MIN
        self._clock = clock
        self._buffer = b""
        self._at = 0  # Bytes of the buffer already taken.
        self._passing_bytes = 0  # Left to pass on of the frame that is passing.
        self._is_final = False  # That frame ends its message.
        self._fragments = 0  # Frames of the open slow message; 0: none is open.
        self._message_bytes = 0  # Declared so far for the open slow message.
        self._is_raw = False
        self._control_allowance = float(CONTROL_BURST)
        self._control_at_s = 0.0
        self.refusal: tuple[int, str] | None = None  # Close code and reason.

    def receive(self, data: bytes) -> None:
        """Append *data*. Call it when ``take`` has returned None: that bounds what is held."""
        self._buffer = self._buffer[self._at :] + data if self._buffer else data
        self._at = 0

    def forget(self) -> None:
        """Hold no bytes any more: the connection is over."""
        self._buffer = b""
        self._at = 0

    def take(self) -> Taken | None:
        """Return the next step, or None until there are more bytes."""
        buffer = self._buffer
        at = self._at
        if len(buffer) - at < 2 or self._passing_bytes or self._is_raw or self.refusal:
            return self._take_within()
        first = buffer[at]
        length = buffer[at + 1] - _MASKED
        if length < 0 or self._fragments or (first != _FIN_TEXT and first != _FIN_BINARY):
            return self._take_frame(first)
        start = at + 2 + _KEY_BYTES
        if length > 125:
            if len(buffer) - at < 4:
                return None
            length_wide = int.from_bytes(buffer[at + 2 : at + 4], "big")
            if length == 127 or not 125 < length_wide <= self._fast_bytes_max:
                return self._take_frame(first)
            length = length_wide
            start += 2
        end = start + length
        if end > len(buffer):
            return None
        self._at = end
        payload = unmask(buffer[start:end], buffer[start - _KEY_BYTES : start])
        if first == _FIN_BINARY:
            return _BINARY, payload
        if is_utf8(payload):
            return _TEXT, payload
        return self._refuse(CLOSE_BAD_DATA, "a text message is not UTF-8")

    def _take_within(self) -> Taken | None:
        """Go on with what has begun: a frame that passes, raw bytes, or nothing at all."""
        rest = self._buffer[self._at :]
        if self.refusal or not rest:
            self._buffer = b""  # An idle connection holds no chunk.
            self._at = 0
            return None
        if self._passing_bytes:
            return self._take_piece()
        if not self._is_raw:
            return None
        self._buffer = b""
        self._at = 0
        return Step.RAW, rest

    def _take_frame(self, first: int) -> Taken | None:
        """Begin a frame that the lane leaves to trio-websocket."""
        opcode = first & 0x0F
        has_mask = bool(self._buffer[self._at + 1] & _MASKED)
        if first & _RSV or not has_mask:
            return self._take_raw()
        if opcode >= _CLOSE:
            return self._take_control(first, opcode)
        opens = opcode != _CONTINUATION
        if opcode > _BINARY_OPCODE or opens == bool(self._fragments):
            return self._take_raw()
        return self._take_data(is_final=bool(first & _FIN))

    def _take_control(self, first: int, opcode: int) -> Taken | None:
        length = self._buffer[self._at + 1] - _MASKED
        if not first & _FIN or opcode > _PONG or length > CONTROL_PAYLOAD_BYTES_MAX:
            return self._take_raw()
        end = self._at + 2 + _KEY_BYTES + length
        if end > len(self._buffer):
            return None
        frame = self._buffer[self._at : end]
        self._at = end
        if opcode == _CLOSE:
            self._is_raw = True
            return Step.CLOSE, frame
        if not self._allow_control():
            return self._refuse(CLOSE_POLICY, "too many control frames")
        return Step.CONTROL, frame

    def _take_data(self, *, is_final: bool) -> Taken | None:
        """Begin a fragment, or a message too large for the lane, if the bounds allow it."""
        head_bytes, length = self._read_length()
        if length is None:
            return None
        if length < 0:
            return self._take_raw()
        if self._message_bytes + length > self._bytes_max:
            return self._refuse(CLOSE_TOO_BIG, f"a message is over {self._bytes_max} bytes")
        if self._fragments >= self._fragments_max:
            return self._refuse(CLOSE_TOO_BIG, f"a message is over {self._fragments_max} frames")
        self._message_bytes += length
        self._fragments += 1
        self._is_final = is_final
        self._passing_bytes = head_bytes + length
        return self._take_piece()

    def _read_length(self) -> tuple[int, int | None]:
        """Return the bytes of the head and the declared length.

        None: it has not arrived. -1: it is not the shortest form, or its highest bit is set.
        """
        at = self._at
        length = self._buffer[at + 1] - _MASKED
        if length < 126:
            return 2 + _KEY_BYTES, length
        wide_bytes, least = (2, 126) if length == 126 else (8, 0x1_0000)
        if len(self._buffer) - at < 2 + wide_bytes:
            return 0, None
        length = int.from_bytes(self._buffer[at + 2 : at + 2 + wide_bytes], "big")
        if length < least or length >> 63:
            return 0, -1
        return 2 + wide_bytes + _KEY_BYTES, length

    def _take_piece(self) -> Taken | None:
        """Pass on a part of the frame; not in crumbs, for each part costs its receiver memory."""
        size = min(self._passing_bytes, len(self._buffer) - self._at)
        if size < self._passing_bytes and size < PIECE_BYTES:
            return None
        piece = self._buffer[self._at : self._at + size]
        self._at += size
        self._passing_bytes -= size
        if self._passing_bytes or not self._is_final:
            return Step.PIECE, piece
        self._fragments = 0
        self._message_bytes = 0
        return Step.LAST_PIECE, piece

    def _take_raw(self) -> Taken | None:
        self._is_raw = True
        return self._take_within()

    def _refuse(self, code: int, reason: str) -> Taken:
        self.refusal = (code, reason)
        self._buffer = b""
        self._at = 0
        return Step.REFUSED, b""

    def _allow_control(self) -> bool:
        """Spend one control frame of a token bucket; False if it is empty."""
        now_s = self._clock()
        refill = (now_s - self._control_at_s) * CONTROL_RATE_PER_S
        self._control_allowance = min(CONTROL_BURST, self._control_allowance + refill) - 1
        self._control_at_s = now_s
        return self._control_allowance >= 0
