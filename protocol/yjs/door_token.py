"""The end of a token: a fresh one is asked for in good time, and missed after a grace.

As for sessions of the wire, what a token has left is read off the wall clock once, when it comes:
a clock that goes back or stands afterwards lengthens no visit.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from protocol.deadlines import Alarm, DeadlineWheel
from protocol.limits import TOKEN_GRACE_S, TOKEN_REFRESH_MARGIN_S


class TokenWatch:
    """Calls *on_asking* once before a token ends, and *on_end* ``TOKEN_GRACE_S`` after it did."""

    __slots__ = ("_alarm", "_clock_ms", "_ends_at_s", "_has_asked", "_on_asking", "_on_end")

    def __init__(
        self,
        wheel: DeadlineWheel,
        clock_ms: Callable[[], int],
        *,
        on_asking: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self._alarm = Alarm(wheel, self._due)
        self._clock_ms = clock_ms
        self._ends_at_s = 0.0  # Of trio's clock.
        self._has_asked = False
        self._on_asking = on_asking
        self._on_end = on_end

    def start(self, expires_at_ms: int | None) -> None:
        """Watch a token that ends at *expires_at_ms* of Unix time (None: never) from now on."""
        self._alarm.stop()
        if expires_at_ms is not None:
            left_s = (expires_at_ms - self._clock_ms()) / 1000
            self._ends_at_s = trio.current_time() + left_s
            self._has_asked = False
            self._set(max(left_s - TOKEN_REFRESH_MARGIN_S, left_s / 2))

    def stop(self) -> None:
        """Watch nothing."""
        self._alarm.stop()

    def _due(self) -> None:
        left_s = self._ends_at_s + TOKEN_GRACE_S - trio.current_time()
        if self._has_asked and left_s <= 0:
            self._on_end()
            return
        self._set(left_s)
        if not self._has_asked:
            self._has_asked = True
            self._on_asking()

    def _set(self, in_s: float) -> None:
        self._alarm.set(trio.current_time() + in_s)
