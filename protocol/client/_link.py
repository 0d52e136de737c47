"""One connection, from opening to its end: hello, one writer, one reader, keepalive.

::

    client                              link
    run(connect, url, token)        ->  opens, says hello
    on_live(welcome)                <-  welcome: the writer and keepalive start
    post(message), queue.take()     ->  the writer sends: small messages first, then calls
    deliver(message)                <-  whatever is not the link's own business
    leave()                         ->  goodbye; run returns

One task writes, because a cancelled send leaves half a frame. One task reads and never waits for
anything else, because a full receive queue would stop the pongs. ``run`` returns why it ended and
raises nothing but ``Cancelled`` and ``ConnectFailed``.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import trio
from attrs import define

from protocol.client._errors import TransportClosed
from protocol.client._queue import CallQueue
from protocol.client._transport import Connector, Payload, Transport
from protocol.codec import decode_server, encode_client
from protocol.errors import WireError
from protocol.limits import DRAIN_WAIT_S, GOODBYE_TIMEOUT_S, HANDSHAKE_TIMEOUT_S, LINK_QUEUE_MAX
from protocol.messages import (
    SUBPROTOCOL_JSON,
    ClientMessage,
    Error,
    Goodbye,
    Hello,
    Ping,
    Pong,
    ServerMessage,
    SetPresence,
    Welcome,
)

_LOG = logging.getLogger("protocol.client")
_KEEPALIVE_SHARE = 0.8  # Of the server's interval: a ping is on its way before it is missed.


@define
class LinkEnd:
    """Why a link ended. The first reason counts."""

    reason: str = ""
    code: int | None = None  # WebSocket close code
    is_ours: bool = False  # We closed it for what the server has sent.
    refusal: Error | None = None  # The answer to our hello, if it was not a welcome.
    reconnect_after_s: float | None = None
    lived_s: float = 0.0  # Time since the welcome.


def encode_payload(message: ClientMessage, subprotocol: str) -> Payload:
    """Return *message* as the transport sends it: text for JSON, bytes for MessagePack.

    Raises:
      TypeError, ValueError: the encoding cannot carry something in it.
    """
    payload = encode_client(message, subprotocol)
    return payload.decode() if subprotocol == SUBPROTOCOL_JSON else payload


class Link:
    """One connection. ``is_live`` between welcome and end."""

    def __init__(
        self,
        subprotocol: str,
        queue: CallQueue,
        *,
        on_live: Callable[[Welcome], None],
        deliver: Callable[[ServerMessage], None],
    ) -> None:
        self.is_live = False
        self.latency_ms: float | None = None
        self._subprotocol = subprotocol
        self._queue = queue
        self._on_live = on_live
        self._deliver = deliver
        self._end: LinkEnd | None = None
        self._refusal: Error | None = None
        self._reconnect_after_s: float | None = None
        self._is_draining = False  # The server said goodbye; it takes nothing new.
        self._live_since = math.inf
        self._scope = trio.CancelScope()
        self._tasks: trio.Nursery | None = None
        self._posted: deque[Payload] = deque()
        self._presence: dict[str, Payload] = {}  # Only the newest of each target is sent.
        self._writable = trio.lowlevel.ParkingLot()
        self._ping_sent_at: tuple[int, float] = (0, 0.0)
        self._heard = 0  # Messages received: any of them proves that the server lives.

    async def run(self, connect: Connector, url: str, token: str) -> LinkEnd:
        """Open the connection and keep it until it ends; return why.

        Raises:
          ConnectFailed: the connector says that trying again is pointless.

        Cancelled: the connection is closed without a goodbye.
        """
        self._scope.deadline = trio.current_time() + HANDSHAKE_TIMEOUT_S
        with self._scope:
            try:
                async with connect(url, self._subprotocol) as transport:
                    await self._hold(transport, token)
            except TransportClosed as closed:
                self._transport_closed(closed)
        self.is_live = False
        self._queue.changed = _nothing
        end = self._end or LinkEnd("the server did not answer in time")
        end.refusal, end.reconnect_after_s = self._refusal, self._reconnect_after_s
        end.lived_s = max(0.0, trio.current_time() - self._live_since)
        return end

    def post(self, message: ClientMessage) -> None:
        """Send a small message before all waiting calls. Dropped if the link cannot take it."""
        if not self.is_live or self._is_draining:
            return
        payload = encode_payload(message, self._subprotocol)
        if isinstance(message, SetPresence):
            self._presence[message.target] = payload
        elif len(self._posted) >= LINK_QUEUE_MAX:
            self._abort("the connection takes nothing")
        else:
            self._posted.append(payload)
        self._writable.unpark_all()

    def start_soon(self, task: Callable[..., Any], *args: Any) -> None:
        """Run *task* at most as long as this link."""
        if self._tasks is not None:
            self._tasks.start_soon(task, *args)

    def leave(self) -> None:
        """Close the connection with a goodbye of the transport; ``run`` returns soon."""
        self._finish("left")
        if not self.is_live:
            self._scope.cancel()

    # ------------------------------------------------------------ the session

    async def _hold(self, transport: Transport, token: str) -> None:
        """Hold the session. Nothing but ``Cancelled`` passes the connector's block from here."""
        hello = Hello(token=token, client="collab-python")
        try:
            await transport.send(encode_payload(hello, self._subprotocol))
        except TransportClosed as closed:
            self._transport_closed(closed)
            return
        async with trio.open_nursery() as self._tasks:
            await self._read(transport)
        with trio.move_on_after(GOODBYE_TIMEOUT_S):
            await transport.close()

    async def _read(self, transport: Transport) -> None:
        try:
            while self._end is None:
                message = decode_server(await transport.receive(), self._subprotocol)
                self._heard += 1
                self._take(message, transport)
        except TransportClosed as closed:
            self._transport_closed(closed)
        except WireError as error:
            self._abort(f"the server sent something unreadable: {error}")

    def _take(self, message: ServerMessage, transport: Transport) -> None:
        if type(message) is Pong:
            n, sent_at = self._ping_sent_at
            if message.n == n:
                self.latency_ms = (trio.current_time() - sent_at) * 1000
        elif type(message) is Goodbye:
            self._drain(message)
        elif self.is_live:
            self._deliver(message)
        elif type(message) is Welcome:
            self._go_live(message, transport)
        elif type(message) is Error:
            self._refusal = message
            self._finish(f"refused: {message.code}")
        if self._is_draining and not self._queue.in_flight:
            self._finish("the server said goodbye")

    def _go_live(self, welcome: Welcome, transport: Transport) -> None:
        assert self._tasks is not None
        self.is_live = True
        self._live_since = trio.current_time()
        self._scope.deadline = math.inf
        self._queue.changed = self._wake_writer
        self._tasks.start_soon(self._write, transport)
        self._tasks.start_soon(self._keep_alive, welcome.keepalive_ms / 1000 * _KEEPALIVE_SHARE)
        self._on_live(welcome)

    def _drain(self, goodbye: Goodbye) -> None:
        """Take the answers of calls in flight, then go; nothing new is sent."""
        if goodbye.reconnect_after_ms is not None:
            self._reconnect_after_s = goodbye.reconnect_after_ms / 1000
        self._is_draining = True
        self._scope.deadline = trio.current_time() + DRAIN_WAIT_S

    # ------------------------------------------------------------ writing

    async def _write(self, transport: Transport) -> None:
        try:
            while True:
                payload = self._next_payload()
                if payload is not None:
                    await transport.send(payload)
                    continue
                next_at = self._queue.pace.next_at
                with trio.move_on_at(next_at if next_at > trio.current_time() else math.inf):
                    await self._writable.park()
        except TransportClosed as closed:
            self._transport_closed(closed)

    def _next_payload(self) -> Payload | None:
        # Presence first: what comes before the end of its subscription must not arrive after it.
        if self._presence and not self._is_draining:
            return self._presence.pop(next(iter(self._presence)))
        if self._posted:
            return self._posted.popleft()
        if self._is_draining:
            return None
        return self._queue.take(trio.current_time())

    async def _keep_alive(self, interval_s: float) -> None:
        """Ping at once, for the latency, and every *interval_s*; end a link that is silent."""
        n = 0
        while True:
            n += 1
            heard, self._ping_sent_at = self._heard, (n, trio.current_time())
            self.post(Ping(n=n))
            await trio.sleep(interval_s)
            if self._heard == heard:
                self._abort("the server fell silent")
                return

    def _wake_writer(self) -> None:
        self._writable.unpark_all()

    # ------------------------------------------------------------ ending

    def _transport_closed(self, closed: TransportClosed) -> None:
        self._finish(closed.reason, code=closed.code, is_ours=closed.is_ours)

    def _finish(self, reason: str, *, code: int | None = None, is_ours: bool = False) -> None:
        """End the session; the transport may still say goodbye."""
        if self._end is None:
            _LOG.debug("link ends: %s (%s)", reason, code)
            self._end = LinkEnd(reason, code, is_ours)
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    def _abort(self, reason: str) -> None:
        """End the session and drop the connection as it is: the peer may not answer."""
        self._finish(reason)
        self._scope.cancel()


def _nothing() -> None:
    """The queue has nobody to tell while there is no link."""
