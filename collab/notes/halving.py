"""Characters cut in two, as Yjs cuts them: on bytes, before the CRDT library sees them.

Yjs counts text in UTF-16 units, so a client can put something between the two units of an emoji,
or delete one of them. Editors that compare strings unit by unit do: from 😀 to 😁 only the second
unit differs. Yjs then replaces either half by U+FFFD, in every replica that takes the change, so
that all of them agree. yrs does not: it keeps the character whole, miscounts, and what it writes
down afterwards has other clocks. So it never gets to see such a change: first both halves are
replaced, in the document's bytes and in the update's. They take as many clocks as before, and can
be cut. (What is imitated is ``ContentString.splice`` of Yjs.)

A *cut* is the id of a second half. ``fitting`` says which characters an update cuts. Bytes that
come here have been walked before, or were written by the CRDT library.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from collab.notes.blocks import Block, read_blocks
from protocol.yjs import Id
from protocol.yjs.limits import SLICE_UNITS
from protocol.yjs.reader import varbytes

Cuts: TypeAlias = Mapping[int, Sequence[int]]  # By client: clocks of second halves, ascending.

# The first byte of every character of two units. Numbers may hold such bytes as well.
_MAY_BE_OF_TWO_UNITS: Final = re.compile(rb"[\xf0-\xf4]")
_HALF: Final = "\ufffd".encode("utf-16-le")


def may_be_cut(update: bytes) -> bool:
    """Say whether *update* may hold characters of two units. False is certain, and quick."""
    return _MAY_BE_OF_TWO_UNITS.search(update) is not None


def grouped(halves: Iterable[Id]) -> Cuts:
    """Return *halves* by client."""
    cuts: dict[int, list[int]] = {}
    for client, clock in sorted(halves):
        cuts.setdefault(client, []).append(clock)
    return cuts


def halve(update: bytes, cuts: Cuts) -> bytes:
    """Return *update*, or a whole document, with the characters of *cuts* cut in two.

    What is not in it, or was deleted, or is cut already, stays as it is.
    """
    steps = halve_steps(update, cuts)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            halved: bytes = done.value
            return halved


def halve_steps(update: bytes, cuts: Cuts) -> Generator[None, None, bytes]:
    """As :func:`halve`, in slices of at most about 2 ms."""
    if not cuts or not may_be_cut(update):
        return update
    parts: list[bytes] = []
    done = units = 0
    for block in read_blocks(update):
        units += 1
        if units > SLICE_UNITS:
            yield
            units = 0
        if not block.text or block.client not in cuts:
            continue
        text = _cut(block, cuts[block.client])
        if text != block.text:
            parts += (update[done : block.content_start], varbytes(text.encode()))
            done = block.end
    parts.append(update[done:])
    return b"".join(parts)


def _cut(block: Block, clocks: Sequence[int]) -> str:
    """Return the words of *block*, cut before *clocks*."""
    first = bisect_right(clocks, block.clock)
    inside = clocks[first : bisect_left(clocks, block.clock + block.length)]
    if not inside:
        return block.text
    units = bytearray(block.text.encode("utf-16-le"))
    for clock in inside:
        at = clock - block.clock
        if 0xDC <= units[2 * at + 1] <= 0xDF:
            units[2 * at - 2 : 2 * at + 2] = _HALF * 2
    return units.decode("utf-16-le")
