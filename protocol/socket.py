"""What the session's shell needs of a WebSocket: ``protocol.transport.ServerSocket`` has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol


class Socket(Protocol):
    """One accepted WebSocket, server side."""

    @property
    def subprotocol(self) -> str | None:
        """What the handshake agreed on."""
        ...

    @property
    def peer(self) -> str:
        """``host:port``."""
        ...

    @property
    def backlog_bytes(self) -> int:
        """Bytes written but not yet taken by the kernel."""
        ...

    @property
    def backlog_frames(self) -> int:
        """Writes not yet taken by the kernel."""
        ...

    @property
    def taken_bytes(self) -> int:
        """Bytes that the kernel has taken in all: progress."""
        ...

    @property
    def received_bytes(self) -> int:
        """Bytes that came from the peer, control frames included: a sign of life."""
        ...

    def write(self, data: bytes) -> int:
        """Send whole server frames, or queue them; return ``backlog_bytes``.

        Never waits, never raises.
        """
        ...

    async def serve(
        self,
        on_message: Callable[[bool, bytes], Awaitable[Any] | None],
        on_drained: Callable[[], None] | None = None,
    ) -> object:
        """Hand over every message until the connection ends.

        Cancelled: no further message is handed over.
        """
        ...

    def close_soon(self, code: int, reason: str = "") -> None:
        """Begin the bounded close handshake; ``serve`` returns when it is over."""
        ...

    def abort(self) -> None:
        """Close the socket at once; ``serve`` returns."""
        ...
