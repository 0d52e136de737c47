"""Token buckets by address: so many at once, then so many a second. Bounded, in memory only."""

from __future__ import annotations

from collections import OrderedDict

import trio
from attrs import define, field, frozen

from collab.identity.limits import ADDRESSES_MAX


@define
class _Level:
    tokens: float
    at_s: float


@frozen
class Buckets:
    """One bucket per address, full at first. Whoever was quiet for longest is forgotten first."""

    burst: int
    per_s: float
    addresses_max: int = ADDRESSES_MAX
    _levels: OrderedDict[str, _Level] = field(factory=OrderedDict, repr=False)

    def take(self, address: str) -> float:
        """Take one; return 0, or, if there is none, after how many seconds there will be one."""
        now_s = trio.current_time()
        level = self._levels.pop(address, None) or _Level(self.burst, now_s)
        level.tokens = min(level.tokens + (now_s - level.at_s) * self.per_s, self.burst)
        level.at_s = now_s
        self._levels[address] = level
        if len(self._levels) > self.addresses_max:
            self._levels.popitem(last=False)
        if level.tokens < 1:
            return (1 - level.tokens) / self.per_s
        level.tokens -= 1
        return 0.0

    def give_back(self, address: str) -> None:
        """Undo one ``take`` that was granted."""
        level = self._levels.get(address)
        if level is not None:
            level.tokens = min(level.tokens + 1, self.burst)
            if level.tokens >= self.burst:
                del self._levels[address]  # Full, as if it had never been seen.

    def __len__(self) -> int:
        """Return how many addresses are watched."""
        return len(self._levels)
