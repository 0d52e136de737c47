"""The trio shell around one session: performs its effects, and ends its children with it.

::

    socket (transport)          connection                       session (pure), gateway
    ------------------          ----------                       -----------------------
    on_message(payload)    ->   decode                       ->  receive -> effects
    write(frames)          <-   outbox (bounds, cork)        <-  Send
    close_soon(code)       <-   release everything           <-  CloseWith
    (waits)                <-   await authenticate           <-  Authenticate
                                WireCall, its deadline       <-  StartCall          -> call
                                WireSubscription             <-  StartSubscription  -> subscribe
    on_drained()           ->   outbox, waking catch_up

An ordinary call starts no task: the reader's task hands it to the gateway, and whoever answers
writes to the socket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import trio

from protocol import effects as do
from protocol.call import WireCall
from protocol.codec import decode, encode
from protocol.deadlines import Alarm
from protocol.errors import (
    CLOSE_SERVER_ERROR,
    CLOSE_UNAUTHENTICATED,
    ProtocolViolation,
    Unreadable,
    WireError,
)
from protocol.gateway import EventFrame, Identity, Peer, PresenceFrame
from protocol.host import Host
from protocol.limits import (
    KEEPALIVE_INTERVAL_S,
    LIFE_LOOK_S,
    TOKEN_GRACE_S,
)
from protocol.messages import SUBPROTOCOL_JSON, Error, ServerMessage, Welcome
from protocol.metrics import ConnectionFigures
from protocol.outbox import Outbox
from protocol.pauses import Pauses
from protocol.session import Effects, Session
from protocol.signs_of_life import Sign, SignsOfLife
from protocol.socket import Socket
from protocol.subscription import Phase, WireSubscription

if TYPE_CHECKING:
    from protocol.server import WireServer


class WireConnection(Host):
    """One live connection. Implements ``gateway.Connection``."""

    def __init__(
        self, server: WireServer, socket: Socket, session_id: str, subprotocol: str
    ) -> None:
        self.server = server
        self.session_id = session_id
        self.subprotocol = self.form = subprotocol
        self.peer = Peer(socket.peer)
        self.outbox = Outbox(socket, server.corks, server.wheel, self._overflow)
        self._socket = socket
        self._session = Session(trio.current_time(), server.message_rate)
        self._identity: Identity | None = None
        self._calls: dict[int, WireCall] = {}
        self._subscriptions: dict[int, WireSubscription] = {}
        self._pauses = Pauses(server.wheel, self.hand_back)
        self._nursery: trio.Nursery | None = None
        self._handshake = Alarm(server.wheel, self._handshake_due)
        self._silence = Alarm(server.wheel, self._check_silence)
        self._token = Alarm(server.wheel, self._token_due)
        self._heard_s = trio.current_time()  # The newest message.
        self._life = SignsOfLife(self._heard_s)

    @property
    def identity(self) -> Identity:
        """Who speaks; replaced by a token refresh. Only after an accepted hello."""
        assert self._identity is not None
        return self._identity

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Serve until the connection has ended; everything that belongs to it has ended then.

        Cancelled: calls are abandoned and subscriptions handed back, as at any other end.
        """
        try:
            async with trio.open_nursery() as self._nursery:
                now_s = trio.current_time()
                self._handshake.set(now_s + self.server.handshake_timeout_s)
                self._silence.set(now_s + LIFE_LOOK_S)
                await self._socket.serve(self._on_message, self.outbox.on_drained)
                self._release(has_client_left=True)
                self._nursery.cancel_scope.cancel()
        finally:
            self._release()

    def start_child(self, function: Callable[[], Awaitable[Any]]) -> None:
        """Run *function* as a child task, which ends with the connection at the latest."""
        if self._nursery is not None:
            self._nursery.start_soon(function)

    def drain(self, reason: str, reconnect_after_ms: int) -> None:
        """Say goodbye; close when the last open call is answered."""
        self._perform(self._session.drain(reason, reconnect_after_ms))

    def finish(self) -> None:
        """Close without waiting for open calls."""
        self._perform(self._session.drained())

    def fail(self) -> None:
        """Close after a fault of ours that no answer could tell."""
        self._close(do.CloseWith(CLOSE_SERVER_ERROR, "internal"))

    def abort(self) -> None:
        """Close at once, without a word."""
        self._release()
        self._socket.abort()

    def hosts_of(self, user_id: str) -> tuple[WireConnection, ...]:
        """Return this connection, if it speaks for *user_id*."""
        return (self,) if self._identity is not None and self._identity.user_id == user_id else ()

    def sign_out(self, error: WireError) -> None:
        """Say *error* and close: the token that opened this counts no more."""
        self._send(Error(code=error.code, message=error.message))
        self._close(do.CloseWith(CLOSE_UNAUTHENTICATED, "signed out"))

    def figures(self) -> ConnectionFigures:
        """Return what metrics and an admin want to know."""
        lagging = sum(s.phase is Phase.LAGGING for s in self._subscriptions.values())
        return ConnectionFigures(
            session_id=self.session_id,
            user_id=self._session.user_id,
            peer=self.peer.address,
            state=self._session.state.value,
            backlog_bytes=self._socket.backlog_bytes,
            backlog_frames=self._socket.backlog_frames,
            open_calls=len(self._calls),
            subscriptions=len(self._subscriptions),
            lagging=lagging,
        )

    # ------------------------------------------------------------ in

    def _on_message(self, is_text: bool, payload: bytes) -> Awaitable[None] | None:  # noqa: FBT001
        """Called by the socket's reader, which waits for what is returned."""
        metrics = self.server.metrics
        metrics.messages_in += 1
        self._life.messages += 1
        now_s = self._heard_s = trio.current_time()
        if is_text is not (self.subprotocol == SUBPROTOCOL_JSON):
            mixed_up = ProtocolViolation("bad_request", "text and binary frames are mixed up")
            return self._perform(self._session.unreadable(mixed_up, now_s))
        try:
            message = decode(payload, self.subprotocol)
        except (Unreadable, ProtocolViolation) as error:
            metrics.messages_unreadable += 1
            return self._perform(self._session.unreadable(error, now_s))
        return self._perform(self._session.receive(message, now_s))

    def _perform(self, effects: Effects) -> Awaitable[None] | None:
        """Do what the session wants, in order. Only a token check has to be waited for."""
        for effect in effects:
            if type(effect) is do.Authenticate:
                return self._authenticate(effect)
            _PERFORM[type(effect)](self, effect)
        return None

    async def _authenticate(self, effect: do.Authenticate) -> None:
        """Ask the gateway. Nothing else of this client is read meanwhile, so order holds."""
        if effect.ref is None:
            self.peer = Peer(self.peer.address, effect.client)
        try:
            with trio.fail_after(self.server.handshake_timeout_s):
                identity = await self.server.gateway.authenticate(effect.token, self.peer)
        except WireError as error:
            self._refuse(effect.ref, error)
        except trio.TooSlowError:
            self._refuse(effect.ref, WireError("unavailable", "sign-in takes too long"))
        except Exception as error:  # noqa: BLE001 -- a fault of the gateway is an answer
            self._refuse(effect.ref, self.server.fault("authenticate", error))
        else:
            self._accept(effect.ref, identity)

    def _refuse(self, ref: int | None, error: WireError) -> None:
        if ref is None:
            self.server.metrics.sessions_refused += 1
        self._perform(self._session.refused(ref, error))

    def _accept(self, ref: int | None, identity: Identity) -> None:
        expires_at_s = None
        if identity.expires_at_ms is not None:
            left_ms = identity.expires_at_ms - self.server.clock_ms()
            expires_at_s = trio.current_time() + left_ms / 1000
        counts, effects = self._session.accepted(ref, identity.user_id, expires_at_s)
        if counts:
            self._identity = identity
            self._handshake.stop()
            self._token.stop()
            if expires_at_s is not None:
                self._token.set(expires_at_s + TOKEN_GRACE_S)
            if ref is None:
                self.server.metrics.sessions_opened += 1
                self._send(self._welcome(identity))
            else:
                self.identity_changed()
        self._perform(effects)

    def unjudged(self, fault: WireError) -> None:
        """End all subscriptions: the gateway could not judge them under the fresh token."""
        for subscription in list(self._subscriptions.values()):
            subscription.cut(fault)

    def _welcome(self, identity: Identity) -> Welcome:
        return Welcome(
            session=self.session_id,
            user=identity.user_id,
            now_ms=self.server.clock_ms(),
            expires_at_ms=identity.expires_at_ms,
            keepalive_ms=round(KEEPALIVE_INTERVAL_S * 1000),
        )

    # ------------------------------------------------------------ calls

    def _start_call(self, effect: do.StartCall) -> None:
        message = effect.call
        call = WireCall(self, message, self._heard_s)
        call.tick = self.expect_call(call, call.started_s, message.deadline_ms)
        self._calls[call.ref] = call
        overloaded = self.server.overloaded()
        if overloaded is None:
            self.start_call(call)
        else:
            call.fail(overloaded)

    def answer(self, call: WireCall, frame: bytes) -> None:
        """Send the answer of *call*, which is settled."""
        del self._calls[call.ref]
        self.server.wheel.discard(call, call.tick)
        self.server.metrics.call_latency.observe(trio.current_time() - call.started_s)
        self.send_frame(frame)
        effects = self._session.answered(call.ref)
        if effects:
            self._perform(effects)

    def _cancel_call(self, effect: do.CancelCall) -> None:
        call = self._calls.pop(effect.ref, None)
        if call is None:
            return  # Sending what came before it has ended the connection.
        self.server.wheel.discard(call, call.tick)
        self.server.metrics.calls_cancelled += 1
        call.abandon()

    # ------------------------------------------------------------ subscriptions

    def _start_subscription(self, effect: do.StartSubscription) -> None:
        subscription = WireSubscription(self, effect.subscribe)
        self._subscriptions[subscription.ref] = subscription
        self.follow(subscription)

    def subscription_over(self, subscription: WireSubscription) -> None:
        """Forget a subscription that is over: its ref and its target are free."""
        del self._subscriptions[subscription.ref]
        self._session.ended(subscription.ref)
        self.forget(subscription)

    def _end_subscription(self, effect: do.EndSubscription) -> None:
        subscription = self._subscriptions.get(effect.ref)
        if subscription is None:
            return  # Sending what came before it has ended the connection.
        if effect.may_return:
            self._pauses.leave(subscription)
        else:
            subscription.drop()

    def subscription_answered(self, subscription: WireSubscription) -> None:
        """It has its answer, and the place of one of its target that was left just before."""
        super().subscription_answered(subscription)
        self._pauses.end(subscription.target)

    def _pass_presence(self, effect: do.PassPresence) -> None:
        self.pass_presence(self._subscriptions[effect.ref], effect.state)

    # ------------------------------------------------------------ out

    @property
    def has_room(self) -> bool:
        """False if a large answer must be refused, to be asked for again."""
        return not self.outbox.is_full

    def send(self, message: ServerMessage) -> bool:
        """Send *message*; return False if it cannot be written (the fault is in the log)."""
        if type(message) is Error:
            self.note(message)
        try:
            frame = encode(message, self.subprotocol)
        except Exception as error:  # noqa: BLE001 -- whatever the owner's values do when written
            self.server.fault(f"write {message.TAG}", error)
            return False
        self.send_frame(frame)
        return True

    def event_bytes(self, frame: EventFrame) -> bytes:
        """Return *frame* in this session's encoding, shared by all that use it."""
        return frame.bytes_for(self.subprotocol)

    def send_presence(self, frame: PresenceFrame) -> None:
        """Send who is here in this session's encoding, shared by all that use it."""
        try:
            shared = frame.bytes_for(self.subprotocol)
        except Exception as error:  # noqa: BLE001 -- whatever the owner's values do when written
            self.server.fault("write presence", error)
        else:
            self.send_frame(shared)

    def _send(self, message: ServerMessage) -> None:
        if type(message) is Error:
            self.note(message)
        self.send_frame(encode(message, self.subprotocol))

    def note(self, error: Error) -> None:
        """Tell the log of an error that this client is answered."""
        server, user = self.server, self._session.user_id
        server.notices.refused(self.session_id, self.peer.address, user, error.ref, error.code)

    # ------------------------------------------------------------ the end

    def _overflow(self) -> None:
        """The client does not read: the outbox's bounds are reached."""
        effects = self._session.slow_consumer(self.server.reconnect_after_ms())
        if effects:
            self.server.metrics.slow_consumers += 1
        for effect in effects:
            if isinstance(effect, do.Send):
                self.outbox.send_last(encode(effect.message, self.subprotocol))
            elif isinstance(effect, do.CloseWith):
                self._close(effect)

    def _handshake_due(self) -> None:
        self._perform(self._session.handshake_is_due())

    def _token_due(self) -> None:
        self._perform(self._session.token_is_due(trio.current_time()))

    def _check_silence(self) -> None:
        now_s = trio.current_time()
        sign = self._life.look(self._socket.received_bytes, now_s)
        if sign is Sign.SILENT:
            self._perform(self._session.silent())
            return
        if sign is Sign.BUSY:
            self._perform(self._session.is_receiving())
        self._silence.set(now_s + LIFE_LOOK_S)

    def _close(self, effect: do.CloseWith) -> None:
        server, user = self.server, self._session.user_id
        server.notices.closed(self.session_id, self.peer.address, user, effect.code, effect.reason)
        self._release()
        self._socket.close_soon(effect.code, effect.reason)

    def _release(self, *, has_client_left: bool = False) -> None:
        """Abandon the calls, hand the subscriptions back, stop every timer. Idempotent.

        Writes of a client that has left are still wanted, those of one that we end are not.
        """
        self._session.gone()
        self.outbox.close()
        for alarm in (self._handshake, self._silence, self._token):
            alarm.stop()
        calls, self._calls = self._calls, {}
        for call in calls.values():
            self.server.wheel.discard(call, call.tick)
            call.orphan() if has_client_left else call.abandon()
        for subscription in list(self._subscriptions.values()):
            subscription.drop()
        self._pauses.end_all()


# One table for all connections: an idle one should cost little memory.
_PERFORM: Final[Mapping[type, Callable[[WireConnection, Any], None]]] = MappingProxyType(
    {
        do.Send: lambda connection, effect: connection._send(effect.message),
        do.StartCall: WireConnection._start_call,
        do.CancelCall: WireConnection._cancel_call,
        do.StartSubscription: WireConnection._start_subscription,
        do.EndSubscription: WireConnection._end_subscription,
        do.PassPresence: WireConnection._pass_presence,
        do.CloseWith: WireConnection._close,
    }
)
