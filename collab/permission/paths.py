"""Which paths of the port there are, and what they ask of whoever comes. The rest is not there.

``anybody``: names no user and no target, answers from memory: the same for everybody, pages and
files of the web application included. ``signed_in``: a token in the
``Authorization`` header; then the table of kinds decides, inside the actor. ``signed_body``: the
issuer's signature over the body. ``first_message``: a WebSocket, whose first message (or, for Yjs
clients, its address) brings the token, and which does nothing before. ``limited``: makes a new
guest, so many for each address.

A server does not start with a route that has no line here (:func:`check_routes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from starlette.routing import BaseRoute, Route

Demand = Literal["anybody", "signed_in", "signed_body", "limited", "first_message"]

HTTP: Final[Mapping[tuple[str, str], Demand]] = MappingProxyType(
    {
        ("GET", "/"): "anybody",  # The page: it asks for a token, and brings it to /v1.
        ("GET", "/meeting/{key}"): "anybody",
        ("GET", "/chat/{key}"): "anybody",
        ("GET", "/admin"): "anybody",
        ("GET", "/assets/{name}"): "anybody",
        ("GET", "/healthz"): "anybody",
        ("GET", "/readyz"): "anybody",
        ("GET", "/metrics"): "anybody",
        ("GET", "/v1/schema"): "anybody",
        ("GET", "/v1/schema.json"): "anybody",
        ("GET", "/v1/schema.ts"): "anybody",
        ("GET", "/v1/notes/{name}"): "signed_in",
        ("GET", "/v1/overview"): "signed_in",  # And then only for those who run the server.
        ("GET", "/v1/overview/allowed"): "signed_in",
        ("POST", "/v1/notes/{name}"): "signed_in",
        ("POST", "/v1/tickets"): "signed_in",
        ("POST", "/v1/guests"): "limited",
        ("POST", "/v1/guests/claim"): "signed_in",
        ("POST", "/v1/webhooks/{name}"): "signed_body",
    }
)

WEBSOCKET: Final[Mapping[str, Demand]] = MappingProxyType(
    {"/v1": "first_message", "/yjs/": "first_message", "/hocuspocus": "first_message"}
)


class RouteUnknown(Exception):
    """A route has no line in this table: a mistake of ours."""


def check_routes(routes: Iterable[BaseRoute]) -> None:
    """Raise RouteUnknown unless every route, with each of its methods, is in the table."""
    for route in routes:
        if not isinstance(route, Route):
            raise RouteUnknown(f"{route!r} is no plain route")
        for method in (route.methods or set()) - {"HEAD"}:
            if (method, route.path) not in HTTP:
                raise RouteUnknown(f"{method} {route.path} asks nothing of whoever comes")
