"""``GET /v1/overview``: the server from above, for those who run it.

``GET /v1/overview/allowed`` tells anybody who has signed in whether they are one of those, so that
a page need not offer what would be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from collab.http.calling import refusal, sign_in
from collab.identity import caller_of
from collab.operators import Operators
from protocol.errors import WireError
from protocol.gateway import Gateway

SCOPE: Final = "overview"  # What a service's token must name: ``overview:read``, or ``overview:*``.
_DENIED: Final = "only those who run the server see this"
_HEADERS: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))


def overview_routes(
    gateway: Gateway, operators: Operators, source: Callable[[], Mapping[str, Any]]
) -> Sequence[BaseRoute]:
    """Return the route, for ``make_http_app``; *source* is asked at each request."""

    async def overview(request: Request) -> Response:
        try:
            visitor = await sign_in(gateway, request)
        except WireError as error:
            response = refusal(error)
        else:
            if operators.include(caller_of(visitor.identity), SCOPE):
                response = JSONResponse(dict(source()))
            else:
                response = refusal(WireError("permission_denied", _DENIED))
        response.headers.update(dict(_HEADERS))
        return response

    async def allowed(request: Request) -> Response:
        try:
            visitor = await sign_in(gateway, request)
        except WireError as error:
            response = refusal(error)
        else:
            is_allowed = operators.include(caller_of(visitor.identity), SCOPE)
            response = JSONResponse({"allowed": is_allowed})
        response.headers.update(dict(_HEADERS))
        return response

    return [
        Route("/v1/overview", overview, methods=["GET"]),
        Route("/v1/overview/allowed", allowed, methods=["GET"]),
    ]
