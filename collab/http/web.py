"""The page over HTTP.

::

    GET /, /meeting/{id}, /chat/{id}, /admin    the document; the page itself reads the address
    GET /assets/{name}                          its parts; names hold a hash, so they never change

Everything is served from memory. Until the page is built, the document says so and asks again by
itself. No script of the document's own, nothing from elsewhere: the policy below forbids both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from collab.web import Asset, Site, SiteState

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content-security-policy": _POLICY,
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
)
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"  # With the entity tag: a changed page is seen at the next load.
_WAITING_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_RELOAD_S: Final = 2
_ADVICE: Final = (
    "<p>The server itself works. To build its page once, this machine needs either the network, or "
    "Node 20 or newer with npm on its PATH and the packages in npm's cache. This tries again by "
    "itself.</p>"
)


def web_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of the page, for ``make_http_app``."""

    async def document(request: Request) -> Response:
        found = site.document
        if found is None:
            site.want()
            return _not_yet(site)
        headers = {"etag": found.tag, "cache-control": _ASK_AGAIN, **_HEADERS}
        if found.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={**headers, "vary": "accept-encoding"})
        return _encoded(request, found, headers)

    async def asset(request: Request) -> Response:
        found = None if site.page is None else site.page.assets.get(request.url.path)
        if found is None:
            return PlainTextResponse("no such file", 404, {"cache-control": "no-store"})
        return _encoded(request, found, {"cache-control": _FOR_EVER, **_HEADERS})

    paths = ("/", "/meeting/{key}", "/chat/{key}", "/admin")
    return [*(Route(path, document) for path in paths), Route("/assets/{name}", asset)]


def _encoded(request: Request, asset: Asset, headers: Mapping[str, str]) -> Response:
    """Return *asset* in the smallest encoding that the browser takes."""
    encoding, content = asset.best(request.headers.get("accept-encoding", ""))
    all_headers = {**headers, "vary": "accept-encoding"}
    if encoding != "identity":
        all_headers["content-encoding"] = encoding
    return Response(content, headers=all_headers, media_type=asset.media_type)


def _not_yet(site: Site) -> Response:
    """Return a document that says how far the page is, and asks again by itself."""
    if site.state is SiteState.FAILED:
        title, told = "The page could not be built", f"<p>{escape(site.problem)}</p>{_ADVICE}"
    else:
        title, told = "The page is being built", f"<p>{escape(site.step or 'starting')} …</p>"
    body = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<meta http-equiv=refresh content={_RELOAD_S}>"
        "<meta name=viewport content='width=device-width'><meta name=color-scheme "
        f"content='light dark'><h1>{title}</h1>{told}</html>"
    )
    headers = {
        **_HEADERS,
        "content-security-policy": _WAITING_POLICY,
        "cache-control": "no-store",
        "retry-after": str(_RELOAD_S),
    }
    return Response(body, 503, headers, media_type="text/html; charset=utf-8")
