"""Tickets: one-use tokens for places where a token must stand in a URL.

URLs are kept in logs, histories and ``Referer`` headers, where a token would go on working. A
ticket works once and for ``TICKET_TTL_S``, so what is kept is worth nothing. It speaks for whom the
token spoke that it was got with: same user, same claims, same end. Tickets live in memory only,
as digests; a restart forgets them, and clients ask for a fresh one for each connection anyway.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter, OrderedDict
from typing import Final

import trio
from attrs import define, field, frozen

from collab.errors import RateLimited
from collab.identity.limits import (
    TICKET_BYTES,
    TICKET_TTL_S,
    TICKETS_MAX,
    TICKETS_PER_USER_MAX,
)
from protocol.gateway import Identity

TICKET_PREFIX: Final = "ticket_"


@frozen
class _Held:
    identity: Identity
    ends_s: float


@define(eq=False)
class TicketLedger:
    """The tickets that were given and not used. All have one lifetime: the oldest ends first."""

    _held: OrderedDict[bytes, _Held] = field(factory=OrderedDict, init=False, repr=False)
    _by_user: Counter[str] = field(factory=Counter, init=False, repr=False)

    def issue(self, identity: Identity) -> str:
        """Return a ticket for *identity*.

        Raises:
          RateLimited: the user, or all users together, have too many that were not used.
        """
        self._drop_ended()
        is_crowded = self._by_user[identity.user_id] >= TICKETS_PER_USER_MAX
        if is_crowded or len(self._held) >= TICKETS_MAX:
            oldest = next(
                held
                for held in self._held.values()
                if not is_crowded or held.identity.user_id == identity.user_id
            )
            after_ms = round((oldest.ends_s - trio.current_time()) * 1000)
            raise RateLimited("too many tickets that were not used", max(after_ms, 1))
        ticket = TICKET_PREFIX + secrets.token_urlsafe(TICKET_BYTES)
        self._held[_digest(ticket)] = _Held(identity, trio.current_time() + TICKET_TTL_S)
        self._by_user[identity.user_id] += 1
        return ticket

    def redeem(self, ticket: str) -> Identity | None:
        """Return whom *ticket* speaks for, this one time; None if it is not good (any more)."""
        self._drop_ended()
        held = self._held.pop(_digest(ticket), None)
        if held is None:
            return None
        self._uncount(held)
        return held.identity

    def _drop_ended(self) -> None:
        now_s = trio.current_time()
        while self._held:
            first = next(iter(self._held.values()))
            if first.ends_s > now_s:
                return
            self._held.popitem(last=False)
            self._uncount(first)

    def _uncount(self, held: _Held) -> None:
        user_id = held.identity.user_id
        self._by_user[user_id] -= 1
        if not self._by_user[user_id]:
            del self._by_user[user_id]

    def __len__(self) -> int:
        """Return how many were given and not used."""
        return len(self._held)


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).digest()
