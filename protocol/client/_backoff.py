"""How long to wait before trying again: full jitter under a ceiling that doubles and rests."""

from __future__ import annotations

from random import Random

from protocol.limits import (
    RECONNECT_DELAY_MAX_S,
    RECONNECT_DELAY_MIN_S,
    RECONNECT_DELAY_SOON_S,
    RECONNECT_SOON_TRIES,
)


def reconnect_ceiling_s(failures: int) -> float:
    """Return the longest wait in seconds after so many failures in a row, none included.

    It doubles up to what suits a server that restarts, stays there for a while, and doubles on up
    to what suits one that is gone.
    """
    if failures < RECONNECT_SOON_TRIES:
        return min(RECONNECT_DELAY_SOON_S, RECONNECT_DELAY_MIN_S * 2.0**failures)
    late = min(failures - RECONNECT_SOON_TRIES, 32)
    return min(RECONNECT_DELAY_MAX_S, RECONNECT_DELAY_SOON_S * 2.0 ** (late + 1))


class Backoff:
    """Delays of one row of failures. Random, so that a thousand clients do not come at once."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._failures = 0

    def next_s(self) -> float:
        """Return the next delay in seconds."""
        ceiling = reconnect_ceiling_s(self._failures)
        self._failures += 1
        return self._rng.uniform(0.0, ceiling)

    def reset(self) -> None:
        """Start over at the lowest ceiling: something worked."""
        self._failures = 0
