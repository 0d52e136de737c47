"""Says when a server has fallen behind its clients, so that new work is refused, not queued.

What cannot be served at once waits in the sockets, where nobody counts it: answers come late, and
later still for as long as more comes in than goes out. One sign is sure: the task that reads for
all leaves sockets unread at the end of its turn, turn after turn. A burst is read within some
turns; what lasts for ``OVERLOAD_AFTER_S`` is more than we can do. From then on new calls are
refused before they cost anything, with a time to come back, until a turn has read everything.

Yjs clients are not refused: they have no answer that says "later", and would reconnect, which
costs more. Their edits wait, and what they wait for is the work that is refused to others.
"""

from __future__ import annotations

import trio

from protocol.limits import OVERLOAD_AFTER_S


class Pressure:
    """One per server: written by the task that reads, read by whoever admits work."""

    __slots__ = ("_behind_since_s", "is_high", "times")

    def __init__(self) -> None:
        self.is_high = False
        self.times = 0  # It has become high.
        self._behind_since_s: float | None = None

    def turn_over(self, *, is_all_read: bool) -> None:
        """Note how a turn of the reading task ended."""
        if is_all_read:
            self._behind_since_s = None
            self.is_high = False
            return
        now_s = trio.current_time()
        if self._behind_since_s is None:
            self._behind_since_s = now_s
        elif not self.is_high and now_s - self._behind_since_s >= OVERLOAD_AFTER_S:
            self.is_high = True
            self.times += 1
