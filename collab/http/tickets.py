"""Tickets, and guests, over HTTP.

::

    POST /v1/tickets         a token in ``Authorization`` -> a ticket for a URL, once, within 30 s
    POST /v1/guests          nothing, or a guest's token  -> a new guest, or a fresh token for it
    POST /v1/guests/claim    a user's token; {"token": the guest's} -> what the guest has is theirs

A ticket stands where a token would, as in ``wss://HOST/yjs/m1?token=ticket_...``. Clients that
connect again by themselves (y-websocket) need a fresh one each time: ask for it before connecting,
and after every close.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from attrs import frozen
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from actors import ActorSystem
from collab.http.bodies import Bodies
from collab.http.calling import peer_of, refusal, sign_in, token_of
from collab.identity.authenticator import Doorkeeper, address_of
from collab.identity.buckets import Buckets
from collab.identity.claims import SCOPES, is_guest_id
from collab.identity.guests import guest_of, sign_guest
from collab.identity.limits import (
    CLAIM_BYTES_MAX,
    GUESTS_BURST,
    GUESTS_PER_S,
    TICKET_TTL_S,
)
from collab.identity.tickets import TICKET_PREFIX
from collab.identity.tokens import TokenRefused
from collab.user.claiming import claim
from collab.user.guest_end import renew
from collab.wire_errors import to_wire
from protocol.errors import WireError
from protocol.gateway import Gateway, Identity

_HEADERS: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
_CREATED: Final = 201


def sign_in_routes(
    gateway: Gateway, door: Doorkeeper, system: ActorSystem, bodies: Bodies, *, guests: bool
) -> Sequence[BaseRoute]:
    """Return the routes of sign-in, for ``make_http_app``; *guests*: new ones are let in."""
    desk = _Desk(gateway, door, system, bodies, guests, Buckets(GUESTS_BURST, GUESTS_PER_S))
    return [
        Route("/v1/tickets", _answering(desk.give_ticket), methods=["POST"]),
        Route("/v1/guests", _answering(desk.welcome_guest), methods=["POST"]),
        Route("/v1/guests/claim", _answering(desk.claim_guest), methods=["POST"]),
    ]


@frozen
class _Desk:
    gateway: Gateway
    door: Doorkeeper
    system: ActorSystem
    bodies: Bodies
    guests: bool
    newcomers: Buckets

    async def give_ticket(self, request: Request) -> Response:
        identity = await self._identify(request)
        ticket = self.door.tickets.issue(identity)
        body = {
            "ticket": ticket,
            "user": identity.user_id,
            "expires_in_ms": round(TICKET_TTL_S * 1000),
        }
        return JSONResponse(body, status_code=_CREATED)

    async def welcome_guest(self, request: Request) -> Response:
        signer, known = self.door.local.signer, None
        if "authorization" in request.headers:
            known = (await self._identify(request)).user_id
            if not is_guest_id(known):
                raise WireError("bad_request", "who has signed in is no guest")
            await renew(self.system, known)
        elif not self.guests:
            raise WireError("permission_denied", "nobody is let in without signing in")
        else:
            wait_s = self.newcomers.take(address_of(peer_of(request)))
            if wait_s:
                message = "too many new guests from your address"
                raise WireError("rate_limited", message, retry_after_ms=round(wait_s * 1000) + 1)
        guest = sign_guest(signer, known)
        body = {"user": guest.user_id, "token": guest.token, "expires_at_ms": guest.expires_at_ms}
        return JSONResponse(body, status_code=_CREATED)

    async def claim_guest(self, request: Request) -> Response:
        identity = await self._identify(request)
        if is_guest_id(identity.user_id) or SCOPES in identity.claims:
            raise WireError("permission_denied", "sign in as a user to claim what a guest has")
        user_id = identity.user_id
        share = self.bodies.of_user(user_id)
        async with share.body_of(request, user_id, bytes_max=CLAIM_BYTES_MAX) as body:
            given = _guest_token_in(body)
        try:
            guest_id = guest_of(self.door.local.signer, given)
        except TokenRefused:
            raise WireError("bad_request", "this is no guest's token") from None
        await claim(self.system, guest_id=guest_id, user_id=user_id)
        return JSONResponse({"guest": guest_id, "user": user_id})

    async def _identify(self, request: Request) -> Identity:
        if token_of(request).startswith(TICKET_PREFIX):
            raise WireError("unauthenticated", "a ticket is for opening connections")
        return (await sign_in(self.gateway, request)).identity


def _answering(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 -- every fault is an answer; to_wire logs ours
            response = refusal(to_wire(error))
        response.headers.update(dict(_HEADERS))
        return response

    return answer


def _guest_token_in(body: bytes) -> str:
    """Return what ``{"token": ...}`` in the body holds. Raises: WireError."""
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        held = None
    match held:
        case {"token": str(token)}:
            return token
    raise WireError("bad_request", 'the body is {"token": the guest\'s token}')
