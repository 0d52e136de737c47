"""The HTTP application: what operators and their machines ask.

::

    GET /healthz    200 while the process runs at all: restart it if this fails
    GET /readyz     200 while it takes work; 503 from the first moment of a drain: send it none
    GET /metrics    Prometheus text

None of these three names a user or a meeting, and none waits: the answers come from memory.
Routes of others (``collab.http.notes``) stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from attrs import define
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from collab.http.figures import FigureSource, make_registry

_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {"cache-control": "no-store", "x-content-type-options": "nosniff"}
)


@define
class Readiness:
    """Whether the server takes work, and why not. Written by the server, read by ``/readyz``."""

    refusal: str | None = "starting"

    @property
    def is_ready(self) -> bool:
        """True while the server takes work."""
        return self.refusal is None


def make_http_app(
    readiness: Readiness, figures: FigureSource, *, routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """Return the ASGI application; *routes* of others (files, webhooks, pages) come last."""
    registry = make_registry(figures)

    async def healthz(_request: Request) -> Response:
        return _answer(JSONResponse({"status": "ok"}))

    async def readyz(_request: Request) -> Response:
        if readiness.is_ready:
            return _answer(JSONResponse({"status": "ready"}))
        return _answer(JSONResponse({"status": readiness.refusal}, status_code=503))

    async def metrics(_request: Request) -> Response:
        return _answer(Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST))

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *routes,
        ]
    )


def _answer(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response
