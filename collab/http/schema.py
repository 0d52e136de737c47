"""The server's contract, over HTTP.

::

    GET /v1/schema            AsyncAPI 3
    GET /v1/schema.json       JSON Schema: any message of the wire
    GET /v1/schema.ts         TypeScript types

The kinds of one's own that the server runs are in it. Anybody may read it: it names what can be
asked, never who or what there is. ``ETag`` is of the content, so asking again costs a header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import define, field, frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from collab.kind import Kind

if TYPE_CHECKING:
    from collab.schema import Form

# Path -> (form, media type)
_PATHS: Final[Mapping[str, tuple[Form, str]]] = MappingProxyType(
    {
        "/v1/schema": ("asyncapi", "application/vnd.aai.asyncapi+json;version=3.0.0"),
        "/v1/schema.json": ("jsonschema", "application/schema+json"),
        "/v1/schema.ts": ("typescript", "text/plain; charset=utf-8"),
    }
)


@frozen
class _Written:
    """A document as it goes out."""

    body: bytes
    etag: str


@define(eq=False)
class _Shelf:
    """Documents, each written when it is first asked for: kinds do not change while we run."""

    kinds: tuple[Kind[Any], ...]
    _written: dict[Form, _Written] = field(factory=dict)

    async def take(self, form: Form) -> _Written:
        """Return the document in *form*. Cancelled: nothing happened."""
        held = self._written.get(form)
        if held is None:
            # Some tens of milliseconds: in a thread, so that nobody waits for it.
            body = await trio.to_thread.run_sync(_write, self.kinds, form)
            digest = hashlib.blake2b(body, digest_size=12).hexdigest()
            held = self._written[form] = _Written(body, f'"{digest}"')
        return held


def _write(kinds: Iterable[Kind[Any]], form: Form) -> bytes:
    from collab.schema import document  # Most servers are never asked: their start is quicker.

    return document(kinds, form).encode()


def schema_routes(kinds: Iterable[Kind[Any]]) -> Sequence[BaseRoute]:
    """Return the routes of the contract of *kinds*, for ``make_http_app``."""
    shelf = _Shelf(tuple(kinds))
    return [
        Route(path, _answering(shelf, form, media_type), methods=["GET"])
        for path, (form, media_type) in _PATHS.items()
    ]


def _answering(shelf: _Shelf, form: Form, media_type: str) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        written = await shelf.take(form)
        headers = {
            "etag": written.etag,
            "cache-control": "no-cache",  # Kept, but asked for again: a server may be upgraded.
            "x-content-type-options": "nosniff",
        }
        if _is_known(request.headers.get("if-none-match", ""), written.etag):
            return Response(status_code=304, headers=headers)
        return Response(written.body, media_type=media_type, headers=headers)

    return answer


def _is_known(known: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    return "*" in tags or etag in tags
