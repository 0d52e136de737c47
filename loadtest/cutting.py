"""Connections that can be cut like a cable: no goodbye, possibly in the middle of a frame."""

from __future__ import annotations

import socket
import struct
from contextlib import AbstractAsyncContextManager
from typing import Final

import trio

from protocol.client import Transport, websocket_connector

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 s.


class CuttingConnector:
    """A ``protocol.client.Connector`` whose newest connection can be cut from outside."""

    def __init__(self) -> None:
        self._connect = websocket_connector(open_tcp=self._open)
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

    async def _open(self, host: str, port: int) -> trio.abc.Stream:
        self._stream = None
        self._stream = await trio.open_tcp_stream(host, port)
        self.connects += 1
        return self._stream
