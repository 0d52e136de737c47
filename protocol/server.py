"""The wire server: all connections, their clock, and their end.

``handle`` is given to the port for each accepted WebSocket; ``run`` is its one background task;
``drain`` ends everything politely.
"""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

import trio

from protocol.allowance import MessageRate
from protocol.codec import SUBPROTOCOLS
from protocol.connection import WireConnection
from protocol.deadlines import DeadlineWheel
from protocol.errors import CLOSE_BAD_PROTOCOL, WireError
from protocol.gateway import Gateway
from protocol.host import Host
from protocol.limits import (
    GOODBYE_TIMEOUT_S,
    HANDSHAKE_TIMEOUT_S,
    OVERLOAD_SPREAD_MAX_MS,
    OVERLOAD_SPREAD_MIN_MS,
    RECONNECT_SPREAD_MAX_MS,
    RECONNECT_SPREAD_MIN_MS,
)
from protocol.metrics import ConnectionFigures, Metrics
from protocol.notices import Notices
from protocol.outbox import Cork
from protocol.pressure import Pressure
from protocol.socket import Socket

_LOG: Final = logging.getLogger("protocol.server")


class Hosted(Protocol):
    """One live connection, as its server sees it."""

    async def run(self) -> None:
        """Serve until it has ended. Cancelled: as if the peer had gone."""
        ...

    def drain(self, reason: str, reconnect_after_ms: int) -> None:
        """Say goodbye; close when the last open call is answered."""
        ...

    def finish(self) -> None:
        """Close without waiting for open calls."""
        ...

    def abort(self) -> None:
        """Close at once, without a word."""
        ...

    def fail(self) -> None:
        """Close because of a fault of ours."""
        ...

    def figures(self) -> ConnectionFigures:
        """Return what metrics and an admin want to know."""
        ...

    def hosts_of(self, user_id: str) -> Iterable[Host]:
        """Return what here speaks for *user_id*."""
        ...


