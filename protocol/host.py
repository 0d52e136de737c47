"""What every kind of connection does for its subscriptions and calls, whatever it speaks.

``WireConnection`` (the wire) and ``Visit`` (a Yjs client at one document) are hosts: they say how
a message is written; deadlines, faults and handing back are the same for both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from protocol.deadlines import Expiring
from protocol.errors import WireError
from protocol.gateway import EventFrame, Identity, IncomingCall, Peer, PresenceFrame
from protocol.limits import CALL_DEADLINE_DEFAULT_MS
from protocol.messages import PresenceChanged, ServerMessage
from protocol.outbox import Outbox

if TYPE_CHECKING:
    from protocol.server import WireServer
    from protocol.subscription import WireSubscription


class Host(ABC):
    """Implements ``gateway.Connection`` together with its subclass."""

    server: WireServer
    outbox: Outbox
    peer: Peer
    session_id: str
    memo: Any = None  # The gateway's.
    # The form of events that this peer reads just as others do (``SharedFrame.encoded``). Empty:
    # ask ``event_bytes``.
    form: str = ""

    @property
    @abstractmethod
    def identity(self) -> Identity:
        """Who speaks; replaced by a token refresh."""

    @abstractmethod
    def start_child(self, function: Callable[[], Awaitable[Any]]) -> None:
        """Run *function* as a child task, which ends with the connection at the latest."""

    @abstractmethod
    def send(self, message: ServerMessage) -> bool:
        """Send *message*; return False if it cannot be written (the fault is in the log)."""

    @abstractmethod
    def event_bytes(self, frame: EventFrame) -> bytes:
        """Return *frame* as this connection's peer reads it: whole WebSocket frames, or none.

        Raises:
          Exception: an event holds something that cannot be written: the owner's mistake.
        """

    @abstractmethod
    def subscription_over(self, subscription: WireSubscription) -> None:
        """Forget a subscription that is over. Called once per subscription, by itself."""

    # ------------------------------------------------------------ out

    @property
    def has_room(self) -> bool:
        """False if a large answer must be refused, to be asked for again."""
        return True

    def send_frame(self, frame: bytes) -> None:
        """Send whole frames, or end a client that is too slow for them."""
        self.server.metrics.frames_out += 1
        self.outbox.send(frame)

    def send_shared(self, frame: bytes) -> None:
        """As ``send_frame``, of what many connections get at this moment; see ``Outbox``."""
        self.server.metrics.frames_out += 1
        self.outbox.send_shared(frame)

    def send_presence(self, frame: PresenceFrame) -> None:
        """Send who is here, whole; hosts whose peers read the wire share the frame's bytes."""
        sessions, full = frame.sessions, frame.full
        self.send(PresenceChanged(target=frame.target, sessions=sessions, full=full))

    def flush(self) -> None:
        """Write what the calls before have queued, in as few system calls as possible."""
        self.outbox.flush()

    # ------------------------------------------------------------ calls

    def start_call(self, call: IncomingCall) -> None:
        """Give *call* to the gateway; a fault of the gateway is its answer."""
        self.server.metrics.calls_started += 1
        try:
            self.server.gateway.call(call)
        except Exception as error:  # noqa: BLE001 -- a fault of the gateway is an answer
            call.fail(self.server.fault("call", error))

    def expect_call(self, call: Expiring, started_s: float, deadline_ms: int | None) -> int:
        """Have *call* expire *deadline_ms* (None: the default) after its start; return its tick."""
        at_s = started_s + (deadline_ms or CALL_DEADLINE_DEFAULT_MS) / 1000
        return self.server.wheel.add(call, at_s)

    # ------------------------------------------------------------ identity

    def identity_changed(self) -> None:
        """Have the gateway judge anew what this connection follows."""
        try:
            self.server.gateway.identity_changed(self)
        except Exception as error:  # noqa: BLE001 -- see below
            # Who may read what is not known now: nothing goes on under a token not judged.
            self.unjudged(self.server.fault("identity_changed", error))

    @abstractmethod
    def unjudged(self, fault: WireError) -> None:
        """End all subscriptions: the gateway could not judge them under the fresh token."""

    def sign_out(self, error: WireError) -> None:
        """End it because its token counts no more; *error* says so."""
        self.unjudged(error)

    # ------------------------------------------------------------ subscriptions

    def follow(self, subscription: WireSubscription) -> None:
        """Give *subscription* to the gateway; a fault of the gateway is its answer."""
        self.server.metrics.subscriptions_started += 1
        self.expect_answer(subscription)
        try:
            self.server.gateway.subscribe(subscription)
        except Exception as error:  # noqa: BLE001 -- a fault of the gateway is an answer
            subscription.cut(self.server.fault("subscribe", error))

    def expect_answer(self, subscription: WireSubscription) -> None:
        """End *subscription* unless it is answered within a call's default deadline."""
        wheel = self.server.wheel
        wheel.discard(subscription, subscription.tick)
        at_s = trio.current_time() + CALL_DEADLINE_DEFAULT_MS / 1000
        subscription.tick = wheel.add(subscription, at_s)

    def subscription_answered(self, subscription: WireSubscription) -> None:
        """It has its answer: its deadline no longer counts."""
        self.server.wheel.discard(subscription, subscription.tick)

    def forget(self, subscription: WireSubscription) -> None:
        """Stop the clock of a subscription that is over. Once per subscription."""
        self.server.wheel.discard(subscription, subscription.tick)
        self.server.metrics.subscriptions_ended += 1

    def hand_back(self, subscription: WireSubscription) -> None:
        """Tell the gateway to deliver nothing more."""
        try:
            self.server.gateway.unsubscribe(subscription)
        except Exception as error:  # noqa: BLE001 -- nobody is left to answer; it is in the log
            self.server.fault("unsubscribe", error)

    async def catch_up(self, subscription: WireSubscription) -> None:
        """Bring a lagging subscription to the present. Cancelled: the connection is ending."""
        await self.server.gateway.catch_up(subscription)

    def pass_presence(self, subscription: WireSubscription, state: Any) -> None:
        """Give the client's ephemeral *state* to the gateway."""
        try:
            self.server.gateway.presence(subscription, state)
        except Exception as error:  # noqa: BLE001 -- presence has no answer; it is in the log
            self.server.fault("presence", error)
