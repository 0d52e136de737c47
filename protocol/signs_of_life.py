"""Whether a client is still there, by what has come from it since the last look.

A client that sends one large message over a slow line can ask nothing in between, and would take us
for dead. So a look tells also whether bytes come of which no message has become yet.
"""

from __future__ import annotations

from enum import Enum, auto

from protocol.limits import BUSY_BYTES_MIN, SILENCE_TIMEOUT_S


class Sign(Enum):
    """What a look finds."""

    HERE = auto()
    BUSY = auto()  # A message takes long to arrive: say that we are here.
    SILENT = auto()  # Nothing has come for ``SILENCE_TIMEOUT_S``.


class SignsOfLife:
    """Of one connection. Count its messages in ``messages``; look every ``LIFE_LOOK_S``."""

    __slots__ = ("_bytes", "_heard_at_s", "_messages", "messages")

    def __init__(self, now_s: float) -> None:
        self.messages = 0
        self._messages = 0  # At the last look.
        self._bytes = 0  # At the last sign of life, which was at:
        self._heard_at_s = now_s

    def look(self, received_bytes: int, now_s: float) -> Sign:
        """Return what is found at *now_s*, when *received_bytes* have come in all."""
        new_bytes = received_bytes - self._bytes
        is_between = self.messages == self._messages
        self._messages, self._bytes = self.messages, received_bytes
        if new_bytes:
            self._heard_at_s = now_s
            return Sign.BUSY if is_between and new_bytes >= BUSY_BYTES_MIN else Sign.HERE
        return Sign.SILENT if now_s - self._heard_at_s >= SILENCE_TIMEOUT_S else Sign.HERE
