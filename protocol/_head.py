"""The head of a connection's first HTTP request: read once, bounded, then judged.

An upgrade is checked here, completely, before trio-websocket sees anything of it. Early bytes
behind the head are kept: they are the beginning of a body, or of a hasty client's frames.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlsplit

import h11
from attrs import define, frozen

from protocol._link import Link
from protocol.limits import HEAD_BYTES_MAX

_WEBSOCKET_VERSION: Final = b"13"
_KEY_BYTES: Final = 16
HOST_REFUSED: Final = "not served under this host name; the operator can allow it"


@define(eq=False)
class BadHead(Exception):
    """The request cannot be served; answer with *status* and close. *headers* go with it."""

    status: int
    message: str
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Request:
    """What a client asks for. Header names are in lower case; ``path`` is percent-decoded."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[bytes, bytes]]
    peer: str  # "host:port"; IPv6 hosts in brackets

    def header(self, name: bytes) -> bytes | None:
        """Return the first header called *name* (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    def tokens(self, name: bytes) -> list[str]:
        """Return the comma-separated words of every header called *name*, in order."""
        joined = b",".join(value for key, value in self.headers if key == name)
        return [word.strip() for word in joined.decode("latin-1").split(",") if word.strip()]

    @property
    def is_upgrade(self) -> bool:
        """True if this asks for a WebSocket."""
        asks = any(word.lower() == "upgrade" for word in self.tokens(b"connection"))
        return asks and any(word.lower() == "websocket" for word in self.tokens(b"upgrade"))


@frozen
class Head:
    """A request, and all bytes that came with it."""

    request: Request
    received: bytes  # From the first byte on, as they came.
    early: bytes  # The part of ``received`` behind the head.


async def read_head(link: Link, peer: str) -> Head | None:
    """Read the first request of a connection; None if the peer left without one.

    Raises:
      BadHead: it is not HTTP/1.1, or longer than ``HEAD_BYTES_MAX``.
      trio.BrokenResourceError: the peer is gone.

    Cancelled (the caller bounds the time): what was read is lost; close the link.
    """
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
    received = b""
    while True:
        data = await link.receive()
        if not data:
            return None
        received += data
        try:
            parser.receive_data(data)
            event = parser.next_event()
        except h11.RemoteProtocolError as error:
            raise BadHead(error.error_status_hint, "malformed request") from error
        if isinstance(event, h11.Request):
            return Head(_request(event, peer), received, parser.trailing_data[0])


def _request(event: h11.Request, peer: str) -> Request:
    if event.http_version not in {b"1.1", b"1.0"}:
        raise BadHead(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "this port speaks HTTP/1.1")
    target = urlsplit(event.target.decode("ascii")) if event.target != b"*" else urlsplit("")
    return Request(
        method=event.method.decode("ascii"),
        path=unquote(target.path),
        query=target.query,
        headers=tuple((bytes(name), bytes(value)) for name, value in event.headers),
        peer=peer,
    )


def check_upgrade(request: Request) -> None:
    """Check the opening handshake (RFC 6455, 4.2.1).

    Raises:
      BadHead: 400, or 426 for a version other than 13.
    """
    if request.method != "GET":
        raise BadHead(HTTPStatus.BAD_REQUEST, "a WebSocket is opened with GET")
    if request.header(b"transfer-encoding") or request.header(b"content-length") not in {
        None,
        b"0",
    }:
        raise BadHead(HTTPStatus.BAD_REQUEST, "a WebSocket request has no body")
    if request.header(b"host") is None:
        raise BadHead(HTTPStatus.BAD_REQUEST, "the Host header is missing")
    if request.header(b"sec-websocket-version") != _WEBSOCKET_VERSION:
        version = (("Sec-WebSocket-Version", "13"),)
        raise BadHead(HTTPStatus.UPGRADE_REQUIRED, "the WebSocket version is 13", version)
    try:
        key = base64.b64decode(request.header(b"sec-websocket-key") or b"", validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise BadHead(HTTPStatus.BAD_REQUEST, "the Sec-WebSocket-Key is missing or malformed")


def is_host_served(host: bytes | None, allowed: frozenset[str] | None) -> bool:
    """Say whether *host*, a Host header, names one of *allowed* (lower case), at any port.

    *allowed* None: any. A page whose own name was rebound to our address sends that name as Host,
    and as Origin too, so that only this can tell.
    """
    return allowed is None or name_of((host or b"").decode("latin-1").lower()) in allowed


def name_of(authority: str) -> str:
    """Return *authority* without its port, if it has one."""
    name, _colon, port = authority.rpartition(":")
    return name if port.isascii() and port.isdigit() else authority


def check_origin(request: Request, allowed: frozenset[str] | None) -> None:
    """Keep other sites' pages out: a browser always sends Origin, and cannot forge it.

    *allowed*: exact origins (``https://app.example``); None: the host of the request itself.

    Raises:
      BadHead: 403.
    """
    origin_bytes = request.header(b"origin")
    if origin_bytes is None:
        return  # Not a browser.
    origin = origin_bytes.decode("latin-1").lower()
    if allowed is not None:
        is_allowed = origin in allowed
    else:
        host = (request.header(b"host") or b"").decode("latin-1").lower()
        is_allowed = origin in {f"http://{host}", f"https://{host}"}
    if not is_allowed:
        raise BadHead(HTTPStatus.FORBIDDEN, "this origin may not connect")


def choose_subprotocol(request: Request, spoken: Sequence[str]) -> str | None:
    """Return the first of *spoken* that the client offers; None if there is none."""
    offered = request.tokens(b"sec-websocket-protocol")
    return next((name for name in spoken if name in offered), None)


def short_response(bad: BadHead) -> bytes:
    """Return a whole plain-text response that ends the connection."""
    status = HTTPStatus(bad.status)
    body = bad.message.encode() + b"\n"
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in bad.headers),
    ]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
