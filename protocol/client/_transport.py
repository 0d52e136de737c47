"""How the client reaches a server: whole messages over something that can break.

A *connector* opens one connection. The default (``_websocket``) speaks WebSocket; tests and
simulations give one that connects two ends in memory, under virtual time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

Payload = bytes | str  # str travels as a text frame, bytes as a binary one.


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


# (url, subprotocol) -> an open connection. Entering it raises TransportClosed (try again) or
# ConnectFailed (do not). Its block raises nothing but Cancelled, so it may hold a nursery.
Connector = Callable[[str, str], AbstractAsyncContextManager[Transport]]
