"""How long to wait before trying again: full jitter under a doubling ceiling."""

from __future__ import annotations

from random import Random

from protocol.limits import RECONNECT_DELAY_MAX_S, RECONNECT_DELAY_MIN_S


class Backoff:
    """Delays of one row of failures. Random, so that a thousand clients do not come at once."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._failures = 0

    def next_s(self) -> float:
        """Return the next delay in seconds; the ceiling doubles with every call."""
        ceiling = min(RECONNECT_DELAY_MAX_S, RECONNECT_DELAY_MIN_S * 2 ** min(self._failures, 32))
        self._failures += 1
        return self._rng.uniform(0.0, ceiling)

    def reset(self) -> None:
        """Start over at the lowest ceiling: something worked."""
        self._failures = 0
