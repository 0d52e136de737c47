"""Local edits that the server has not acknowledged yet. No I/O.

Yjs updates may be merged, sent twice and applied in any order, so what waits is kept merged: a
day of typing without a connection is a few hundred kilobytes and a few calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from pycrdt import merge_updates

from collab.limits import NOTES_SEND_BYTES_MAX, NOTES_UNSENT_UPDATES_MAX

EMPTY: Final = b"\x00\x00"  # The update that changes nothing.


class Unsent:
    """A queue of updates, oldest first."""

    def __init__(self) -> None:
        self._updates: deque[bytes] = deque()
        self._taken = 0  # How many of the oldest are on their way.

    def __bool__(self) -> bool:
        return bool(self._updates)

    def add(self, update: bytes) -> None:
        """Queue one more edit."""
        self._updates.append(update)
        if len(self._updates) > 2 * NOTES_UNSENT_UPDATES_MAX:
            self._compact()

    def take(self) -> bytes | None:
        """Return what to send next; it stays here until :meth:`settle`. None: nothing."""
        self._taken = 0
        taken_bytes = 0
        for update in self._updates:
            if self._taken and taken_bytes + len(update) > NOTES_SEND_BYTES_MAX:
                break
            self._taken += 1
            taken_bytes += len(update)
        taken = [self._updates[n] for n in range(self._taken)]
        return merged(taken) if taken else None

    def settle(self) -> None:
        """What was taken last is acknowledged."""
        for _ in range(self._taken):
            self._updates.popleft()
        self._taken = 0

    def everything(self) -> bytes:
        """Return all that is queued as one update."""
        return merged(self._updates)

    def clear(self) -> bytes:
        """Forget everything; return it as one update."""
        everything = self.everything()
        self._updates.clear()
        self._taken = 0
        return everything

    def replace(self, update: bytes) -> None:
        """Queue only *update*, which holds everything that was queued."""
        self.clear()
        if update != EMPTY:
            self._updates.append(update)

    def _compact(self) -> None:
        """Merge what is not on its way, in pieces that can be sent."""
        kept = deque(self._updates.popleft() for _ in range(self._taken))
        piece: list[bytes] = []
        piece_bytes = 0
        for update in self._updates:
            if piece and piece_bytes + len(update) > NOTES_SEND_BYTES_MAX:
                kept.append(merged(piece))
                piece, piece_bytes = [], 0
            piece.append(update)
            piece_bytes += len(update)
        if piece:
            kept.append(merged(piece))
        self._updates = kept


def merged(updates: Iterable[bytes]) -> bytes:
    """Return *updates* as one."""
    several: Sequence[bytes] = list(updates)
    if len(several) == 1:
        return several[0]
    return merge_updates(*several) if several else EMPTY
