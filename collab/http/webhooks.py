"""What issuers tell, over HTTP.

::

    POST /v1/webhooks/NAME     202 it counts · 409 it was heard before · 401 anything else

The answers say nothing else: not whether NAME exists, not what was wrong. 503 (come again) is for
those alone whose signature is right. A body is read up to ``WEBHOOK_BODY_BYTES_MAX``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from actors import ActorError, JournalError
from collab.errors import Conflict, RateLimited
from collab.limits import WEBHOOK_BODY_BYTES_MAX
from collab.standing.deliveries import NotGenuine
from collab.standing.desk import StandingDesk

_log = logging.getLogger("collab.webhooks")

WEBHOOK_PATH: Final = "/v1/webhooks/{name}"
_HEADERS: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))


def webhook_routes(desk: StandingDesk, clock_ms: Callable[[], int]) -> Sequence[BaseRoute]:
    """Return the route of webhooks, for ``make_http_app``."""

    async def take(request: Request) -> Response:
        receiver = desk.receivers.get(request.path_params["name"])
        body = await _body_of(request)
        if receiver is None or body is None:
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

    return [Route(WEBHOOK_PATH, take, methods=["POST"])]


async def _body_of(request: Request) -> bytes | None:
    """Return the raw body; None: it is too large."""
    body = bytearray()
    async with aclosing(request.stream()) as stream:
        async for part in stream:
            body += part
            if len(body) > WEBHOOK_BODY_BYTES_MAX:
                return None
    return bytes(body)


def _answer(status: int) -> Response:
    return Response(status_code=status, headers=dict(_HEADERS))
