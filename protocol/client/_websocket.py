"""The default connector: WebSocket over TCP or TLS, with trio-websocket.

We open and close the stream ourselves: trio-websocket leaves its socket open when the server closes
first, and waits for ever when the server hangs up during the handshake.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, cast
from urllib.parse import SplitResult, urlsplit

import trio
import trio_websocket

from protocol.client._errors import TransportClosed
from protocol.client._transport import Connector, Payload, Transport
from protocol.errors import CLOSE_TOO_BIG, ConnectFailed
from protocol.limits import GOODBYE_TIMEOUT_S, SERVER_FRAME_BYTES_MAX

OpenTcp = Callable[[str, int], Awaitable[trio.abc.Stream]]

# HTTP answers to the handshake that another attempt may get past, like all from 500 on.
_RETRYABLE_STATUS: Final = frozenset({408, 425, 429})


def check_url(url: str) -> None:
    """Refuse what can never be connected to.

    Raises:
      ValueError: *url* is not ``ws://`` or ``wss://`` with a host and a possible port.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.port == 0:
        raise ValueError(f"not a WebSocket address: {url!r}")


def websocket_connector(
    *, ssl_context: ssl.SSLContext | None = None, open_tcp: OpenTcp = trio.open_tcp_stream
) -> Connector:
    """Return a connector over WebSocket.

    Args:
      ssl_context: for ``wss:``; None: the system's.
      open_tcp: opens the stream of a ``ws:`` address, of host and port, for those who must have it
        in hand: through a proxy, or to cut it. Raises OSError if there is no connection.
    """

    def connect(url: str, subprotocol: str) -> AbstractAsyncContextManager[Transport]:
        return _open_websocket(url, subprotocol, ssl_context, open_tcp)

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
        with trio.move_on_after(GOODBYE_TIMEOUT_S):
            await self._websocket.aclose()


class _HandshakeStream(trio.abc.Stream):
    """Makes the end of the stream an error until the handshake is done."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.is_open = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            chunk = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError:
            if self.is_open:
                raise
            chunk = b""
        if not chunk and not self.is_open:
            raise TransportClosed("the server hung up during the handshake")
        return chunk

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def _open_websocket(
    url: str, subprotocol: str, ssl_context: ssl.SSLContext | None, open_tcp: OpenTcp
) -> AsyncIterator[Transport]:
    """Open one WebSocket, for one block; the caller bounds the handshake in time."""
    parts = urlsplit(url)
    stream = _HandshakeStream(await _open_stream(parts, ssl_context, open_tcp))
    is_ours = True
    try:
        async with stream, trio.open_nursery() as nursery:
            websocket = await trio_websocket.wrap_client_stream(
                nursery,
                cast("trio.SocketStream", stream),  # Any stream will do.
                parts.netloc.rpartition("@")[2],
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                subprotocols=[subprotocol],
                max_message_size=SERVER_FRAME_BYTES_MAX,
            )
            stream.is_open = True
            transport = _WebSocketTransport(websocket)
            is_ours = websocket.subprotocol == subprotocol
            if is_ours:
                yield transport
            await transport.close()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _first_failure(group) from None
    if not is_ours:
        raise ConnectFailed("no_subprotocol", f"the server does not speak {subprotocol}")


async def _open_stream(
    parts: SplitResult, ssl_context: ssl.SSLContext | None, open_tcp: OpenTcp
) -> trio.abc.Stream:
    host = parts.hostname or ""
    try:
        if parts.scheme == "ws":
            return await open_tcp(host, parts.port or 80)
        stream = await trio.open_ssl_over_tcp_stream(
            host,
            parts.port or 443,
            https_compatible=True,
            ssl_context=ssl_context or ssl.create_default_context(),
        )
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailed("bad_certificate", str(error)) from error
    except (OSError, trio.BrokenResourceError) as error:
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            raise ConnectFailed("bad_certificate", str(error.__cause__)) from error
        raise TransportClosed(f"cannot connect: {_why(error)}") from error
    return stream


def _why(error: BaseException) -> str:
    """Return the reason below trio's errors, which say only that something did not work."""
    while error.__cause__ is not None:
        error = error.__cause__
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]  # One for each address of the host.
    if isinstance(error, ssl.SSLError):
        return f"no TLS session: {error.reason or error}"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # A name that is not found has a number below 0.
    return str(error) or type(error).__name__


def _first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what to raise for the reader's failure; a cancellation goes first."""
    failed, rest = group.split((TransportClosed, trio_websocket.ConnectionRejected))
    if rest is not None or failed is None:
        return rest or group
    error = failed.exceptions[0]
    if not isinstance(error, trio_websocket.ConnectionRejected):
        return error
    status = error.status_code
    if 400 <= status < 500 and status not in _RETRYABLE_STATUS:
        return ConnectFailed(f"http_{status}", "the server refused the handshake")
    return TransportClosed(f"the handshake was answered with HTTP {status}")


def _transport_closed(closed: Any) -> TransportClosed:
    reason = closed.reason
    if reason is None:
        return TransportClosed("closed")
    # The library does not tell who closed; but its own words for a large message hold our bound.
    is_ours = reason.code == CLOSE_TOO_BIG and str(SERVER_FRAME_BYTES_MAX) in (reason.reason or "")
    return TransportClosed(reason.reason or reason.name, code=reason.code, is_ours=is_ours)
