"""Edits of a shared text as ready bytes: what Yjs would make of typing at the end of one's own.

An update (Yjs' encoding, version 1) with one new item: text after the writer's last one, or the
first item of the root. No document is needed to make it, so it costs a generator 2 µs.
"""

from __future__ import annotations

from typing import Final

ROOT: Final = "text"
_TEXT: Final = 4  # Content of an item: a string;
_HAS_ORIGIN: Final = 0x80  # the item that it was written after is named.


class Typist:
    """One writer in one document; every edit builds on the one before."""

    __slots__ = ("_client", "_clock", "_root")

    def __init__(self, client_id: int, root: str = ROOT) -> None:
        """*client_id* must be the writer's own."""
        self._client = varint(client_id)
        self._clock = 0
        self._root = root.encode()

    def type(self, text: str) -> bytes:
        """Return the update that appends *text*, which must be ASCII (one clock per character)."""
        said = text.encode("ascii")
        if self._clock:
            place = bytes((_TEXT | _HAS_ORIGIN,)) + self._client + varint(self._clock - 1)
        else:
            place = bytes((_TEXT, 1)) + varint(len(self._root)) + self._root
        head = b"\x01\x01" + self._client + varint(self._clock)  # One client, one item.
        self._clock += len(said)
        return head + place + varint(len(said)) + said + b"\x00"  # Nothing deleted.


def varint(value: int) -> bytes:
    """Return *value* as lib0 writes unsigned integers: seven bits a byte, lowest first."""
    coded = bytearray()
    while value > 0x7F:
        coded.append(0x80 | value & 0x7F)
        value >>= 7
    coded.append(value)
    return bytes(coded)
