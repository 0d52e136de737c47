"""Restart intensity: how many crashes are too many. Pure; time comes in from outside."""

from __future__ import annotations

from collections import deque


class Intensity:
    """Counts one actor's crashes. More than *restarts_max* within *period_s* is too many."""

    __slots__ = ("_crashed_at", "_period_s")

    def __init__(self, restarts_max: int, period_s: float) -> None:
        self._period_s = period_s
        self._crashed_at: deque[float] = deque(maxlen=restarts_max + 1)

    def is_exceeded_by(self, now: float) -> bool:
        """Count a crash at *now* (seconds, never decreasing); say whether it is one too many."""
        self._crashed_at.append(now)
        return (
            len(self._crashed_at) == self._crashed_at.maxlen
            and now - self._crashed_at[0] <= self._period_s
        )
