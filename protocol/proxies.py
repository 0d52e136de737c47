"""Who really connects, when proxies stand between.

``X-Forwarded-For`` says so, and anybody can write one. It counts only where the proxies in front
are known: from the right, which the nearest proxy wrote, each address names who was before it; the
first one that is no proxy of ours is the client. What stands left of it is what the client claims.
Without known proxies the header is never looked at.

The proxies must append to the header (or set it), as all common ones do by themselves; other
headers (``Forwarded``, ``X-Real-IP``) say nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from attrs import define, field, frozen

from protocol.limits import FORWARDED_HOPS_MAX

Headers = Iterable[tuple[bytes, bytes]]

_IPV6_SITE_BITS: Final = 64  # One subscriber owns this many addresses: they count as one.


@frozen
class Proxies:
    """The networks of the proxies in front; none by default."""

    networks: Sequence[IPv4Network | IPv6Network] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Proxies:
        """Return the proxies at *texts*, addresses or networks such as ``10.0.0.0/8``.

        Raises:
          ValueError: one of them is neither.
        """
        return cls(tuple(ip_network(text.strip()) for text in texts))

    def trusts(self, host: str) -> bool:
        """Say whether *host* is one of them."""
        address = _address(host) if self.networks else None
        return address is not None and self._has(address)

    def real_peer(self, peer: str, headers: Headers) -> str:
        """Return who connects, as ``host:port``; the port is 0 where only a proxy knows it.

        *peer* is the socket's own. An entry that is no address ends the search: then the proxy
        that passed it on is all that is known.
        """
        if not self.trusts(peer.rpartition(":")[0]):
            return peer
        for hop in _hops(headers):
            address = _address(hop)
            if address is None:
                return peer
            peer = f"[{address}]:0" if address.version == 6 else f"{address}:0"
            if not self._has(address):
                return peer
        return peer

    def _has(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)


def _hops(headers: Headers) -> Iterator[str]:
    """Yield what all ``X-Forwarded-For`` headers together say, nearest first."""
    joined = b",".join(value for name, value in headers if name.lower() == b"x-forwarded-for")
    hops = joined.decode("latin-1").rsplit(",", FORWARDED_HOPS_MAX)
    for hop in reversed(hops[-FORWARDED_HOPS_MAX:]):
        yield hop.strip()


def _address(hop: str) -> IPv4Address | IPv6Address | None:
    """Return the address in *hop*, which may have a port; None if there is none."""
    if hop.startswith("["):
        host = hop[1:].partition("]")[0]
    else:
        host = hop.partition(":")[0] if hop.count(":") == 1 else hop
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def address_key(host: str) -> str:
    """Return what *host* is counted by: an IPv4 address or an IPv6 site. Raises: ValueError."""
    address = ip_address(host.partition("%")[0])
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, _IPV6_SITE_BITS), strict=False))


@define(eq=False)
class AddressCounts:
    """How many connections each address has; no longer than the number of connections."""

    max_each: int
    _counts: dict[str, int] = field(factory=dict, init=False)

    def is_full(self, address: str) -> bool:
        """Say whether *address* may have no more."""
        return self._counts.get(address, 0) >= self.max_each

    def add(self, address: str) -> None:
        """Count one more."""
        self._counts[address] = self._counts.get(address, 0) + 1

    def remove(self, address: str) -> None:
        """Count one less."""
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]
