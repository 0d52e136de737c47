"""Bounds of durable timers, with their reasons."""

from __future__ import annotations

from typing import Final

SHARD_COUNT: Final = 32  # Never changes: it says where a timer is.
TIMERS_MAX: Final = 10_000  # Of a shard: 1 MB in a snapshot.
TIMERS_PER_TARGET_MAX: Final = 100
PAST_MAX: Final = 4_096  # Of a shard: what is over is known, so that a late signal revives nothing.
FIRED_AT_ONCE_MAX: Final = 200  # One batch; what is left follows right after.
TIMER_NAME_LEN_MAX: Final = 64
CRON_LEN_MAX: Final = 100
ZONE_LEN_MAX: Final = 64
AFTER_MS_MAX: Final = 10 * 366 * 86_400_000
AT_MS_MAX: Final = 253_402_300_799_000  # The end of the year 9999.
