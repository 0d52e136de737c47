"""Who is here and what they show: ephemeral, never journaled, coalesced.

``tell`` gets what changed since it was told last: at once after a quiet time, else when the
interval is over; so at most once per interval, however often members change. Only differences are
told: a change that was taken back meanwhile is none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

import trio

from actors._guard import raise_unless_crash
from actors._pace import Pace
from actors._timer import TimerHandle, Timers

_log = logging.getLogger(__name__)


class PresenceBoard:
    """See the module. Belongs to one activation; ``close`` it with the activation.

    Args:
      pace: Of calls of *tell*.
      tell: Called with the changed members' values, None for those who left. What it raises is
        logged.
    """

    def __init__(
        self,
        timers: Timers,
        *,
        pace: Pace,
        tell: Callable[[Mapping[str, object | None]], None],
    ) -> None:
        self._timers = timers
        self._pace = pace
        self._tell = tell
        self._members: dict[str, object] = {}
        self._before: dict[str, object | None] = {}  # Changed member -> value that was told last.
        self._told_at = float("-inf")
        self._timer: TimerHandle | None = None

    @property
    def members(self) -> Mapping[str, object]:
        """Everybody's newest value, as a live view."""
        return MappingProxyType(self._members)

    def set(self, member: str, value: object | None) -> None:
        """Show *value* for *member*; None: the member is gone."""
        self._before.setdefault(member, self._members.get(member))
        if value is None:
            self._members.pop(member, None)
        else:
            self._members[member] = value
        if self._timer is None:
            self._tell_or_arm()

    def close(self) -> None:
        """Tell nothing more."""
        self._before.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell_or_arm(self) -> None:
        now = trio.current_time()
        due = self._told_at + self._pace.interval_s
        if now < due:
            self._timer = self._timers.call_at(due, self._interval_over)
            return
        before, self._before = self._before, {}
        changed = {
            member: self._members.get(member)
            for member, told in before.items()
            if self._members.get(member) != told
        }
        if not changed:
            return
        self._told_at = now
        try:
            self._tell(changed)
        except BaseException as error:  # noqa: BLE001 - a callback; see _guard.
            raise_unless_crash(error)
            _log.error("telling a change of presence failed", exc_info=error)

    def _interval_over(self) -> None:
        self._timer = None
        if self._before:
            self._tell_or_arm()
