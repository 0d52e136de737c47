"""How the client reaches a server: whole messages over something that can break.

A *connector* opens one connection. The default speaks WebSocket; tests and simulations give one
that connects two ends in memory, under virtual time.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import trio_websocket

from protocol.client._errors import TransportClosed
from protocol.errors import ConnectFailed
from protocol.limits import GOODBYE_TIMEOUT_S, HANDSHAKE_TIMEOUT_S, SERVER_FRAME_BYTES_MAX

Payload = bytes | str  # str travels as a text frame, bytes as a binary one.

# HTTP answers to the handshake that another attempt may get past.
_RETRYABLE_STATUS = frozenset({408, 425, 429})


class Transport(Protocol):
    """One open connection. The client sends from one task and receives in another."""

    async def send(self, payload: Payload) -> None:
        """Send one message.

        Raises:
          TransportClosed: the connection is over; whether it arrived is unknown.

        Cancelled: half of it may be on the way, so the connection must not be used again.
        """
        ...

    async def receive(self) -> Payload:
        """Return the next message.

        Raises:
          TransportClosed: the connection is over and everything received was returned.

        Cancelled: nothing is lost.
        """
        ...

    async def close(self) -> None:
        """Say goodbye to the peer, in bounded time. Cancelled: closed without a goodbye."""
        ...


# (url, subprotocol) -> an open connection. Raises TransportClosed (try again) or ConnectFailed.
Connector = Callable[[str, str], AbstractAsyncContextManager[Transport]]


def check_url(url: str) -> None:
    """Refuse what can never be connected to.

    Raises:
      ValueError: *url* is not ``ws://`` or ``wss://`` with a host.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"not a WebSocket address: {url!r}")


def websocket_connector(*, ssl_context: ssl.SSLContext | None = None) -> Connector:
    """Return a connector over WebSocket; *ssl_context* is for ``wss:``, None the system's."""

    def connect(url: str, subprotocol: str) -> AbstractAsyncContextManager[Transport]:
        return _open_websocket(url, subprotocol, ssl_context)

    return connect


class _WebSocketTransport:
    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket

    async def send(self, payload: Payload) -> None:
        try:
            await self._websocket.send_message(payload)
        except trio_websocket.ConnectionClosed as closed:
            raise _transport_closed(closed) from None

    async def receive(self) -> Payload:
        try:
            payload: Payload = await self._websocket.get_message()
        except trio_websocket.ConnectionClosed as closed:
            raise _transport_closed(closed) from None
        return payload

    async def close(self) -> None:
        await self._websocket.aclose()


@asynccontextmanager
async def _open_websocket(
    url: str, subprotocol: str, ssl_context: ssl.SSLContext | None
) -> AsyncIterator[Transport]:
    """Open one WebSocket; on the way out say goodbye, waiting at most ``GOODBYE_TIMEOUT_S``."""
    opening = trio_websocket.open_websocket_url(
        url,
        ssl_context,
        subprotocols=[subprotocol],
        max_message_size=SERVER_FRAME_BYTES_MAX,
        connect_timeout=HANDSHAKE_TIMEOUT_S,
        disconnect_timeout=GOODBYE_TIMEOUT_S,
    )
    try:
        async with opening as websocket:
            if websocket.subprotocol != subprotocol:
                raise ConnectFailed("no_subprotocol", f"the server does not speak {subprotocol}")
            yield _WebSocketTransport(websocket)
    except trio_websocket.DisconnectionTimeout:
        pass  # The peer did not answer our close; the socket is closed all the same.
    except trio_websocket.ConnectionRejected as rejected:
        status = rejected.status_code
        if 400 <= status < 500 and status not in _RETRYABLE_STATUS:
            raise ConnectFailed(f"http_{status}", "the server refused the handshake") from None
        raise TransportClosed(f"the handshake was answered with HTTP {status}") from None
    except trio_websocket.HandshakeError as error:
        raise TransportClosed(f"cannot connect: {error.__cause__ or error!r}") from None


def _transport_closed(closed: Any) -> TransportClosed:
    reason = closed.reason
    if reason is None:
        return TransportClosed("closed")
    return TransportClosed(reason.reason or reason.name, code=reason.code)
