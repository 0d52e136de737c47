"""Says when a server falls behind its clients, so that new work is refused, not queued.

What cannot be served at once waits in the sockets, where nobody counts it: answers come late, and
later still for as long as more comes in than goes out. One sign is sure: the task that reads for
all leaves sockets unread at the end of its turn, turn after turn. A burst is read within some
turns. What lasts for ``STRAIN_AFTER_S`` is strain: what can be done less often is (``on_strain``),
until all was read for ``STRAIN_CALM_S``. What lasts for ``OVERLOAD_AFTER_S`` is more than we can
do: new calls are refused before they cost anything, with a time to come back, until a turn has
read everything.

Yjs clients are not refused: they have no answer that says "later", and would reconnect, which
costs more. Their edits wait, and what they wait for is the work that is refused to others.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from protocol.limits import OVERLOAD_AFTER_S, STRAIN_AFTER_S, STRAIN_CALM_S


def _ignore(_is_strained: bool) -> None:  # noqa: FBT001 - the callback's one argument
    return


class Pressure:
    """One per server: written by the task that reads, read by whoever admits work."""

    __slots__ = ("_behind_since_s", "_read_since_s", "is_high", "is_strained", "on_strain", "times")

    def __init__(self) -> None:
        self.is_strained = False
        self.is_high = False
        self.times = 0  # It has become high.
        self.on_strain: Callable[[bool], None] = _ignore  # Told of each change of ``is_strained``.
        self._behind_since_s: float | None = None
        self._read_since_s: float | None = None  # Only of interest under strain.

    def turn_over(self, *, is_all_read: bool) -> None:
        """Note how a turn of the reading task ended."""
        if is_all_read:
            self._behind_since_s = None
            self.is_high = False
            if self.is_strained:
                self._recover()
            return
        self._read_since_s = None
        now_s = trio.current_time()
        if self._behind_since_s is None:
            self._behind_since_s = now_s
            return
        behind_s = now_s - self._behind_since_s
        if not self.is_strained and behind_s >= STRAIN_AFTER_S:
            self._strain(to=True)
        if not self.is_high and behind_s >= OVERLOAD_AFTER_S:
            self.is_high = True
            self.times += 1

    def relax(self) -> None:
        """Strain nobody any more: the port is closed."""
        if self.is_strained:
            self._strain(to=False)

    def _recover(self) -> None:
        now_s = trio.current_time()
        if self._read_since_s is None:
            self._read_since_s = now_s
        elif now_s - self._read_since_s >= STRAIN_CALM_S:
            self._strain(to=False)

    def _strain(self, *, to: bool) -> None:
        self.is_strained = to
        self._read_since_s = None
        self.on_strain(to)
