"""How Yjs messages are wrapped for y-websocket and for Hocuspocus: what a client of either says."""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen

from loadtest.edits import varint

EMPTY_STATE: Final = b"\x00"  # The state vector of somebody who has nothing.
EMPTY_UPDATE: Final = b"\x00\x00"
_SYNC: Final = 0
_AUTH: Final = 2
_STEP_2: Final = 1
_UPDATE: Final = 2


class Dialect(Enum):
    """How a document's messages are wrapped."""

    PLAIN = "y-websocket"  # The document is the path.
    NAMED = "hocuspocus"  # The document's name comes first in each message; a token is sent.


def varbytes(content: bytes) -> bytes:
    """Return *content* with its length before it."""
    return varint(len(content)) + content


@frozen
class Speech:
    """The messages of one client about one document, in its dialect."""

    dialect: Dialect
    document: str
    token: str

    @property
    def _name(self) -> bytes:
        return varbytes(self.document.encode()) if self.dialect is Dialect.NAMED else b""

    def hello(self) -> list[bytes]:
        """Return what is sent first: who I am, if that is asked for, and what I have."""
        step_1 = self._name + bytes((_SYNC, 0)) + varbytes(EMPTY_STATE)
        if self.dialect is Dialect.PLAIN:
            return [step_1]
        auth = bytes((_AUTH, 0)) + varbytes(self.token.encode()) + varbytes(b"4.7.0")
        return [self._name + auth, step_1]

    def update(self, edit: bytes) -> bytes:
        """Return the message that carries *edit*."""
        return self._name + bytes((_SYNC, _UPDATE)) + varbytes(edit)

    def have_nothing(self) -> bytes:
        """Return the answer to a server that asks what I have."""
        return self._name + bytes((_SYNC, _STEP_2)) + varbytes(EMPTY_UPDATE)

    def kind_of(self, payload: bytes) -> str:
        """Say what a server's message is: ``step 1``, ``step 2``, ``denied`` or ``other``."""
        name = self._name
        if not payload.startswith(name):
            return "other"
        first, second = (payload[len(name) :] + b"\xff\xff")[:2]
        if first in (_SYNC, 4) and second in (0, _STEP_2):
            return "step 2" if second else "step 1"
        is_denied = first == _AUTH and second == (0 if self.dialect is Dialect.PLAIN else 1)
        return "denied" if is_denied else "other"
