"""Who has spent how much of one allowance. In memory only, bounded, forgotten at a restart.

Quotas, which people count on, are events of their owner's actor; this protects the server and the
others from somebody in a hurry, and a restart may well forgive.

Both tables hold at most ``holders_max`` names, one number or two each. Beyond it whoever has not
asked for longest is forgotten: they have most likely recovered, and who wants to be forgotten
early has to come as that many others first.
"""

from __future__ import annotations

import math
from typing import Protocol

from collab.allowances.allowance import Allowance
from collab.limits import ALLOWANCE_HOLDERS_MAX


class Spending(Protocol):
    """One allowance, and who has spent how much of it."""

    def spend(self, holder: str, now_s: float) -> int:
        """Take one off *holder*'s allowance, at *now_s* seconds of a clock that never goes back.

        Returns 0, or the milliseconds after which to ask again; then nothing was taken.
        """
        ...

    def __len__(self) -> int:
        """Return how many names are remembered."""
        ...


class Buckets:
    """A token bucket for each holder: ``count`` at once, refilled evenly over ``period_s``.

    Kept as the moment at which the bucket will be full again (the generic cell rate algorithm,
    ITU-T I.371): one number, and nobody has to refill anything.
    """

    def __init__(self, allowance: Allowance, *, holders_max: int = ALLOWANCE_HOLDERS_MAX) -> None:
        self._interval_s = allowance.period_s / allowance.count
        self._reach_s = allowance.period_s - self._interval_s
        self._holders_max = holders_max
        self._full_at_s: dict[str, float] = {}  # In the order in which they asked.

    def __len__(self) -> int:
        return len(self._full_at_s)

    def spend(self, holder: str, now_s: float) -> int:
        """See :class:`Spending`."""
        full_at_s = max(self._full_at_s.pop(holder, now_s), now_s)
        excess_s = full_at_s - now_s - self._reach_s
        # Sums of intervals are a little off: a millionth of one does not make anybody wait.
        is_granted = excess_s <= self._interval_s * 1e-6
        self._full_at_s[holder] = full_at_s + self._interval_s if is_granted else full_at_s
        if len(self._full_at_s) > self._holders_max:
            del self._full_at_s[next(iter(self._full_at_s))]
        return 0 if is_granted else max(1, math.ceil(excess_s * 1000))


class Windows:
    """``count`` for each holder in each whole ``period_s``."""

    def __init__(self, allowance: Allowance, *, holders_max: int = ALLOWANCE_HOLDERS_MAX) -> None:
        self._count = allowance.count
        self._period_s = allowance.period_s
        self._holders_max = holders_max
        self._spent: dict[str, tuple[int, int]] = {}  # (window, spent), in the order of asking

    def __len__(self) -> int:
        return len(self._spent)

    def spend(self, holder: str, now_s: float) -> int:
        """See :class:`Spending`."""
        window = int(now_s // self._period_s)
        known_window, spent = self._spent.pop(holder, (window, 0))
        if known_window != window:
            spent = 0
        is_granted = spent < self._count
        self._spent[holder] = (window, spent + is_granted)
        if len(self._spent) > self._holders_max:
            del self._spent[next(iter(self._spent))]
        left_s = (window + 1) * self._period_s - now_s
        return 0 if is_granted else max(1, math.ceil(left_s * 1000))
