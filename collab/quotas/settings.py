"""How many messages a day, for whom, and when a day begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from collab.kind import Caller
from collab.timers import find_zone

ANONYMOUS: Final = "anonymous"  # Guests, whatever the model.
SIGNED_IN: Final = "signed_in"
PRO: Final = "pro"  # People who have signed in, with a model that is named as one.
POOLS: Final = (ANONYMOUS, SIGNED_IN, PRO)
ZONE_DEFAULT: Final = "America/Los_Angeles"


@frozen(kw_only=True)
class QuotaSettings:
    """Messages a day and person, by pool; 0: as many as they like.

    Raises:
      ValueError: there is no such time zone.
    """

    anonymous: int = 0
    signed_in: int = 0
    pro: int = 0
    pro_models: frozenset[str] = frozenset()
    zone: str = field(default=ZONE_DEFAULT)

    def __attrs_post_init__(self) -> None:
        find_zone(self.zone)

    @property
    def by_pool(self) -> Mapping[str, int]:
        """Pool to messages a day, of those that are limited."""
        limits = {ANONYMOUS: self.anonymous, SIGNED_IN: self.signed_in, PRO: self.pro}
        return {pool: limit for pool, limit in limits.items() if limit}

    def pool_of(self, caller: Caller, model: str | None) -> str | None:
        """Return which pool a message of *caller*'s counts in; None: it does not count.

        Services (transcribers, bots) are bounded by their scopes and rates, not by a day's quota.
        """
        if caller.scopes is not None:
            return None
        signed_in = PRO if model in self.pro_models else SIGNED_IN
        pool = ANONYMOUS if caller.is_guest else signed_in
        return pool if pool in self.by_pool else None
