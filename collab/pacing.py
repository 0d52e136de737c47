"""How often what can wait is sent: seldom, while a port of ours does not get to read everything.

Carets and batches of speech are the work that yields first (spec W5.14): what is sent less often
carries more at once, so nothing is lost but smoothness, and all that is left is for what cannot
wait.
"""

from __future__ import annotations

from actors import Pace
from collab.limits import (
    BATCH_INTERVAL_MAX_S,
    BATCH_INTERVAL_S,
    PRESENCE_INTERVAL_MAX_S,
    PRESENCE_INTERVAL_S,
)


class Pacing:
    """One per app; shared by all its live actors."""

    def __init__(self, batch_interval_s: float = BATCH_INTERVAL_S) -> None:
        self.batches = Pace(batch_interval_s)
        self.presence = Pace(PRESENCE_INTERVAL_S)
        self._batch_interval_s = batch_interval_s
        self._ports_strained = 0

    def strain(self, is_strained: bool) -> None:  # noqa: FBT001 - a callback, ``Pressure.on_strain``
        """A port has fallen behind, or has caught up. Slow while there is one that is behind."""
        self._ports_strained += 1 if is_strained else -1
        is_slow = self._ports_strained > 0
        self.batches.interval_s = BATCH_INTERVAL_MAX_S if is_slow else self._batch_interval_s
        self.presence.interval_s = PRESENCE_INTERVAL_MAX_S if is_slow else PRESENCE_INTERVAL_S
