"""How fast calls leave: at once, until the server says that it is too fast.

The server counts messages by the second and counts refused ones too (``rate_limited``), so going on
as before would make it worse and at last end the connection. After a complaint calls leave one by
one, a little below the usual allowance; after a complaint about that, at half the rate. Every
``PACE_PROBE_S`` without a complaint the rate doubles: the server may allow more than usual.
"""

from __future__ import annotations

import math

from protocol.limits import MESSAGE_RATE_PER_S, PACE_PROBE_S

_SHARE = 0.9  # The rest is for pings and subscriptions.
_RATE_MIN_PER_S = 1.0


class Pace:
    """Pace of one connection. Times are trio time."""

    def __init__(self) -> None:
        self.next_at = -math.inf  # No call may leave before.
        self._rate_per_s = math.inf
        self._complaint_at = -math.inf

    def spend(self, now: float) -> None:
        """A call leaves."""
        if self._rate_per_s == math.inf:
            return
        if now >= self._complaint_at + PACE_PROBE_S:
            self._rate_per_s *= 2
            self._complaint_at = now
        self.next_at = max(self.next_at, now) + 1 / self._rate_per_s

    def slow_down(self, now: float, *, sent_at: float, wait_s: float) -> None:
        """The server refused a call that was sent at *sent_at*; it takes more in *wait_s*."""
        self.next_at = max(self.next_at, now + wait_s)
        if sent_at <= self._complaint_at:
            return  # It had left before we slowed down.
        if self._rate_per_s == math.inf:
            self._rate_per_s = MESSAGE_RATE_PER_S * _SHARE
        else:
            self._rate_per_s = max(_RATE_MIN_PER_S, self._rate_per_s / 2)
        self._complaint_at = now
