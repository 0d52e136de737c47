"""The end of a token: a fresh one is asked for in good time, and missed after a grace."""

from __future__ import annotations

from collections.abc import Callable

import trio

from protocol.deadlines import Alarm, DeadlineWheel
from protocol.limits import TOKEN_GRACE_S, TOKEN_REFRESH_MARGIN_S


class TokenWatch:
    """Calls *on_asking* once before a token ends, and *on_end* ``TOKEN_GRACE_S`` after it did."""

    __slots__ = ("_alarm", "_clock_ms", "_expires_at_ms", "_has_asked", "_on_asking", "_on_end")

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
        self._expires_at_ms = 0
        self._has_asked = False
        self._on_asking = on_asking
        self._on_end = on_end

    def start(self, expires_at_ms: int | None) -> None:
        """Watch a token that ends at *expires_at_ms* of Unix time (None: never) from now on."""
        self._alarm.stop()
        if expires_at_ms is not None:
            self._expires_at_ms = expires_at_ms
            self._has_asked = False
            left_s = self._left_s()
            self._set(max(left_s - TOKEN_REFRESH_MARGIN_S, left_s / 2))

    def stop(self) -> None:
        """Watch nothing."""
        self._alarm.stop()

    def _due(self) -> None:
        left_s = self._left_s() + TOKEN_GRACE_S
        if self._has_asked and left_s <= 0:
            self._on_end()
            return
        self._set(left_s)
        if not self._has_asked:
            self._has_asked = True
            self._on_asking()

    def _set(self, in_s: float) -> None:
        self._alarm.set(trio.current_time() + in_s)

    def _left_s(self) -> float:
        return (self._expires_at_ms - self._clock_ms()) / 1000
