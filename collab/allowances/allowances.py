"""All allowances of a server: asked at the gateway's door, before a call costs anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collab.allowances.allowance import DEFAULTS, Allowance
from collab.allowances.spending import Buckets, Spending, Windows
from collab.errors import RateLimited
from protocol.proxies import address_key


class Allowances:
    """What each action's callers may still do.

    Args:
      clock_s: Seconds that never go back.
      by_action: What is allowed; an action that is not in it is not counted.
    """

    def __init__(
        self, clock_s: Callable[[], float], by_action: Mapping[str, Allowance] = DEFAULTS
    ) -> None:
        self._clock_s = clock_s
        self._table: dict[str, tuple[bool, Spending]] = {
            action: (
                allowance.per == "address",
                Windows(allowance) if allowance.shape == "window" else Buckets(allowance),
            )
            for action, allowance in by_action.items()
        }
        self.actions = frozenset(by_action)
        self.refused = 0

    def spend(self, action: str, *, user_id: str, address: str) -> None:
        """Count one *action* of this user at this address ("host" or "host:port").

        Raises:
          RateLimited: it was one too many, and was not counted; says when to come back.
        """
        found = self._table.get(action)
        if found is None:
            return
        by_address, spending = found
        holder = network_of(address) if by_address else user_id
        wait_ms = spending.spend(holder, self._clock_s())
        if wait_ms:
            self.refused += 1
            raise RateLimited(f"too many {action} in a short time", wait_ms)


def network_of(address: str) -> str:
    """Return whom *address* ("host:port", IPv6 in brackets, or a host) counts for.

    An IPv4 address or an IPv6 site, as ``protocol.port`` counts connections: a new address of
    one's own site makes no new customer. What is no address counts for itself.
    """
    host, _, port = address.rpartition(":")
    for candidate in (host.strip("[]"), address.strip("[]")) if port.isdecimal() else (address,):
        try:
            return address_key(candidate)
        except ValueError:
            continue
    return address
