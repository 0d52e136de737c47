"""The commonest update of all, read in a glance: somebody types the next words at one place.

A *stroke* is one struct of one client: ASCII text of less than 128 bytes, put beside what is known,
and no deletions. What a walk and a plan would find out about it is in its dozen bytes:

::

    1, 1, client, clock, flags+4, left origin?, right origin?, length, text, 0

Whatever is not exactly that is no stroke, and is walked. What *is* one is judged by the same
questions: ``NestingIndex.level_of`` answers those that need the document, and where the answer is
anything but a plain yes it is walked as well, so that every refusal is the walk's. The tests hold
both ways against each other. Standard library only.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from protocol.yjs._varint import BadVarint, read_varuint
from protocol.yjs.limits import CLOCK_MAX
from protocol.yjs.report import Id

_HEAD: Final = b"\x01\x01"  # One section, one struct.
_TEXTS: Final = frozenset({0x84, 0x44, 0xC4})  # After something, before it, between two.
_HAS_LEFT: Final = 0x80
_HAS_RIGHT: Final = 0x40
_BYTES_MAX: Final = 192  # With the largest numbers all around 127 bytes of text.


class Stroke(NamedTuple):
    """Clocks ``clock`` to ``end`` of *client*, put after ``left``, before ``right``, or between."""

    client: int
    clock: int
    end: int
    left: Id | None
    right: Id | None


def read_stroke(update: bytes) -> Stroke | None:
    """Return what *update* says, or None if it is no stroke, or none that could be taken."""
    if len(update) > _BYTES_MAX or not update.startswith(_HEAD):
        return None
    left = right = None
    try:
        client, pos = read_varuint(update, 2)
        clock, pos = read_varuint(update, pos)
        flags = update[pos]
        pos += 1
        if flags not in _TEXTS:
            return None
        if flags & _HAS_LEFT:
            at, pos = read_varuint(update, pos)
            left_clock, pos = read_varuint(update, pos)
            left = (at, left_clock)
        if flags & _HAS_RIGHT:
            at, pos = read_varuint(update, pos)
            right_clock, pos = read_varuint(update, pos)
            right = (at, right_clock)
        length = update[pos]
    except (IndexError, BadVarint):
        return None
    start = pos + 1
    is_whole = 0 < length < 128 and start + length + 1 == len(update) and not update[-1]
    if not is_whole or left == right or not update[start:-1].isascii():
        return None
    end = clock + length
    return Stroke(client, clock, end, left, right) if end <= CLOCK_MAX else None
