"""The session: what a client may say when, and what follows. No I/O, no clock, no tasks.

Messages and answers go in, effects come out (``protocol.effects``); ``protocol.connection``
performs them. A refused message changes nothing but the message allowance.

::

    state     until                                    then
    OPENING   the client's hello                       CHECKING
    CHECKING  the gateway's word on its token          OPEN, or CLOSED
    OPEN      a goodbye from either side               LEAVING, or DRAINING
    LEAVING   (client's goodbye) open calls answered   CLOSED with 1000
    DRAINING  (server's goodbye) open calls answered   CLOSED with 1001
    CLOSED    for good: whatever comes is ignored

    message       OPENING   CHECKING  OPEN   LEAVING   DRAINING
    hello         take      violates  violates  violates  violates
    auth          violates  violates  take   violates  take
    call          violates  violates  take   violates  unavailable
    cancel        violates  violates  take   take      take
    subscribe     violates  violates  take   violates  unavailable
    unsubscribe   violates  violates  take   violates  ignored
    presence      violates  violates  take   violates  ignored
    ping          violates  violates  take   take      take
    goodbye       violates  violates  take   violates  take

Times are seconds of one monotonic clock, the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from protocol import errors
from protocol._states import VERDICTS, State, Verdict
from protocol.allowance import Allowance, MessageRate
from protocol.codec import error_fields
from protocol.effects import (
    Authenticate,
    CancelCall,
    CloseWith,
    Effect,
    EndSubscription,
    PassPresence,
    Send,
    StartCall,
    StartSubscription,
)
from protocol.errors import ProtocolViolation, Unreadable, WireError
from protocol.limits import (
    EXPIRED_RETRY_MS,
    OPEN_CALLS_MAX,
    SUBSCRIPTIONS_MAX,
    TOKEN_GRACE_S,
)
from protocol.messages import (
    Auth,
    Call,
    Cancel,
    ClientMessage,
    Ended,
    Error,
    Goodbye,
    Hello,
    Leave,
    Ping,
    Pong,
    Reply,
    SetPresence,
    Subscribe,
    Unsubscribe,
)

# Messages that only lower the load are taken whatever the allowance says.
_LIGHTENING: Final = frozenset({Cancel, Unsubscribe, Leave})

Effects = Sequence[Effect]


class Session:
    """One client's session, from accepted WebSocket to end."""

    def __init__(self, now_s: float, rate: MessageRate | None = None) -> None:
        self.state = State.OPENING  # Sets _verdicts.
        self.user_id: str | None = None
        self.calls: set[int] = set()  # refs
        self.subscriptions: dict[int, str] = {}  # ref -> target
        self.targets: dict[str, int] = {}  # target -> ref
        self.expires_at_s: float | None = None
        self._allowance = Allowance(now_s, rate)

    @property
    def state(self) -> State:
        """Where it is; see the head of this module."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state = state
        self._verdicts = VERDICTS[state]

    # ------------------------------------------------------------ from the client

    def receive(self, message: ClientMessage, now_s: float) -> Effects:
        """Take a client's message."""
        kind = type(message)
        verdict = self._verdicts[kind]
        if verdict is Verdict.IGNORED:
            return ()
        if verdict is Verdict.VIOLATES:
            return self._violation(f"{message.TAG} while {self.state.value}")
        if not self._allowance.spend(now_s) and kind not in _LIGHTENING:
            return self._too_many(getattr(message, "ref", None))
        if verdict is Verdict.UNAVAILABLE:
            fault = WireError("unavailable", "the server is draining; reconnect")
            return (_error(message.ref, fault),)  # type: ignore[union-attr]
        return _TAKE[kind](self, message, now_s)

    def unreadable(self, error: Unreadable | ProtocolViolation, now_s: float) -> Effects:
        """Take what could not be read as a message."""
        if self.state is State.CLOSED:
            return ()
        if isinstance(error, ProtocolViolation):
            return self._violation(error.message, error.close_code)
        if self.state in (State.OPENING, State.CHECKING, State.LEAVING):
            return (_error(error.ref, error), *self._violation("an unreadable message"))
        self._allowance.spend(now_s)
        if self._allowance.is_spent:
            return self._too_many(error.ref)
        return (_error(error.ref, error),)

    def _too_many(self, ref: int | None) -> Effects:
        if self._allowance.is_in_debt:
            return self._close(errors.CLOSE_RATE_LIMITED, "too many messages")
        fault = WireError(
            "rate_limited", "too many messages", retry_after_ms=self._allowance.retry_after_ms
        )
        return (_error(ref, fault),)

    def _violation(self, what: str, code: int = errors.CLOSE_BAD_PROTOCOL) -> Effects:
        return self._close(code, what)

    def _take_hello(self, hello: Hello, _now_s: float) -> Effects:
        self.state = State.CHECKING
        return (Authenticate(hello.token, None, hello.client),)

    def _take_auth(self, auth: Auth, _now_s: float) -> Effects:
        if self._is_taken(auth.ref):
            return (_duplicate_ref(auth.ref),)
        return (Authenticate(auth.token, auth.ref),)

    def _take_call(self, call: Call, now_s: float) -> Effects:
        ref = call.ref
        if self._is_taken(ref):
            return (_duplicate_ref(ref),)
        if self._is_expired(now_s):
            return (_error(ref, _EXPIRED),)
        if len(self.calls) >= OPEN_CALLS_MAX:
            return (_error(ref, _limit(f"at most {OPEN_CALLS_MAX} open calls")),)
        self.calls.add(ref)
        return (StartCall(call),)

    def _take_cancel(self, cancel: Cancel, _now_s: float) -> Effects:
        ref = cancel.ref
        if ref not in self.calls:
            return ()  # It crossed its answer.
        self.calls.remove(ref)
        fault = WireError("cancelled", "cancelled by the client; it may have happened")
        return (CancelCall(ref), _error(ref, fault), *self._close_if_done())

    def _take_subscribe(self, subscribe: Subscribe, now_s: float) -> Effects:
        ref, target = subscribe.ref, subscribe.target
        if self._is_taken(ref):
            return (_duplicate_ref(ref),)
        if self._is_expired(now_s):
            return (_error(ref, _EXPIRED),)
        if target in self.targets:
            fault = WireError("duplicate_subscription", "this connection already follows it")
            return (_error(ref, fault),)
        if len(self.subscriptions) >= SUBSCRIPTIONS_MAX:
            return (_error(ref, _limit(f"at most {SUBSCRIPTIONS_MAX} subscriptions")),)
        self.subscriptions[ref] = target
        self.targets[target] = ref
        return (StartSubscription(subscribe),)

    def _take_unsubscribe(self, unsubscribe: Unsubscribe, _now_s: float) -> Effects:
        ref = unsubscribe.ref
        target = self.subscriptions.get(ref)
        if target is None:
            return (_error(ref, WireError("not_found", "no subscription has this ref")),)
        self.ended(ref)
        ended = Ended(ref=ref, target=target, code="unsubscribed")
        return (EndSubscription(ref, may_return=True), Send(ended))

    def is_receiving(self) -> Effects:
        """A message takes long to arrive: say that we are here, with a pong nobody asked for."""
        is_heard = self.state in (State.OPEN, State.LEAVING, State.DRAINING)
        return (Send(Pong(n=0)),) if is_heard else ()

    def _take_presence(self, presence: SetPresence, _now_s: float) -> Effects:
        ref = self.targets.get(presence.target)
        if ref is None:
            return (_error(None, WireError("not_found", "presence without a subscription")),)
        return (PassPresence(ref, presence.state),)

    def _take_ping(self, ping: Ping, _now_s: float) -> Effects:
        return (Send(Pong(n=ping.n)),)

    def _take_leave(self, _leave: Leave, _now_s: float) -> Effects:
        self.state = State.LEAVING
        return (*self._end_subscriptions(), *self._close_if_done())

    # ------------------------------------------------------------ from the gateway

    def accepted(
        self, ref: int | None, user_id: str, expires_at_s: float | None
    ) -> tuple[bool, Effects]:
        """Take the gateway's yes to a token; the first part says whether it counts.

        The caller sends the welcome: what it holds is not the session's business.
        """
        if self.state is State.CLOSED:
            return False, ()
        if ref is None:
            if self.state is State.CHECKING:  # Not if the server began to drain meanwhile.
                self.state = State.OPEN
        elif user_id != self.user_id:
            fault = WireError("unauthenticated", "a fresh token must speak for the same user")
            return False, (_error(ref, fault),)
        self.user_id = user_id
        self.expires_at_s = expires_at_s
        return True, () if ref is None else (Send(Reply(ref=ref)),)

    def refused(self, ref: int | None, error: WireError) -> Effects:
        """Take the gateway's no to a token. The hello's ends the connection, a fresh one's not."""
        if self.state is State.CLOSED:
            return ()
        if ref is not None:
            return (_error(ref, error),)
        if error.code == "permission_denied":
            code = errors.CLOSE_FORBIDDEN
        elif error.retryable:
            code = errors.CLOSE_TRY_AGAIN
        else:
            code = errors.CLOSE_UNAUTHENTICATED
        return (_error(None, error), *self._close(code, error.code))

    def answered(self, ref: int) -> Effects:
        """Note that the open call *ref* is answered. The caller sends the answer first."""
        self.calls.discard(ref)
        return self._close_if_done()

    def ended(self, ref: int) -> None:
        """Note that subscription *ref* is over, whoever ended it."""
        target = self.subscriptions.pop(ref, None)
        if target is not None:
            del self.targets[target]

    # ------------------------------------------------------------ from the server and its clock

    def drain(self, reason: str, reconnect_after_ms: int) -> Effects:
        """Say goodbye: nothing new is taken, open calls are still answered."""
        if self.state in (State.CLOSED, State.DRAINING):
            return ()
        goodbye = Send(Goodbye(reason=reason, reconnect_after_ms=reconnect_after_ms))
        if self.state is not State.LEAVING:
            self.state = State.DRAINING
        ends: list[Effect] = []
        for ref, target in list(self.subscriptions.items()):
            self.ended(ref)
            ended = Ended(
                ref=ref, target=target, code="unavailable", message=reason, retryable=True
            )
            ends += (EndSubscription(ref), Send(ended))
        return (goodbye, *ends, *self._close_if_done())

    def drained(self) -> Effects:
        """Close, whether or not all calls were answered."""
        return self._close(errors.CLOSE_GOING_AWAY, "drained")

    def slow_consumer(self, reconnect_after_ms: int) -> Effects:
        """The client does not read: say so, and close."""
        if self.state is State.CLOSED:
            return ()
        goodbye = Goodbye(reason="slow_consumer", reconnect_after_ms=reconnect_after_ms)
        return (Send(goodbye), *self._close(errors.CLOSE_TRY_AGAIN, "slow consumer"))

    def silent(self) -> Effects:
        """Nothing was heard for ``SILENCE_TIMEOUT_S``."""
        return self._close(errors.CLOSE_GOING_AWAY, "nothing heard; send pings")

    def handshake_is_due(self) -> Effects:
        """``HANDSHAKE_TIMEOUT_S`` after the WebSocket was accepted."""
        if self.user_id is not None:
            return ()
        return self._close(errors.CLOSE_HANDSHAKE_TIMEOUT, "no accepted hello in time")

    def token_is_due(self, now_s: float) -> Effects:
        """Some time after the token's end: close if no fresh one came within the grace."""
        if self.expires_at_s is None or now_s < self.expires_at_s + TOKEN_GRACE_S:
            return ()
        return self._close(errors.CLOSE_UNAUTHENTICATED, "the token expired")

    def gone(self) -> None:
        """The connection has ended: whatever comes now is ignored."""
        self.state = State.CLOSED
        self.calls.clear()
        self.subscriptions.clear()
        self.targets.clear()

    # ------------------------------------------------------------ parts

    def _is_taken(self, ref: int) -> bool:
        return ref in self.calls or ref in self.subscriptions

    def _is_expired(self, now_s: float) -> bool:
        return self.expires_at_s is not None and now_s >= self.expires_at_s

    def _end_subscriptions(self) -> Effects:
        ends = [EndSubscription(ref) for ref in self.subscriptions]
        self.subscriptions.clear()
        self.targets.clear()
        return ends

    def _close_if_done(self) -> Effects:
        if self.calls:
            return ()
        if self.state is State.LEAVING:
            return self._close(errors.CLOSE_NORMAL, "goodbye")
        if self.state is State.DRAINING:
            return self._close(errors.CLOSE_GOING_AWAY, "drained")
        return ()

    def _close(self, code: int, reason: str) -> Effects:
        if self.state is State.CLOSED:
            return ()
        self.state = State.CLOSED
        return (CloseWith(code, reason),)


# One table for all sessions: an idle one should cost little memory.
_TAKE: Final[Mapping[type, Callable[[Session, Any, float], Effects]]] = MappingProxyType(
    {
        Hello: Session._take_hello,
        Auth: Session._take_auth,
        Call: Session._take_call,
        Cancel: Session._take_cancel,
        Subscribe: Session._take_subscribe,
        Unsubscribe: Session._take_unsubscribe,
        SetPresence: Session._take_presence,
        Ping: Session._take_ping,
        Leave: Session._take_leave,
    }
)

# To be tried again: a fresh token may be on its way, and without one the grace ends soon.
_EXPIRED: Final = WireError(
    "unauthenticated",
    "the token expired; send auth",
    retryable=True,
    retry_after_ms=EXPIRED_RETRY_MS,
)


def _limit(what: str) -> WireError:
    return WireError("limit_exceeded", what)


def _duplicate_ref(ref: int) -> Send:
    return _error(ref, WireError("duplicate_ref", "an open call or subscription has this ref"))


def _error(ref: int | None, error: WireError) -> Send:
    return Send(Error(ref=ref, **error_fields(error)))
