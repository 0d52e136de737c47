"""Bounds of quotas, with their reasons."""

from __future__ import annotations

from typing import Final

HOLD_MS: Final = 30_000  # A message that was held for is posted within this, or asks again.
DOUBT_MS: Final = 90_000  # Later a hold without a message is asked after, again and again,
DOUBT_DOUBLINGS_MAX: Final = 10  # after pauses that double to a day: a chat may be damaged.
# Today and tomorrow, each of 25 hours at most: a day that ends later was begun by a clock that was
# ahead. Tomorrow stays once it began, so that a clock around midnight begins no day twice.
DAY_AHEAD_MS: Final = 50 * 3_600_000
HOLDS_MAX: Final = 200  # Of one person at once: messages on their way, or lost in a crash.
HEIRS_MAX: Final = 16  # Guests whose messages one person took over in one day and is known for.
QUOTA_PER_DAY_MAX: Final = 1_000_000
PRO_MODELS_MAX: Final = 200

assert HOLD_MS < DOUBT_MS  # Who asks too late may find the hold given back.
