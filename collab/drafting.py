"""Drafts: what a command needs worked out before it can be decided, done beside its actor.

::

    gateway / app            actor                        Drafts
    Do(command)          ->  decide: Outcome(draft=...)
    Drafting(work)       <-  (goes on with others)
                         ->                               work: one of a target, few at once
    Do(the same command) ->  decide: it fits: events; it does not: Drafting again

How often is for the kind to bound.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from collab.errors import RateLimited
from collab.kind import Reader
from collab.limits import (
    DRAFTS_AT_ONCE_MAX,
    DRAFTS_PER_TARGET_MAX,
    DRAFTS_RETRY_MS,
    DRAFTS_WAITING_MAX,
)
from collab.requests import Drafting


class Drafts:
    """All that are written in an app. They mostly run in threads, which take turns with us."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._at_once = trio.CapacityLimiter(DRAFTS_AT_ONCE_MAX)
        self._waiting = 0  # Or being written.
        self._by_target: dict[str, trio.Lock] = {}  # Of targets for which any is written.

    @property
    def is_idle(self) -> bool:
        """True if none is being written or waits for its turn."""
        return not self._by_target

    async def write(self, drafting: Drafting, *, is_wanted: Callable[[], bool]) -> bool:
        """Do the work; return whether it was done, and the command is to be decided again.

        Args:
          is_wanted: asked when it is its turn.

        Raises:
          RateLimited: too many wait already. A draft holds the thing as it was, so few may.
          Exception: from the work.

        Cancelled: nothing happened.
        """
        lock = self._by_target.get(drafting.target)
        of_target = 0 if lock is None else lock.statistics().tasks_waiting
        if self._waiting >= DRAFTS_WAITING_MAX or of_target >= DRAFTS_PER_TARGET_MAX:
            raise RateLimited("too many of these wait for their turn", DRAFTS_RETRY_MS)
        if lock is None:
            lock = self._by_target[drafting.target] = trio.Lock()
        self._waiting += 1
        try:
            async with lock, self._at_once:
                if not is_wanted():
                    return False
                await drafting.work(self._reader)
                return True
        finally:
            self._waiting -= 1
            if not lock.locked() and self._by_target.get(drafting.target) is lock:
                del self._by_target[drafting.target]
