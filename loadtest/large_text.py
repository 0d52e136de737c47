"""A large shared text as ready bytes: many small items, as years of typing leave them.

Every piece is written before the one before it, so that no library joins them into one item: what
opens such a document has a piece of work for every 64 characters. The encoding is that of
``loadtest.edits``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from loadtest.edits import ROOT, varint

PIECE_LEN: Final = 64  # ASCII characters of one item.
UPDATE_ITEMS: Final = 3_000  # About 230 kB: an update fits a frame.
_TEXT: Final = 4
_BEFORE: Final = 0x40  # The item that it was written before is named.


def large_updates(client_id: int, size_bytes: int, *, root: str = ROOT) -> Iterator[bytes]:
    """Yield updates that make a document of about *size_bytes* together, to be sent in order.

    Number n (from 0) begins with the piece ``~0.n~…``: who has all of these has it all.
    """
    client = varint(client_id)
    name = root.encode()
    clock = made = number = 0
    while made < size_bytes:
        head = b"\x01" + varint(UPDATE_ITEMS) + client + varint(clock)
        items = []
        for item in range(UPDATE_ITEMS):
            if clock == 0:
                place = bytes((_TEXT, 1)) + varint(len(name)) + name
            else:
                place = bytes((_TEXT | _BEFORE,)) + client + varint(clock - PIECE_LEN)
            said = f"~0.{number}~" if item == 0 else f"{clock} said, and then "
            items.append(place + varint(PIECE_LEN) + said.ljust(PIECE_LEN, "-").encode())
            clock += PIECE_LEN
        update = head + b"".join(items) + b"\x00"
        made += len(update)
        number += 1
        yield update
