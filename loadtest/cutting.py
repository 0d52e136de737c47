"""Connections that can be cut like a cable: no goodbye, possibly in the middle of a frame."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import trio
import trio_websocket

from protocol.client import Payload, Transport, TransportClosed
from protocol.limits import HANDSHAKE_TIMEOUT_S, SERVER_FRAME_BYTES_MAX

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 s.


class CuttingConnector:
    """A ``protocol.client.Connector`` whose newest connection can be cut from outside."""

    def __init__(self) -> None:
        self._stream: trio.SocketStream | None = None
        self.cuts = 0
        self.connects = 0

    def __call__(self, url: str, subprotocol: str) -> AbstractAsyncContextManager[Transport]:
        """Open a connection; see ``protocol.client.Connector``."""
        return self._connect(url, subprotocol)

    def cut(self) -> None:
        """Reset the TCP connection: what is on the way in either direction is lost."""
        if self._stream is not None:
            linger = (socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._stream.socket.setsockopt(*linger)
            self._stream.socket.close()
            self._stream = None
            self.cuts += 1

    @asynccontextmanager
    async def _connect(self, url: str, subprotocol: str) -> AsyncIterator[Transport]:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        try:
            stream = await trio.open_tcp_stream(host, port)
        except OSError as error:
            raise TransportClosed(f"cannot connect: {error}") from None
        try:
            async with trio.open_nursery() as nursery:
                with trio.fail_after(HANDSHAKE_TIMEOUT_S):
                    websocket = await trio_websocket.wrap_client_stream(
                        nursery,
                        stream,
                        f"{host}:{port}",
                        parts.path,
                        subprotocols=[subprotocol],
                        max_message_size=SERVER_FRAME_BYTES_MAX,
                    )
                self._stream = stream
                self.connects += 1
                yield _Cuttable(websocket)
                nursery.cancel_scope.cancel()
        except* (trio_websocket.HandshakeError, trio_websocket.ConnectionClosed) as errors:
            raise TransportClosed(f"{errors.exceptions[0]!r}") from None
        except* (trio.TooSlowError, OSError, trio.BrokenResourceError) as errors:
            raise TransportClosed(f"{errors.exceptions[0]!r}") from None
        finally:
            self._stream = None
            await trio.aclose_forcefully(stream)


class _Cuttable:
    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket

    async def send(self, payload: Payload) -> None:
        try:
            await self._websocket.send_message(payload)
        except (trio_websocket.ConnectionClosed, trio.ClosedResourceError) as error:
            raise TransportClosed(repr(error)) from None

    async def receive(self) -> Payload:
        try:
            payload: Payload = await self._websocket.get_message()
        except (trio_websocket.ConnectionClosed, trio.ClosedResourceError) as error:
            raise TransportClosed(repr(error)) from None
        return payload

    async def close(self) -> None:
        """Without a goodbye: a cable does not say any."""
