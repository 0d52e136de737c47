"""Asks an ASGI application directly: no socket, no thread, no time."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from attrs import frozen
from starlette.types import ASGIApp


@frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    app: ASGIApp, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one request without a body and collect the answer."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            *((name.encode(), value.encode()) for name, value in (headers or {}).items()),
        ],
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 8787),
    }
    await app(scope, receive, send)
    start, *rest = sent
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], answered, b"".join(part.get("body", b"") for part in rest))
