"""The trio shell around the visits of one socket: reading at a bearable pace, keeping it alive.

::

    socket (transport)        DoorConnection                        its family's door, visits
    ------------------        ------------------------------        ----------------------------
    on_message(payload)   ->  wait: being let in, too many calls,
                              too many messages                 ->  take(payload)
    write(frames)         <-  outbox (bounds, cork)             <-  what visits say
    close_soon(code)      <-  every visit leaves                <-  close(code)
    pings, idle messages  <-  tick, every DOOR_TICK_S

A client that sends too much is read later, never refused: Yjs clients do not send again what was
refused. State: *open* -> *draining* (nothing more is read; open edits are still answered) ->
*closed*. Edits that a draining server did not read come again when the client reconnects.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import trio

from protocol.allowance import Allowance
from protocol.deadlines import Alarm
from protocol.errors import (
    CLOSE_BAD_PROTOCOL,
    CLOSE_GOING_AWAY,
    CLOSE_SERVER_ERROR,
    CLOSE_TRY_AGAIN,
    WireError,
)
from protocol.frames import ping_frame
from protocol.gateway import Identity, Peer
from protocol.limits import SILENCE_TIMEOUT_S, TOKEN_LEN_MAX
from protocol.metrics import ConnectionFigures
from protocol.outbox import Outbox
from protocol.server import WireServer
from protocol.socket import Socket
from protocol.yjs.door_answers import Answers
from protocol.yjs.door_board import Boards
from protocol.yjs.door_faces import Words
from protocol.yjs.door_visit import Visit
from protocol.yjs.errors import FrameRefused
from protocol.yjs.limits import DOOR_CALLS_MAX, DOOR_LARGE_BYTES, DOOR_TICK_S

_UNAUTHENTICATED: Final = WireError("unauthenticated", "the token is missing or too long")


class DoorConnection(ABC):
    """One live socket of a Yjs client. Implements ``server.Hosted`` and ``door_faces.Door``."""

    def __init__(
        self,
        server: WireServer,
        socket: Socket,
        boards: Boards,
        words: Words,
    ) -> None:
        self.server = server
        self.boards = boards
        self.words = words
        self.peer = Peer(socket.peer)
        self.outbox = Outbox(socket, server.corks, server.wheel, self._overflow)
        self.answers = Answers(self.outbox, self.start_child)
        self._socket = socket
        self._session_id = server.new_session_id()
        self._state = "open"
        self._is_begun = False
        self._open_calls = 0
        self._has_large = False  # Among them may be one with a large update.
        self._allowance = Allowance(trio.current_time(), server.message_rate)
        self._room = trio.lowlevel.ParkingLot()
        self._nursery: trio.Nursery | None = None
        self._watch = Alarm(server.wheel, self._tick)
        self._sent_at_tick = 0
        self._received_bytes = 0  # At the last sign of life, which was at:
        self._heard_at_s = trio.current_time()

    # ------------------------------------------------------------ for the family

    @abstractmethod
    async def begin(self) -> None:
        """Do what must be done before the first message is taken. Cancelled: it has ended."""

    @abstractmethod
    def take(self, payload: bytes) -> Awaitable[None] | None:
        """Take a message; the next one waits for what is returned.

        Raises:
          FrameRefused: it cannot be read.
        """

    @abstractmethod
    def visits(self) -> Iterable[Visit]:
        """Return the visits that are not over."""

    @abstractmethod
    def visit_over(self, visit: Visit, error: WireError) -> None:
        """Tell the client that the server has ended *visit*."""

    def keep_alive(self) -> None:
        """Say something that means nothing."""
        for visit in self.visits():
            visit.keep_alive()
            return

    async def authenticate(self, token: str) -> Identity:
        """Ask the gateway who *token* speaks for.

        Raises:
          WireError: nobody, or that cannot be told now.

        Cancelled: nothing happened.
        """
        if not token or len(token) > TOKEN_LEN_MAX:
            raise _UNAUTHENTICATED
        try:
            with trio.fail_after(self.server.handshake_timeout_s):
                return await self.server.gateway.authenticate(token, self.peer)
        except WireError:
            self.server.metrics.sessions_refused += 1
            raise
        except trio.TooSlowError:
            raise WireError("unavailable", "sign-in takes too long") from None
        except Exception as error:  # noqa: BLE001 -- a fault of the gateway is an answer
            raise self.server.fault("authenticate", error) from None

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Serve until the connection has ended. Cancelled: as if the client had gone."""
        try:
            async with trio.open_nursery() as self._nursery:
                self._watch.set(trio.current_time() + DOOR_TICK_S)
                self._nursery.start_soon(self._begin)
                await self._socket.serve(self._on_message, self.outbox.on_drained)
                self._release(has_client_left=True)
                self._nursery.cancel_scope.cancel()
        finally:
            self._release()

    def start_child(self, function: Callable[[], Awaitable[Any]]) -> None:
        """Run *function* as a child task, which ends with the connection at the latest."""
        if self._nursery is not None:
            self._nursery.start_soon(function)

    def drain(self, reason: str, reconnect_after_ms: int) -> None:  # noqa: ARG002 -- no word for it
        """Read nothing more; close when the last open call is answered."""
        if self._state == "open":
            self._state = "draining"
            self._close_if_drained()

    def finish(self) -> None:
        """Close without waiting for open calls."""
        self.close(CLOSE_GOING_AWAY, "drained")

    def fail(self) -> None:
        """Close after a fault of ours."""
        self.close(CLOSE_SERVER_ERROR, "internal")

    def abort(self) -> None:
        """Close at once, without a word."""
        self._release()
        self._socket.abort()

    def close(self, code: int, reason: str) -> None:
        """Leave all documents and close the WebSocket. Idempotent."""
        if self._state != "closed":
            self._release()
            # The reason may quote the client: the code says enough.
            self.server.notices.closed(self._session_id, self.peer.address, None, code, "door")
            self._socket.close_soon(code, reason)

    def hosts_of(self, user_id: str) -> Iterable[Visit]:
        """Return the visits of *user_id*."""
        return [visit for visit in self.visits() if visit.identity.user_id == user_id]

    def figures(self) -> ConnectionFigures:
        """Return what metrics and an admin want to know."""
        visits = list(self.visits())
        return ConnectionFigures(
            session_id=self._session_id,
            user_id=visits[0].identity.user_id if visits else None,
            peer=self.peer.address,
            state=self._state,
            backlog_bytes=self._socket.backlog_bytes,
            backlog_frames=self._socket.backlog_frames,
            open_calls=self._open_calls,
            subscriptions=len(visits),
            lagging=sum(visit.is_lagging for visit in visits),
        )

    # ------------------------------------------------------------ calls

    def call_started(self) -> None:
        """One more open call."""
        self._open_calls += 1

    def calls_settled(self, count: int) -> None:
        """So many fewer."""
        self._open_calls -= count
        self._has_large = self._has_large and self._open_calls > 0
        self._room.unpark_all()
        if self._state == "draining":
            self._close_if_drained()

    def _close_if_drained(self) -> None:
        if not self._open_calls:
            self.close(CLOSE_GOING_AWAY, "drained")

    # ------------------------------------------------------------ in

    async def _begin(self) -> None:
        await self.begin()
        self._is_begun = True
        self._room.unpark_all()

    def _on_message(self, is_text: bool, payload: bytes) -> Awaitable[None] | None:  # noqa: FBT001
        """Called by the socket's reader, which waits for what is returned."""
        self.server.metrics.messages_in += 1
        if is_text:
            self.close(CLOSE_BAD_PROTOCOL, "binary messages only")
            return None
        self._allowance.spend(trio.current_time())
        if self._is_full or self._allowance.is_spent:
            return self._take_later(payload)
        return self._take(payload)

    @property
    def _is_full(self) -> bool:
        return not self._is_begun or self._has_large or self._open_calls >= DOOR_CALLS_MAX

    async def _take_later(self, payload: bytes) -> None:
        """Take *payload* when that is bearable. Cancelled: the connection has ended."""
        if self._allowance.is_spent:
            await trio.sleep(self._allowance.retry_after_ms / 1000)
        while self._is_full and self._state == "open":
            await self._room.park()
        waiting = self._take(payload)
        if waiting is not None:
            await waiting

    def _take(self, payload: bytes) -> Awaitable[None] | None:
        if self._state != "open":
            return None
        try:
            waiting = self.take(payload)
        except FrameRefused as refusal:
            self.server.metrics.messages_unreadable += 1
            self.close(CLOSE_BAD_PROTOCOL, str(refusal))
            return None
        if len(payload) > DOOR_LARGE_BYTES:
            self._has_large = self._open_calls > 0
        return waiting

    # ------------------------------------------------------------ time and the end

    def _tick(self) -> None:
        now_s = trio.current_time()
        for visit in self.visits():
            visit.tick()
        if self._sent_bytes() == self._sent_at_tick:
            self.keep_alive()
        if self._socket.received_bytes != self._received_bytes:
            self._received_bytes = self._socket.received_bytes
            self._heard_at_s = now_s
        elif now_s - self._heard_at_s >= SILENCE_TIMEOUT_S:
            self.close(CLOSE_GOING_AWAY, "nothing heard")
        else:
            self.outbox.send(ping_frame())  # A client may have nothing to say for hours.
        self._sent_at_tick = self._sent_bytes()
        if self._state != "closed":
            self._watch.set(now_s + DOOR_TICK_S)

    def _sent_bytes(self) -> int:
        return self._socket.taken_bytes + self.outbox.waiting_bytes

    def _overflow(self) -> None:
        """The client does not read: the outbox's bounds are reached."""
        if self._state != "closed":
            self.server.metrics.slow_consumers += 1
            self.close(CLOSE_TRY_AGAIN, "slow consumer")

    def _release(self, *, has_client_left: bool = False) -> None:
        """Have all visits leave, stop every timer. Idempotent."""
        self._state = "closed"
        self._watch.stop()
        for visit in list(self.visits()):
            visit.leave(is_ours=not has_client_left)
        self.outbox.close()
        self._room.unpark_all()
