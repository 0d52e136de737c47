"""What issuers tell, over HTTP.

::

    POST /v1/webhooks/NAME     202 it counts · 409 it was heard before · 401 anything else

The answers say nothing else: not whether NAME exists, not what was wrong. 503 (come again) is for
those alone whose signature is right. A body is read up to ``WEBHOOK_BODY_BYTES_MAX``, in time, and
as part of what strangers may send at all (``collab.http.bodies``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from actors import ActorError, JournalError
from collab.errors import Conflict, RateLimited
from collab.http.bodies import Bodies
from collab.http.calling import peer_of
from collab.identity.authenticator import address_of
from collab.limits import WEBHOOK_BODY_BYTES_MAX
from collab.standing.deliveries import NotGenuine
from collab.standing.desk import StandingDesk
from protocol.errors import WireError

_log = logging.getLogger("collab.webhooks")

WEBHOOK_PATH: Final = "/v1/webhooks/{name}"
_HEADERS: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))


def webhook_routes(
    desk: StandingDesk, clock_ms: Callable[[], int], bodies: Bodies
) -> Sequence[BaseRoute]:
    """Return the route of webhooks, for ``make_http_app``."""

    async def answer(request: Request) -> Response:
        address = address_of(peer_of(request))
        share = bodies.strangers
        try:
            async with share.body_of(request, address, bytes_max=WEBHOOK_BODY_BYTES_MAX) as body:
                return await take(request, body)
        except WireError:  # Too large, too slow, too much.
            return _answer(401)

    async def take(request: Request, body: bytes) -> Response:
        receiver = desk.receivers.get(request.path_params["name"])
        if receiver is None:
            return _answer(401)
        try:
            delivery = receiver.open(request.headers, body, clock_ms())
        except NotGenuine:
            _log.warning("a webhook for %s is not genuine", receiver.name)
            return _answer(401)
        try:
            await desk.take(receiver.name, delivery)
        except Conflict:
            return _answer(409)
        except (RateLimited, ActorError, JournalError) as error:
            _log.error(
                "a webhook of %s could not be taken: %s", receiver.name, type(error).__name__
            )
            return _answer(503)
        return _answer(202)

    return [Route(WEBHOOK_PATH, answer, methods=["POST"])]


def _answer(status: int) -> Response:
    return Response(status_code=status, headers=dict(_HEADERS))
