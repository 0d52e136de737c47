"""Plain HTTP on the port: an ASGI app behind hypercorn's TCP server, over a link of ours.

hypercorn's modules used here are undocumented; ``hypercorn==0.18.*`` is pinned for that reason.
Its traps, and what is done about them:

* It shields ``send_all`` from cancellation, so a reader that stopped would hold up a shutdown:
  a task beside it closes the link when the port is cancelled.
* It would serve a WebSocket on a reused connection itself: such requests get 421 and
  ``connection: close``, and the client comes again on a connection of its own.
* It closes the socket with unread bytes in it: here closing is left to the port.
* Its Lifespan is not used: the app is started by whoever made it.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ASGIFramework
from hypercorn.utils import wrap_app

from protocol._head import HOST_REFUSED, is_host_served
from protocol._link import Link
from protocol.limits import HEAD_BYTES_MAX, HTTP_KEEP_ALIVE_S
from protocol.proxies import Proxies

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_MISDIRECTED_REQUEST: Final = 421
_WSGI_BODY_BYTES_MAX: Final = 0  # There is no WSGI here.


class HttpStream(trio.abc.Stream):
    """A link as hypercorn wants it: what was read already comes first."""

    def __init__(self, link: Link, received: bytes) -> None:
        self._link = link
        self._received = received

    @property
    def socket(self) -> socket.socket | trio.socket.SocketType:
        """For its addresses; also how hypercorn knows that this is not TLS."""
        return self._link.socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002
        """Return the next bytes; see ``Link.receive``."""
        if self._received:
            received, self._received = self._received, b""
            return received
        return await self._link.receive()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything; see ``Link.send``."""
        rest = memoryview(data)
        while rest:
            rest = rest[await self._link.send((rest,)) :]

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: hypercorn does not ask."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Stop reading and writing; the port says farewell and closes."""
        self._link.stop()
        await trio.lowlevel.checkpoint()


class TlsHttpStream(HttpStream):
    """The same through TLS: hypercorn looks for these three names to tell."""

    @property
    def transport_stream(self) -> HttpStream:
        """What carries the socket."""
        return HttpStream(self._link, b"")

    async def do_handshake(self) -> None:
        """Return at once: it is done."""
        await trio.lowlevel.checkpoint()

    def selected_alpn_protocol(self) -> str:
        """Say HTTP/1.1: the port speaks nothing else on first sight."""
        return "http/1.1"


class HttpServer:
    """Serves one ASGI app on connections that the port hands over."""

    def __init__(
        self,
        app: AsgiApp,
        *,
        allowed_hosts: frozenset[str] | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        """Serve *app*.

        Both of the others, see ``PortConfig``, are asked for every request of a connection.
        """
        behind = _behind(app, proxies or Proxies())
        self._app: AppWrapper = _wrap(_for_hosts(behind, allowed_hosts))
        self._context = WorkerContext(None)
        self._config = Config()
        self._config.keep_alive_timeout = HTTP_KEEP_ALIVE_S
        self._config.h11_max_incomplete_size = HEAD_BYTES_MAX
        self._config.include_server_header = False

    async def serve(self, link: Link, received: bytes, *, is_tls: bool) -> None:
        """Serve requests until either side closes. The caller closes the link.

        Cancelled: the link is closed, whatever hypercorn shields.
        """
        stream = (TlsHttpStream if is_tls else HttpStream)(link, received)
        server = TCPServer(self._app, self._config, self._context, {}, stream)  # type: ignore[arg-type]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_close_when_cancelled, link)
            await server.run()
            link.stop()
            nursery.cancel_scope.cancel()

    async def drain(self) -> None:
        """Close idle connections now, the others after the response that they are at."""
        await self._context.terminated.set()


def _wrap(app: AsgiApp) -> AppWrapper:
    # hypercorn spells out every ASGI message as a TypedDict; apps are written against mappings.
    framework = cast("ASGIFramework", _without_websockets(app))
    return wrap_app(framework, _WSGI_BODY_BYTES_MAX, "asgi")


async def _close_when_cancelled(link: Link) -> None:
    try:
        await trio.sleep_forever()
    finally:
        if not link.is_stopped:
            link.close()


def _for_hosts(app: AsgiApp, allowed: frozenset[str] | None) -> AsgiApp:
    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        host = next((value for name, value in headers if name == b"host"), None)
        if is_host_served(host, allowed):
            await app(scope, receive, send)
            return
        body = f"{HOST_REFUSED}\n".encode()
        await send(
            {
                "type": "http.response.start",
                "status": HTTPStatus.FORBIDDEN,
                "headers": [
                    (b"content-type", b"text/plain; charset=utf-8"),
                    (b"content-length", b"%d" % len(body)),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})

    return guarded


def _behind(app: AsgiApp, proxies: Proxies) -> AsgiApp:
    """Have *app* see whoever is behind *proxies* as the client."""
    if not proxies.networks:
        return app

    async def seen(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("client"):
            host, port = scope["client"][:2]
            peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            real, _, real_port = proxies.real_peer(peer, scope["headers"]).rpartition(":")
            scope["client"] = (real.strip("[]"), int(real_port))
        await app(scope, receive, send)

    return seen


def _without_websockets(app: AsgiApp) -> AsgiApp:
    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        await send(
            {
                "type": "websocket.http.response.start",
                "status": _MISDIRECTED_REQUEST,
                "headers": [(b"connection", b"close"), (b"content-length", b"0")],
            }
        )
        await send({"type": "websocket.http.response.body", "body": b""})

    return guarded
