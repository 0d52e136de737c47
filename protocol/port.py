"""One port for HTTP and WebSocket: who may connect, and who serves a connection.

::

    accept -> bounds (503, 429) -> TLS -> head (408 by silence, 400, 431) -> an upgrade?
        yes: handshake (400, 426), host, origin (403), route (404) -> ServerSocket -> its handler
        no:  the ASGI app, behind hypercorn (404 without an app; 403 for another host)

Each connection is one task with one nursery. What a handler raises ends its own connection and is
logged; the port goes on.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import trio
from attrs import evolve, field, frozen

from protocol._head import (
    HOST_REFUSED,
    BadHead,
    Head,
    Request,
    check_origin,
    check_upgrade,
    choose_subprotocol,
    is_host_served,
    name_of,
    read_head,
    short_response,
)
from protocol._http import AsgiApp, HttpServer
from protocol._link import Link, PlainLink, TlsLink
from protocol._readiness import Readiness, new_readiness
from protocol.errors import CLOSE_NORMAL, CLOSE_SERVER_ERROR
from protocol.limits import (
    ACCEPT_PAUSE_S,
    CONNECTIONS_MAX,
    CONNECTIONS_PER_ADDRESS_MAX,
    FRAME_BYTES_MAX,
    GOODBYE_TIMEOUT_S,
    HANDSHAKE_TIMEOUT_S,
    REFUSALS_MAX,
)
from protocol.pressure import Pressure
from protocol.proxies import AddressCounts, Proxies, address_key
from protocol.transport import ServerSocket, accept_socket

__all__ = ["BoundPort", "PortConfig", "Request", "WebSocketRoute", "address_key", "serve_port"]

SocketHandler = Callable[[ServerSocket], Awaitable[None]]

_OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

logger = logging.getLogger(__name__)


@frozen(kw_only=True)
class PortConfig:
    """Where to listen and what to admit."""

    host: str = "127.0.0.1"
    port: int = 0  # 0: any free one.
    tls_context: ssl.SSLContext | None = None
    allowed_origins: frozenset[str] | None = None  # None: only pages from the host itself.
    # Names that clients reach us by, in lower case, without a port, IPv6 in brackets; None: any.
    # The default on loopback: its own names, and the hosts of the allowed origins.
    allowed_hosts: frozenset[str] | None = field()
    handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S
    connections_max: int = CONNECTIONS_MAX
    connections_per_address_max: int = CONNECTIONS_PER_ADDRESS_MAX
    frame_bytes_max: int = FRAME_BYTES_MAX
    proxies: Proxies = field(factory=Proxies)  # Whose word about the client's address counts.

    @allowed_hosts.default
    def _default_hosts(self) -> frozenset[str] | None:
        return _loopback_names(self.host, self.allowed_origins or ())


@frozen
class WebSocketRoute:
    """Who serves the WebSockets of a path.

    ``subprotocols`` are what we speak, best first. A client that offers none of them is accepted
    without one; the handler decides what that means. The connection ends with ``handler``.
    ``frame_bytes_max`` bounds a message, where the port's own bound is not right.
    """

    handler: SocketHandler
    subprotocols: Sequence[str] = ()
    frame_bytes_max: int | None = None


@frozen
class BoundPort:
    """A port that listens. ``close`` stops accepting and lets HTTP finish what it is at.

    WebSockets are their handlers' to end; ``serve_port`` returns after the last connection.
    """

    host: str
    port: int
    close: Callable[[], None] = field(repr=False)


Route = Callable[[Request], WebSocketRoute | None]


async def serve_port(
    config: PortConfig,
    *,
    route: Route,
    http_app: AsgiApp | None = None,
    pressure: Pressure | None = None,
    task_status: trio.TaskStatus[BoundPort] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen and serve until ``BoundPort.close`` and the end of the last connection.

    *route* says who serves an upgrade request; None is answered with 404. *pressure* is told
    how far reading is behind.

    Raises:
      OSError: the address cannot be bound.

    Cancelled: every connection is aborted, also one whose peer has stopped reading.
    """
    listeners = await trio.open_tcp_listeners(config.port, host=config.host)
    http = None
    if http_app is not None:
        http = HttpServer(http_app, allowed_hosts=config.allowed_hosts, proxies=config.proxies)
    closing = trio.Event()
    async with _reading(pressure or Pressure()) as readiness, trio.open_nursery() as connections:
        port = _Port(config, route, http, readiness)
        async with trio.open_nursery() as accepting:
            for listener in listeners:
                accepting.start_soon(port.accept, listener, connections)
            host, number = listeners[0].socket.getsockname()[:2]
            task_status.started(BoundPort(host, number, closing.set))
            await closing.wait()
            accepting.cancel_scope.cancel()
        await port.drain()


