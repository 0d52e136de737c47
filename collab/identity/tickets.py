"""Tickets: one-use tokens for places where a token must stand in a URL.

URLs are kept in logs, histories and ``Referer`` headers, where a token would go on working. A
ticket works once and for ``TICKET_TTL_S``, so what is kept is worth nothing. It speaks for whom the
token spoke that it was got with: same user, same claims, same end. Tickets live in memory only,
as digests; a restart forgets them, and clients ask for a fresh one for each connection anyway.

When there are too many, whoever holds most of them gives way to whoever holds at least two fewer:
nobody can use everybody's up. Anybody can be any number of guests, so guests have room of their
own, and few tickets each.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from typing import Final

import trio
from attrs import define, field, frozen

from collab.errors import RateLimited
from collab.identity.claims import is_guest_id
from collab.identity.limits import (
    TICKET_BYTES,
    TICKET_TTL_S,
    TICKETS_MAX,
    TICKETS_OF_GUESTS_MAX,
    TICKETS_PER_GUEST_MAX,
    TICKETS_PER_USER_MAX,
)
from protocol.gateway import Identity

TICKET_PREFIX: Final = "ticket_"


@frozen
class _Held:
    identity: Identity
    ends_s: float


@define(eq=False)
class _Room:
    """The tickets of some users. All have one lifetime: the oldest ends first."""

    total_max: int
    per_user_max: int
    held: OrderedDict[bytes, _Held] = field(factory=OrderedDict, init=False, repr=False)
    # User -> their tickets, the oldest first; and users by how many they hold.
    by_user: dict[str, dict[bytes, None]] = field(factory=dict, init=False, repr=False)
    by_count: dict[int, dict[str, None]] = field(factory=dict, init=False, repr=False)

    def make_room(self, user_id: str) -> None:
        """See that *user_id* may have one more. Raises: RateLimited."""
        own = len(self.by_user.get(user_id, ()))
        if own >= self.per_user_max:
            raise self._refusal(next(iter(self.by_user[user_id])))
        if len(self.held) < self.total_max:
            return
        most = max(self.by_count)  # Of at most ``per_user_max`` different counts.
        if most < own + 2:
            raise self._refusal(next(iter(self.held)))
        holder = next(iter(self.by_count[most]))
        self.take(next(iter(self.by_user[holder])))

    def put(self, digest: bytes, held: _Held) -> None:
        """Keep a ticket for which there is room."""
        user_id = held.identity.user_id
        self.held[digest] = held
        own = self.by_user.setdefault(user_id, {})
        own[digest] = None
        self._recount(user_id, len(own) - 1, len(own))

    def take(self, digest: bytes) -> _Held | None:
        """Return a ticket and forget it; None if it is not there."""
        held = self.held.pop(digest, None)
        if held is None:
            return None
        user_id = held.identity.user_id
        own = self.by_user[user_id]
        del own[digest]
        self._recount(user_id, len(own) + 1, len(own))
        if not own:
            del self.by_user[user_id]
        return held

    def drop_ended(self) -> None:
        """Forget what is over."""
        now_s = trio.current_time()
        while self.held:
            digest, first = next(iter(self.held.items()))
            if first.ends_s > now_s:
                return
            self.take(digest)

    def _recount(self, user_id: str, before: int, after: int) -> None:
        if before:
            del self.by_count[before][user_id]
            if not self.by_count[before]:
                del self.by_count[before]
        if after:
            self.by_count.setdefault(after, {})[user_id] = None

    def _refusal(self, ends_first: bytes) -> RateLimited:
        after_ms = round((self.held[ends_first].ends_s - trio.current_time()) * 1000)
        return RateLimited("too many tickets that were not used", max(after_ms, 1))


@define(eq=False)
class TicketLedger:
    """The tickets that were given and not used."""

    _people: _Room = field(factory=lambda: _Room(TICKETS_MAX, TICKETS_PER_USER_MAX), init=False)
    _guests: _Room = field(
        factory=lambda: _Room(TICKETS_OF_GUESTS_MAX, TICKETS_PER_GUEST_MAX), init=False
    )

    def issue(self, identity: Identity) -> str:
        """Return a ticket for *identity*; somebody who holds more may lose their oldest one.

        Raises:
          RateLimited: the user has too many that were not used, or all together have and nobody
            holds two more than this one.
        """
        room = self._guests if is_guest_id(identity.user_id) else self._people
        room.drop_ended()
        room.make_room(identity.user_id)
        ticket = TICKET_PREFIX + secrets.token_urlsafe(TICKET_BYTES)
        room.put(_digest(ticket), _Held(identity, trio.current_time() + TICKET_TTL_S))
        return ticket

    def redeem(self, ticket: str) -> Identity | None:
        """Return whom *ticket* speaks for, this one time; None if it is not good (any more)."""
        digest = _digest(ticket)
        for room in (self._people, self._guests):
            room.drop_ended()
            held = room.take(digest)
            if held is not None:
                return held.identity
        return None

    def __len__(self) -> int:
        """Return how many were given and not used."""
        return len(self._people.held) + len(self._guests.held)


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).digest()