class WireServer:
    """Serves one gateway to any number of connections.

    Args:
      clock_ms: Unix time; tokens end by it.
      session_ids: makes ids that nobody can guess.
      rng: spreads reconnects, and names faults.
      handshake_timeout_s: from the accepted WebSocket to an accepted hello.
      message_rate: what one connection may send; None: the default of ``protocol.limits``.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        clock_ms: Callable[[], int],
        session_ids: Callable[[], str],
        rng: random.Random,
        message_rate: MessageRate | None = None,
        handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
    ) -> None:
        self.handshake_timeout_s = handshake_timeout_s
        self.message_rate = message_rate or MessageRate()
        self.gateway = gateway
        self.clock_ms = clock_ms
        self.metrics = Metrics()
        self.notices = Notices()
        self.wheel = DeadlineWheel()
        self.corks = Cork()
        self.pressure = Pressure()
        self.new_session_id = session_ids
        self._rng = rng
        self._connections: dict[Hosted, None] = {}  # In order of arrival: a drain is repeatable.
        self._drain_reason: str | None = None
        self._all_gone = trio.lowlevel.ParkingLot()

    # ------------------------------------------------------------ faces

    @property
    def connection_count(self) -> int:
        """Live connections."""
        return len(self._connections)

    @property
    def connections(self) -> Sequence[ConnectionFigures]:
        """Figures of every live connection, at this moment."""
        return [connection.figures() for connection in self._connections]

    def hosts_of(self, user_id: str) -> Sequence[Host]:
        """Return all that speaks for *user_id* at this moment, of whatever protocol."""
        return [host for one in self._connections for host in one.hosts_of(user_id)]

    def cork(self) -> AbstractContextManager[None]:
        """Collect what is sent inside, and write once per connection at the end.

        Re-entrant. Synchronous: never await inside.
        """
        return self.corks

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch deadlines for ever. Cancelled: none fires any more."""
        task_status.started()
        await self.wheel.run()

    async def handle(self, socket: Socket) -> None:
        """Serve one accepted WebSocket until it has ended. Raises nothing.

        Cancelled: as if the peer had gone; closing the socket is its owner's business.
        """
        if socket.subprotocol not in SUBPROTOCOLS:
            socket.close_soon(CLOSE_BAD_PROTOCOL, f"ask for one of {', '.join(SUBPROTOCOLS)}")
            return
        await self.host(WireConnection(self, socket, self.new_session_id(), socket.subprotocol))

    async def host(self, connection: Hosted) -> None:
        """Run *connection*, of whatever protocol, as one of ours until it has ended.

        Raises nothing. Cancelled: as if the peer had gone.
        """
        self._connections[connection] = None
        self.metrics.connections_opened += 1
        if self._drain_reason is not None:
            connection.drain(self._drain_reason, self.reconnect_after_ms())
        try:
            await connection.run()
        except* Exception as group:  # noqa: BLE001 -- one connection's fault is nobody else's
            self.fault("connection", group)
            connection.fail()
        finally:
            self._connections.pop(connection, None)
            self.metrics.connections_closed += 1
            if not self._connections:
                self._all_gone.unpark_all()

    async def drain(self, reason: str, *, timeout_s: float) -> None:
        """Say goodbye to all, wait up to *timeout_s* for open calls, close, wait for the ends.

        Takes at most ``timeout_s + 2 * GOODBYE_TIMEOUT_S``. New connections get the goodbye too.

        Cancelled: connections that are left stay as they are, draining.
        """
        self._drain_reason = reason
        with self.corks:
            for connection in list(self._connections):
                connection.drain(reason, self.reconnect_after_ms())
        await self._wait_gone(timeout_s)
        for connection in list(self._connections):
            connection.finish()
        await self._wait_gone(GOODBYE_TIMEOUT_S)
        for connection in list(self._connections):
            connection.abort()
        await self._wait_gone(GOODBYE_TIMEOUT_S)

    async def _wait_gone(self, timeout_s: float) -> None:
        with trio.move_on_after(timeout_s):
            while self._connections:
                await self._all_gone.park()

    # ------------------------------------------------------------ for connections

    def reconnect_after_ms(self) -> int:
        """Return when a client should come back: spread, so that not all come at once."""
        return self._rng.randint(RECONNECT_SPREAD_MIN_MS, RECONNECT_SPREAD_MAX_MS)

    def overloaded(self) -> WireError | None:
        """Return the refusal of a call that could not be served in time, if now it could not."""
        if not self.pressure.is_high:
            return None
        self.metrics.calls_overloaded += 1
        again_ms = self._rng.randint(OVERLOAD_SPREAD_MIN_MS, OVERLOAD_SPREAD_MAX_MS)
        return WireError("overloaded", "more than we can do now", retry_after_ms=again_ms)

    def fault(self, where: str, error: BaseException) -> WireError:
        """Log an exception of ours under a fresh id; return what the client may know.

        The exception's own words stay out of the log: they may quote a token or a message.
        """
        self.metrics.faults += 1
        error_id = f"{self._rng.getrandbits(64):016x}"
        _LOG.error("fault %s in %s: %s\n%s", error_id, where, _kinds(error), _stack(error))
        return WireError("internal", "a fault of the server", error_id=error_id)


def _kinds(error: BaseException) -> str:
    name = type(error).__qualname__
    if isinstance(error, BaseExceptionGroup):
        return f"{name}({', '.join(map(_kinds, error.exceptions))})"
    return name


def _stack(error: BaseException) -> str:
    """Return where *error* and its causes were raised, without what they say."""
    parts = ["".join(traceback.format_tb(error.__traceback__))]
    if isinstance(error, BaseExceptionGroup):
        parts += map(_stack, error.exceptions)
    elif error.__cause__ is not None:
        parts.append(f"caused by {_kinds(error.__cause__)}\n{_stack(error.__cause__)}")
    return "".join(parts).rstrip()
