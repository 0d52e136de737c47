"""A subscription, as the gateway holds it.

::

    PENDING   asked, not answered                  snapshot, reset -> LIVE
                                                   resumed         -> LIVE, or LAGGING if behind
    LIVE      frames go straight to the outbox     outbox above soft, or a gap -> LAGGING
    LAGGING   frames are skipped; a child task     caught_up, snapshot, reset  -> LIVE
              of the connection re-reads them
    OVER      for good: nothing is sent            from every state

However it ends, it ends in :meth:`_finish`, once::

    who ended it                                   the client hears      the gateway hears
    fail at first: the gateway refuses             error {ref}           nothing: never took it
    end: the gateway, which has let go             ended                 nothing
    fail later, cut: the wire, for both            ended (error {ref}    unsubscribe
                                                     while pending)
    drop: the client left, or is gone              nothing               unsubscribe
    leave: the client may come back at once        nothing               unsubscribe, later

The seq is the proof: every frame continues exactly where the one before ended. A frame that does
not is skipped, and what it would have left out is re-read.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from protocol.codec import error_fields, printable
from protocol.errors import WireError
from protocol.gateway import EventFrame, PresenceFrame
from protocol.messages import (
    Cursor,
    Ended,
    Error,
    Reset,
    Resumed,
    ServerMessage,
    Snapshot,
    Subscribe,
)
from protocol.outbox import NO_ROOM

if TYPE_CHECKING:
    from protocol.host import Host


class Phase(enum.Enum):
    """Where a subscription is; see the head of this module."""

    PENDING = "pending"
    LIVE = "live"
    LAGGING = "lagging"
    OVER = "over"


class WireSubscription:
    """One subscription from request to end. Implements ``gateway.Subscription``."""

    __slots__ = ("_is_catching_up", "connection", "cursor", "lag_count", "newest_seq", "phase",
                 "ref", "seq", "target", "tick", "topics")  # fmt: skip

    def __init__(self, connection: Host, subscribe: Subscribe) -> None:
        self.connection = connection
        self.ref = subscribe.ref
        self.target = subscribe.target
        self.topics = frozenset(subscribe.topics)
        self.cursor: Cursor | None = subscribe.cursor
        self.seq = subscribe.cursor.seq if subscribe.cursor is not None else 0
        self.newest_seq = self.seq  # Of what was skipped; below ``seq`` if nothing was.
        self.phase = Phase.PENDING
        self.tick = 0  # Of the first answer's deadline; the connection's.
        self.lag_count = 0
        self._is_catching_up = False

    @property
    def live(self) -> bool:
        """True while deliveries go out directly: answered, not lagging, not ended."""
        return self.phase is Phase.LIVE

    @property
    def over(self) -> bool:
        """True once ended from either side."""
        return self.phase is Phase.OVER

    # ------------------------------------------------------------ answers

    def snapshot(self, *, epoch: str, seq: int, topics: Mapping[str, Any]) -> None:
        """First answer: the state at *seq*; live from here."""
        message = Snapshot(ref=self.ref, target=self.target, epoch=epoch, seq=seq, topics=topics)
        self._start_over_at(seq, message)

    def resumed(self, *, epoch: str, behind: bool) -> None:
        """First answer: the cursor is good. *behind*: ``catch_up`` is called before going live."""
        message = Resumed(ref=self.ref, target=self.target, epoch=epoch, seq=self.seq)
        self._start_at(self.seq, message)
        if behind and self.live:
            self._lag()

    def reset(self, *, reason: str, epoch: str, seq: int, topics: Mapping[str, Any]) -> None:
        """Answer, first or later: start over from this snapshot; live from here."""
        message = Reset(
            ref=self.ref, target=self.target, reason=reason, epoch=epoch, seq=seq, topics=topics
        )
        self._start_over_at(seq, message)

    def fail(self, error: WireError) -> None:
        """First answer: refused. Later (no fresh snapshot, say): over, and handed back."""
        if self.phase is Phase.PENDING:
            self._finish(self._last_words(error), is_held=False)
        else:
            self.cut(error)

    def _start_over_at(self, seq: int, message: ServerMessage) -> None:
        """Answer with a state, which may be large: not to a client that has yet to read others."""
        if self.connection.has_room:
            self._start_at(seq, message)
        else:
            self.cut(NO_ROOM)

    def _start_at(self, seq: int, message: ServerMessage) -> None:
        if self.over:
            return
        self.phase = Phase.LIVE
        self.seq = seq
        self.connection.subscription_answered(self)
        if not self.connection.send(message):
            self.cut(_UNSENDABLE)

    # ------------------------------------------------------------ events

    def deliver(self, frame: EventFrame) -> None:
        """Send a live frame. Ignored while lagging; starts lagging above the soft bound."""
        if self.phase is not Phase.LIVE:
            self._count_skipped(frame)
            return
        connection = self.connection
        outbox = connection.outbox
        if frame.after == self.seq and not outbox.is_behind:  # Nearly always, and then the bytes
            data = frame.encoded.get(connection.form)  # are there already: as few steps as can be.
            if data:
                self.seq = frame.seq
                connection.server.metrics.frames_out += 1
                outbox.send_shared(data)
                return
        if frame.seq <= self.seq:
            return  # Covered by the snapshot or by catching up.
        if frame.after > self.seq or (outbox.is_behind and outbox.is_above_soft):
            self._count_skipped(frame)
            self._lag()
        else:
            self._send_events(frame)

    async def deliver_page(self, frames: Iterator[EventFrame]) -> None:
        """Send catch-up frames; only inside ``catch_up``.

        Each is asked for when the outbox has room for it: what a frame may say can change while
        a slow reader takes its time.

        Cancelled: the connection is ending; what was sent was sent.
        """
        await self.connection.outbox.wait_room()
        while not self.over and (frame := next(frames, None)) is not None:
            if frame.seq > self.seq:
                self._send_events(frame)
            await self.connection.outbox.wait_room()

    def caught_up(self) -> None:
        """Go live again: the next ``deliver`` continues at ``seq``."""
        if self.phase is Phase.LAGGING:
            self.phase = Phase.LIVE
            self.connection.subscription_answered(self)

    def _send_events(self, frame: EventFrame) -> None:
        connection = self.connection
        shown = frame if frame.after >= self.seq else self._unseen(frame)
        try:
            data = connection.event_bytes(shown)
        except Exception as error:  # noqa: BLE001 -- whatever the owner's events do when written
            self.cut(connection.server.fault("events", error))
            return
        self.seq = frame.seq
        if data:
            connection.send_shared(data)

    def _unseen(self, frame: EventFrame) -> EventFrame:
        """Return *frame*, which began earlier, without what was seen already."""
        if not frame.events or frame.events[0]["seq"] > self.seq:
            return frame
        events = [event for event in frame.events if event["seq"] > self.seq]
        return EventFrame(frame.target, self.seq, frame.seq, events)

    def leap_to(self, seq: int) -> None:
        """While lagging: the client has been told everything up to *seq* in another way."""
        self.seq = max(self.seq, seq)

    def _count_skipped(self, frame: EventFrame) -> None:
        self.newest_seq = frame.seq
        self.connection.server.metrics.frames_skipped += 1

    # ------------------------------------------------------------ lagging

    def _lag(self) -> None:
        self.phase = Phase.LAGGING
        self.lag_count += 1
        self.connection.server.metrics.lags += 1
        if not self._is_catching_up:
            self._is_catching_up = True
            self.connection.start_child(self._catch_up)

    async def _catch_up(self) -> None:
        """Re-read what was missed, whenever the outbox is empty, until live or over."""
        connection = self.connection
        try:
            while self.phase is Phase.LAGGING:
                await connection.outbox.wait_empty()
                lag = self.lag_count
                await connection.catch_up(self)
                if self.lag_count == lag and not (self.live or self.over):
                    # A reset may be on its way, but not for ever.
                    connection.expect_answer(self)
                    return
        except Exception as error:  # noqa: BLE001 -- a fault of the gateway ends this one only
            self.cut(connection.server.fault("catch_up", error))
        finally:
            self._is_catching_up = False

    def expired(self) -> None:
        """No answer in time. Called by the deadline wheel."""
        if self.phase is Phase.PENDING:
            fault = WireError("deadline_exceeded", "no answer to the subscription in time")
        elif self.phase is Phase.LAGGING:
            fault = WireError("unavailable", "could not catch up; resume from your cursor")
        else:
            return
        self.cut(fault)

    # ------------------------------------------------------------ presence and the end

    def presence(self, frame: PresenceFrame) -> None:
        """Send who is here; dropped while lagging, but for the full one while catching up."""
        if self.over or self.phase is Phase.PENDING:
            return
        is_catching_up = frame.full and self._is_catching_up
        if self.connection.outbox.is_above_soft or not (self.live or is_catching_up):
            self.connection.server.metrics.presence_dropped += 1
            return
        self.connection.send_presence(frame)

    def end(self, error: WireError | None) -> None:
        """The gateway ends it: with *error* (revoked, draining), or None (unsubscribed)."""
        self._finish(self._last_words(error), is_held=False)

    def cut(self, error: WireError) -> None:
        """The wire ends it: the client is told why, and the gateway gets it back."""
        self._finish(self._last_words(error), is_held=True)

    def drop(self) -> None:
        """The client left, or is gone: nothing is sent, and the gateway gets it back."""
        self._finish(None, is_held=True)

    def leave(self) -> None:
        """The client left, and the gateway gets it back later; see ``pauses``."""
        self._finish(None, is_held=False)

    def _finish(self, last_words: ServerMessage | None, *, is_held: bool) -> None:
        """End it, once. *is_held*: the gateway may still hold it."""
        if self.over:
            return
        self.phase = Phase.OVER
        self.connection.subscription_over(self)
        if is_held:  # Before the client hears of it: it may follow again at once.
            self.connection.hand_back(self)
        if last_words is not None:
            self.connection.send(last_words)

    def _last_words(self, error: WireError | None) -> ServerMessage:
        if error is None:
            return Ended(ref=self.ref, target=self.target, code="unsubscribed")
        if self.phase is Phase.PENDING:
            return Error(ref=self.ref, **error_fields(error))
        return Ended(
            ref=self.ref,
            target=self.target,
            code=error.code,
            message=printable(error.message),
            retryable=error.retryable,
        )


_UNSENDABLE = WireError("internal", "the snapshot could not be written")
