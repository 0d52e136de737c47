"""Notes out and in over HTTP.

::

    GET  /v1/notes/{target}.md|.html|.txt?root=R    the note as Markdown, a page, plain text
    POST /v1/notes/{target}.md?root=R               Markdown in the body becomes the note

*target* is ``meeting:m1`` or ``chat:c1``; without ``root`` the document's only or first one. What
anybody may do here is what they may do on the wire.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from collab.http.bodies import Bodies
from collab.http.calling import call, key_of, refusal, sign_in
from collab.limits import NOTES_MARKDOWN_BYTES_MAX
from collab.notes.markdown import html_page
from protocol.errors import WireError
from protocol.gateway import Gateway

# Ending -> (format of ``notes.export``, media type)
_FORMATS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "md": ("markdown", "text/markdown; charset=utf-8"),
        "html": ("html", "text/html; charset=utf-8"),
        "txt": ("text", "text/plain; charset=utf-8"),
    }
)
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        # A second lock behind the escaping: no script, no frame, no request but for pictures.
        "content-security-policy": (
            "default-src 'none'; style-src 'unsafe-inline'; img-src http: https:; sandbox"
        ),
    }
)


def notes_routes(gateway: Gateway, bodies: Bodies) -> Sequence[BaseRoute]:
    """Return the routes of notes, for ``make_http_app``."""

    async def export(request: Request) -> Response:
        target, ending = _target_of(request)
        form, media_type = _FORMATS[ending]
        args = {"format": form, "root": request.query_params.get("root")}
        visitor = await sign_in(gateway, request)
        value = await call(gateway, visitor, target, "notes.export", args, key=key_of(request))
        content = value["content"]
        if ending == "html":
            content = html_page(target, content)
        return Response(content, media_type=media_type)

    async def take_in(request: Request) -> Response:
        target, ending = _target_of(request)
        if ending != "md":
            raise WireError("bad_request", "only Markdown can be imported: .md")
        key, root = key_of(request), request.query_params.get("root")
        visitor = await sign_in(gateway, request)  # Before the first byte of the body.
        user_id = visitor.identity.user_id
        share = bodies.of_user(user_id)
        async with share.body_of(request, user_id, bytes_max=NOTES_MARKDOWN_BYTES_MAX) as body:
            args = {"markdown": _text_of(body), "root": root}
            value = await call(gateway, visitor, target, "notes.import", args, key=key)
        return JSONResponse(value or {})

    path = "/v1/notes/{name}"
    return [
        Route(path, _answering(export), methods=["GET"]),
        Route(path, _answering(take_in), methods=["POST"]),
    ]


def _answering(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            response = await handler(request)
        except WireError as error:
            response = refusal(error)
        response.headers.update(_HEADERS)
        return response

    return answer


def _target_of(request: Request) -> tuple[str, str]:
    target, _, ending = request.path_params["name"].rpartition(".")
    if ending not in _FORMATS:
        raise WireError("not_found", "a note's address ends in .md, .html or .txt")
    return target, ending


def _text_of(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise WireError("bad_request", "the body is not UTF-8") from None
