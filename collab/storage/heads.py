"""Where each known actor's history ends, including batches that are still on their way to disk.

Every actor with records in the tail is known; of the others a bounded number is remembered.
Who is not known has to be looked up on disk. An append counts at once, before it is durable:
if its commit fails, nothing is ever appended again, so there is nothing to take back.
"""

from __future__ import annotations

from collab.storage.limits import IDLE_HEADS_MAX


class Heads:
    """actor -> the seq of its newest record."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._idle: dict[str, None] = {}  # Known, without tail records; oldest first.

    def get(self, actor_id: str) -> int | None:
        """Return the newest seq, or None if it has to be looked up."""
        return self._known.get(actor_id)

    def advance(self, actor_id: str, seq: int) -> None:
        """Note that *actor_id* has written up to *seq*: it is in the tail, or on its way there."""
        self._known[actor_id] = seq
        self._idle.pop(actor_id, None)

    def rest(self, actor_id: str, seq: int) -> None:
        """Note that *actor_id* ends at *seq* and has no tail records. May drop the oldest such."""
        self._known[actor_id] = seq
        self._idle[actor_id] = None
        if len(self._idle) > IDLE_HEADS_MAX:
            oldest = next(iter(self._idle))
            del self._idle[oldest], self._known[oldest]

    def is_resting(self, actor_id: str) -> bool:
        """Say whether all of a known actor's records left the tail."""
        return actor_id in self._idle