@asynccontextmanager
async def _reading(pressure: Pressure) -> AsyncIterator[Readiness | None]:
    """Tell readers what is there, until the end of the block, which must be that of all readers."""
    readiness = new_readiness(pressure)
    if readiness is None:
        yield None
        return
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(readiness.run)
            yield readiness
            nursery.cancel_scope.cancel()
    finally:
        readiness.close()


class _Port:
    """What the connections of one port share."""

    def __init__(
        self,
        config: PortConfig,
        route: Route,
        http: HttpServer | None,
        readiness: Readiness | None,
    ) -> None:
        self._config = config
        self._route = route
        self._http = http
        self._readiness = readiness
        self._connections = 0
        self._counts = AddressCounts(config.connections_per_address_max)
        self._refusals = 0

    async def accept(self, listener: trio.SocketListener, connections: trio.Nursery) -> None:
        """Accept until cancelled; then stop listening."""
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    if error.errno not in _OUT_OF_FILES:
                        raise
                    logger.warning("cannot accept: %s", error)
                    await trio.sleep(ACCEPT_PAUSE_S)
                else:
                    self._admit(stream, connections)

    async def drain(self) -> None:
        """Let HTTP connections end."""
        if self._http is not None:
            await self._http.drain()

    def _admit(self, stream: trio.SocketStream, connections: trio.Nursery) -> None:
        """Start serving the connection if the bounds allow it, else refuse it."""
        try:
            peer = stream.socket.getpeername()
        except OSError:
            stream.socket.close()  # Gone already.
            return
        # All of a proxy's connections have its address: they are counted when the head is read.
        address = None if self._config.proxies.trusts(peer[0]) else address_key(peer[0])
        refusal = self._find_refusal(address)
        if refusal is None:
            self._connections += 1
            if address is not None:
                self._counts.add(address)
            connections.start_soon(self._serve, stream, _peer_name(peer), address)
        elif self._config.tls_context is None and self._refusals < REFUSALS_MAX:
            self._refusals += 1
            connections.start_soon(self._refuse, stream, refusal)
        else:
            stream.socket.close()

    def _find_refusal(self, address: str | None) -> BadHead | None:
        if self._connections >= self._config.connections_max:
            return BadHead(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", _RETRY)
        return None if address is None else self._find_crowd(address)

    def _find_crowd(self, address: str) -> BadHead | None:
        if not self._counts.is_full(address):
            return None
        message = "too many connections from your address"
        return BadHead(HTTPStatus.TOO_MANY_REQUESTS, message, _RETRY)

    async def _refuse(self, stream: trio.SocketStream, refusal: BadHead) -> None:
        link = _plain_link(stream)
        try:
            await _answer(link, refusal)
        finally:
            link.close()
            self._refusals -= 1

    async def _serve(self, stream: trio.SocketStream, peer: str, address: str | None) -> None:
        """Serve one connection to its end, whatever happens in it."""
        try:
            await self._serve_stream(stream, peer)
        except Exception:
            # A fault in one connection must not end the others.
            logger.exception("a connection's handler failed: %s", peer)
        except BaseExceptionGroup as group:
            # The same, while the port is being cancelled: the cancellation goes on.
            faults, rest = group.split(Exception)
            if faults is not None:
                logger.exception("a connection's handler failed: %s", peer, exc_info=faults)
            if rest is not None:
                raise rest from None
        finally:
            self._connections -= 1
            if address is not None:
                self._counts.remove(address)

    async def _serve_stream(self, stream: trio.SocketStream, peer: str) -> None:
        link: Link
        context = self._config.tls_context
        deadline = trio.current_time() + self._config.handshake_timeout_s
        if context is None:
            link = _plain_link(stream, self._readiness)
        else:
            tls = trio.SSLStream(stream, context, server_side=True)
            link = TlsLink(tls)
        try:
            try:
                with trio.CancelScope(deadline=deadline) as handshake:
                    if context is not None:
                        await tls.do_handshake()
                    head = await read_head(link, peer)
                if handshake.cancelled_caught:
                    raise BadHead(HTTPStatus.REQUEST_TIMEOUT, "no request in time")  # noqa: TRY301
                if head is not None:
                    await self._serve_head(link, head)
            except BadHead as bad:
                await _answer(link, bad)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return  # The peer left, or could not agree on TLS: nothing to answer.
        finally:
            link.close()

    async def _serve_head(self, link: Link, head: Head) -> None:
        request = head.request
        if request.is_upgrade:
            check_upgrade(request)
            if not is_host_served(request.header(b"host"), self._config.allowed_hosts):
                raise BadHead(HTTPStatus.FORBIDDEN, HOST_REFUSED)
            check_origin(request, self._config.allowed_origins)
            found = self._route(request)
            if found is None:
                raise BadHead(HTTPStatus.NOT_FOUND, "no WebSocket here")
            await self._serve_counted(link, head, found)
        elif self._http is not None:
            is_tls = self._config.tls_context is not None
            await self._http.serve(link, head.received, is_tls=is_tls)
            with trio.move_on_after(GOODBYE_TIMEOUT_S):
                await link.farewell()
        else:
            raise BadHead(HTTPStatus.NOT_FOUND, "only WebSockets here")

    async def _serve_counted(self, link: Link, head: Head, route: WebSocketRoute) -> None:
        """Serve a WebSocket; one that came through a proxy counts for whoever is behind it."""
        request = head.request
        real = self._config.proxies.real_peer(request.peer, request.headers)
        if real == request.peer:
            await self._serve_socket(link, head, route)
            return
        address = address_key(real.rpartition(":")[0].strip("[]"))
        if (crowd := self._find_crowd(address)) is not None:
            raise crowd
        self._counts.add(address)
        try:
            head = evolve(head, request=evolve(request, peer=real))
            await self._serve_socket(link, head, route)
        finally:
            self._counts.remove(address)

    async def _serve_socket(self, link: Link, head: Head, route: WebSocketRoute) -> None:
        async with trio.open_nursery() as nursery:
            opened = await accept_socket(
                link,
                nursery,
                head.request,
                early=head.early,
                subprotocol=choose_subprotocol(head.request, route.subprotocols),
                bytes_max=route.frame_bytes_max or self._config.frame_bytes_max,
            )
            code = CLOSE_SERVER_ERROR
            try:
                await route.handler(opened)
                code = CLOSE_NORMAL
            except Exception:
                # Told here: a cancellation while it is finished would take the fault's place.
                logger.exception("a connection's handler failed: %s", opened.peer)
            finally:
                await opened.finish(code)
            nursery.cancel_scope.cancel()


_RETRY: Final = (("Retry-After", "1"),)


async def _answer(link: Link, bad: BadHead) -> None:
    """Answer with a short response and close gently, within ``GOODBYE_TIMEOUT_S``."""
    rest = memoryview(short_response(bad))
    with trio.move_on_after(GOODBYE_TIMEOUT_S):
        try:
            while rest:
                rest = rest[await link.send((rest,)) :]
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        await link.farewell()


def _plain_link(stream: trio.SocketStream, readiness: Readiness | None = None) -> PlainLink:
    """Take the socket out of trio's hands (it has set TCP_NODELAY)."""
    sock = socket.socket(fileno=stream.socket.detach())
    sock.settimeout(0)
    return PlainLink(sock, readiness)


def _loopback_names(host: str, origins: Iterable[str]) -> frozenset[str] | None:
    """Return under which names a port at *host* is reached; None if it is not on loopback.

    Once a page from elsewhere is loaded, its own name can be pointed at loopback: then it is of
    the same origin as we are, and only the name tells. A proxy in front passes on names of its
    own: the hosts of *origins*.
    """
    try:
        is_loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        return None
    own = f"[{host}]" if ":" in host else host
    behind = (name_of(urlsplit(origin).netloc.lower()) for origin in origins)
    return frozenset({"localhost", "127.0.0.1", "[::1]", own, *behind})


def _peer_name(peer: Sequence[object]) -> str:
    host, port = peer[0], peer[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
