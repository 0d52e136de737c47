"""Every bound of the kernel that is not a setting of a kind or a system, with its reason."""

from __future__ import annotations

from typing import Final

REPLAY_PAGE_LEN: Final = 1_000  # Records per read at activation: a few ms of evolving.
QUARANTINE_S: Final = 60.0  # A damaged history does not heal; look again once a minute.
ACTIVE_RETRY_S: Final = 1.0  # Advice when the system is at active_max: one passivation later.
RING_AWAKE_LEN: Final = 256  # Newest items of a ring that stay ready to be sent: a whole batch.
TIMERS_STEP_S: Final = 0.005  # Between turns of the timers: each wakes the process.
TIMERS_CANCELLED_MAX: Final = 64  # Cancelled timers that may lie in a small heap.

assert REPLAY_PAGE_LEN > 0
