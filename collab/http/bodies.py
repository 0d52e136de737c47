"""Bodies of requests while they come: bounded in time, each in size, and together in memory.

Whoever sends a body makes the server hold it, so three bounds stand around every one that is read:
``HTTP_BODY_TIMEOUT_S`` for all of it, the route's own size, and what all bodies together may hold
at one moment. That last one is shared out: people who have signed in have one share, everybody else
(guests, webhooks) another, and of either one user or address has a small part. So strangers cannot
keep people from sending, and nobody keeps all others from it.

A body counts until its request is answered. Routes sign in before they read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import trio
from attrs import define, field, frozen
from starlette.requests import ClientDisconnect, Request

from collab.identity.claims import is_guest_id
from collab.limits import (
    HTTP_BODIES_HOLDER_BYTES_MAX,
    HTTP_BODIES_PEOPLE_BYTES_MAX,
    HTTP_BODIES_RETRY_MS,
    HTTP_BODIES_STRANGERS_BYTES_MAX,
    HTTP_BODY_TIMEOUT_S,
)
from protocol.errors import WireError


@define(eq=False)
class Share:
    """What some of the senders may have the server hold."""

    bytes_max: int
    held: int = 0
    _by_holder: Counter[str] = field(factory=Counter, init=False, repr=False)

    @asynccontextmanager
    async def body_of(
        self, request: Request, holder: str, *, bytes_max: int
    ) -> AsyncIterator[bytes]:
        """Read the body of *request*, sent by *holder*; it counts while the block runs.

        Raises:
          WireError: ``limit_exceeded``, more than *bytes_max*; ``deadline_exceeded``, not whole
            within ``HTTP_BODY_TIMEOUT_S``; ``rate_limited``, *holder* sends too much at once;
            ``overloaded``, all do; ``bad_request``, the sender has gone.

        Cancelled: nothing is held any more.
        """
        body = bytearray()
        try:
            try:
                with trio.fail_after(HTTP_BODY_TIMEOUT_S):
                    await self._read(request, holder, body, bytes_max)
            except trio.TooSlowError:
                raise WireError("deadline_exceeded", "the body did not come in time") from None
            except ClientDisconnect:
                raise WireError("bad_request", "the body did not come whole") from None
            yield bytes(body)
        finally:
            self._uncount(holder, len(body))

    async def _read(self, request: Request, holder: str, body: bytearray, bytes_max: int) -> None:
        """Put the body of *request* into *body*, whose every byte is counted."""
        too_large = WireError("limit_exceeded", f"a body has at most {bytes_max} bytes here")
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared[:20]) > bytes_max:
            raise too_large
        async with aclosing(request.stream()) as stream:
            async for part in stream:
                if len(body) + len(part) > bytes_max:
                    raise too_large
                self._count(holder, len(part))
                body += part

    def _count(self, holder: str, size: int) -> None:
        if self._by_holder[holder] + size > HTTP_BODIES_HOLDER_BYTES_MAX:
            message = "you are sending too much at once"
            raise WireError("rate_limited", message, retry_after_ms=HTTP_BODIES_RETRY_MS)
        if self.held + size > self.bytes_max:
            message = "too much is being sent at once"
            raise WireError("overloaded", message, retry_after_ms=HTTP_BODIES_RETRY_MS)
        self.held += size
        self._by_holder[holder] += size

    def _uncount(self, holder: str, size: int) -> None:
        self.held -= size
        self._by_holder[holder] -= size
        if self._by_holder[holder] <= 0:
            del self._by_holder[holder]


@frozen
class Bodies:
    """The shares of one server."""

    people: Share = field(factory=lambda: Share(HTTP_BODIES_PEOPLE_BYTES_MAX))
    strangers: Share = field(factory=lambda: Share(HTTP_BODIES_STRANGERS_BYTES_MAX))

    def of_user(self, user_id: str) -> Share:
        """Return the share of whoever has signed in as *user_id*: anybody can be a guest."""
        return self.strangers if is_guest_id(user_id) else self.people
