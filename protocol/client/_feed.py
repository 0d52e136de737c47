"""The one wire subscription of a target, shared by all of its followers. No I/O.

::

    OFFLINE --link_up--------------------> ASKED, or IDLE if nobody wants anything
    ASKED   --snapshot | resumed | reset--> LIVE
            --error, retryable------------> WAITING
            --error, final----------------> those refused are told; the others ask again
    LIVE    --somebody is not served------> LEAVING       (unsubscribe sent)
            --ended | error, retryable----> WAITING
            --ended | error, final--------> everybody is told; who outlasts ``concluded`` asks again
    LEAVING --ended-----------------------> ASKED, IDLE, or gone
    WAITING --the delay is over-----------> ASKED, or IDLE
    any     --link_down-------------------> OFFLINE

Whom a round serves, and where it starts, is in ``_rounds``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from attrs import evolve

from protocol.client._backoff import Backoff
from protocol.client._errors import CONCLUDED, SubscriptionEnded
from protocol.client._follower import Inbox
from protocol.client._items import PRESENCE_TOPIC, Event, SnapshotItem
from protocol.client._rounds import admitted, is_cut_off, start_of
from protocol.errors import ClientError, WireError
from protocol.limits import TOO_BIG_CLOSES_MAX
from protocol.messages import (
    ClientMessage,
    Cursor,
    Ended,
    Error,
    Events,
    PresenceChanged,
    Reset,
    Resumed,
    SetPresence,
    Snapshot,
    Subscribe,
    Unsubscribe,
)


class FeedState(Enum):
    """Where the wire subscription stands."""

    OFFLINE = auto()
    IDLE = auto()
    ASKED = auto()
    LIVE = auto()
    LEAVING = auto()
    WAITING = auto()


_GONE = (FeedState.OFFLINE, FeedState.IDLE, FeedState.WAITING)


class Feed:
    """All followers of one target, and what the wire knows of them."""

    def __init__(
        self,
        target: str,
        *,
        new_ref: Callable[[], int],
        send: Callable[[ClientMessage], None],
        retry_later: Callable[[Feed, float], None],
        backoff: Backoff,
    ) -> None:
        self.target = target
        self.state = FeedState.OFFLINE
        self.inboxes: list[Inbox] = []
        self._own_presence: dict[str, Mapping[str, Any]] = {}  # By the part that shows it.
        self._new_ref = new_ref
        self._send = send
        self._retry_later = retry_later
        self._backoff = backoff
        self._ref = -1
        self._group: Sequence[Inbox] = ()  # Who took part in the newest round.
        self._topics: frozenset[str] = frozenset()  # Of that round.
        self._sent: Cursor | None = None  # Where the round was asked to start.
        self._epoch: str | None = None  # Of the server's newest answer.
        self._seq = 0  # The wire subscription has delivered everything up to here.
        self._present: dict[str, Mapping[str, Any] | None] = {}
        # The server shows something of ours, also while a subscription takes over from another.
        self._is_shown = False
        self._is_admitting_singly = False  # After a refusal, to find whose it was.
        self._too_big_closes = 0  # Sessions ended by a message too large, without progress since:
        self._too_big_at: tuple[str | None, int] | None = None

    @property
    def is_over(self) -> bool:
        """Nobody follows, and the wire subscription is gone."""
        return not self.inboxes and self.state in _GONE

    # ------------------------------------------------------------ from the client

    def topics_with(self, topics: frozenset[str]) -> frozenset[str]:
        """Return what would be subscribed to if one more follower wanted *topics*."""
        return topics.union(*(inbox.topics for inbox in self.inboxes))

    def join(self, inbox: Inbox) -> None:
        """Serve one more follower."""
        self.inboxes.append(inbox)
        is_served = self.state is FeedState.LIVE and self._serves(inbox)
        if is_served and PRESENCE_TOPIC in inbox.topics:
            inbox.put_presence(self._present, self._present, full=True)
        self.advance()

    def leave(self, inbox: Inbox) -> None:
        """Serve *inbox* no more. Harmless when repeated."""
        if inbox in self.inboxes:
            self.inboxes.remove(inbox)
            inbox.finish(None)
            if not self.inboxes:
                self._own_presence.clear()
                if self.state is FeedState.LIVE and self._is_shown:
                    self._send_presence()
            self.advance()

    def presence_with(self, part: str, state: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return what would be shown if *part* showed *state*; None: nothing at all."""
        parts = [shown for name, shown in self._own_presence.items() if name != part]
        return _merged(parts if state is None else [*parts, state])

    def set_presence(self, part: str, state: Mapping[str, Any] | None) -> None:
        """Show *state* to the others, now and after every reconnect; None takes it back."""
        self._own_presence.pop(part, None)
        if state is not None:
            self._own_presence[part] = state  # The newest counts where two show the same.
        if self.state is FeedState.LIVE:
            self._send_presence()

    def link_up(self) -> None:
        """A session is open: ask."""
        self.state = FeedState.IDLE
        self._is_shown = False
        self.advance()

    def link_down(self) -> None:
        """The session is gone, and the wire subscription with it."""
        self.state = FeedState.OFFLINE

    def suspect(self) -> None:
        """A message too large has ended the session: it may have been the next one of ours.

        Who stands at the same place again and again would meet it for ever: tell everybody.
        """
        place = (self._epoch, self._seq)
        self._too_big_closes = self._too_big_closes + 1 if place == self._too_big_at else 1
        self._too_big_at = place
        if self._too_big_closes >= TOO_BIG_CLOSES_MAX:
            self.finish(
                SubscriptionEnded("limit_exceeded", "what comes next is larger than we take")
            )

    def retry(self) -> None:
        """The delay after a retryable answer is over."""
        if self.state is FeedState.WAITING:
            self.state = FeedState.IDLE
            self.advance()

    def finish(self, error: ClientError) -> None:
        """Serve nobody any more: tell everybody why."""
        for inbox in self.inboxes:
            inbox.finish(error)
        self.inboxes.clear()
        self.state = FeedState.OFFLINE

    def advance(self) -> None:
        """Take the next step that somebody needs. Called after every change."""
        if self.state is FeedState.IDLE:
            self._ask()
        elif self.state is FeedState.LIVE:
            able = [inbox for inbox in self.inboxes if not inbox.is_lagging]
            if not self.inboxes or not all(self._serves(inbox) for inbox in able):
                self._leave_round()

    # ------------------------------------------------------------ from the server

    def on_snapshot(self, message: Snapshot) -> None:
        """A round without a place to start was answered; with one, this is a reset."""
        if self._is_answer(message.ref):
            self._start_over(message, None if self._sent is None else "reset")

    def on_reset(self, message: Reset) -> None:
        """The place asked for cannot be continued, or the server gave up catching up."""
        if self._is_answer(message.ref):
            self._start_over(message, message.reason)
        elif message.ref == self._ref and self.state in (FeedState.LIVE, FeedState.LEAVING):
            item = _snapshot_item(message, message.reason)
            for inbox in self._served():
                inbox.put_snapshot(item)
            self._epoch, self._seq = message.epoch, message.seq
            self.advance()

    def on_resumed(self, message: Resumed) -> None:
        """The place asked for is good; every event after it follows.

        Raises:
          WireError: ``bad_request``, there was no such place.
        """
        if self._is_answer(message.ref):
            if self._sent is None:
                raise WireError("bad_request", "resumed, but no cursor was sent")
            epoch, seq = self._sent.epoch, self._sent.seq
            for inbox in self.inboxes:
                if inbox.epoch == epoch and inbox.seq <= seq:
                    inbox.is_proven = True
            self._go_live(epoch, seq)

    def on_events(self, message: Events) -> None:
        """Pass on what is new; ask again where a piece is missing.

        Raises:
          WireError: ``bad_request``, an event is malformed.
        """
        if self.state not in (FeedState.LIVE, FeedState.LEAVING) or message.seq <= self._seq:
            return  # A leftover of an earlier round, or seen already.
        if message.after > self._seq:
            if self.state is FeedState.LIVE:
                self._leave_round()
            return
        events = [Event.from_wire(fields) for fields in message.events]
        for inbox in self._served():
            inbox.put_events(events, message.seq)
        self._backoff.reset()  # The subscription works.
        self._seq = message.seq

    def on_presence(self, message: PresenceChanged) -> None:
        """Somebody came, went or moved."""
        if self.state not in (FeedState.LIVE, FeedState.LEAVING):
            return
        if message.full:
            self._present.clear()
        for session, state in message.sessions.items():
            if state is None:
                self._present.pop(session, None)
            else:
                self._present[session] = state
        for inbox in self.inboxes:
            if PRESENCE_TOPIC in inbox.topics:
                inbox.put_presence(message.sessions, self._present, full=message.full)

    def on_ended(self, message: Ended) -> None:
        """The wire subscription is over: we left, or the server ended it."""
        if message.ref != self._ref:
            return
        if self.state is FeedState.LEAVING:
            self.state = FeedState.IDLE
            self.advance()
        elif self.state in (FeedState.LIVE, FeedState.ASKED):
            self._ended(message, None)

    def on_error(self, message: Error) -> bool:
        """Handle a refusal, or a late one, which is an end; say whether it was for this feed."""
        if message.ref != self._ref or self.state in _GONE:
            return False
        if self.state is FeedState.LEAVING:  # It had ended before our unsubscribe arrived.
            self.state = FeedState.IDLE
            self.advance()
        elif self.state is FeedState.LIVE:
            self._ended(message, message.retry_after_ms)
        elif message.retryable:
            self._wait_to_retry(message.retry_after_ms)
        else:
            self._refused(message.code, message.message)
        return True

    # ------------------------------------------------------------ rounds

    def _ask(self) -> None:
        group = admitted(self.inboxes, singly=self._is_admitting_singly)
        if not group:
            return
        self._group = group
        self._topics = frozenset().union(*(inbox.topics for inbox in group))
        self._sent = start_of(group, self._epoch)
        self._ref = self._new_ref()
        self._present.clear()
        self.state = FeedState.ASKED
        self._send(
            Subscribe(
                ref=self._ref,
                target=self.target,
                topics=tuple(sorted(self._topics)),
                cursor=self._sent,
            )
        )

    def _leave_round(self) -> None:
        self.state = FeedState.LEAVING
        self._send(Unsubscribe(ref=self._ref))

    def _serves(self, inbox: Inbox) -> bool:
        return (
            inbox.topics <= self._topics
            and inbox.is_proven
            and inbox.epoch == self._epoch
            and inbox.seq >= self._seq
        )

    def _served(self) -> list[Inbox]:
        return [i for i in self.inboxes if not i.is_lagging and self._serves(i)]

    def _is_answer(self, ref: int) -> bool:
        return self.state is FeedState.ASKED and ref == self._ref

    def _start_over(self, message: Snapshot | Reset, reason: str | None) -> None:
        """Give the state at a new place to those that cannot go on from theirs."""
        item = _snapshot_item(message, reason)
        for inbox in self.inboxes:
            if inbox.is_lagging or not inbox.topics <= self._topics:
                continue
            if inbox.epoch is None:
                inbox.put_snapshot(evolve(item, reset_reason=None))
                inbox.is_proven = True
            elif reason is not None and is_cut_off(inbox, self._sent, message):
                inbox.put_snapshot(item)
                inbox.is_proven = True
        self._go_live(message.epoch, message.seq)

    def _go_live(self, epoch: str, seq: int) -> None:
        self.state = FeedState.LIVE
        self._epoch, self._seq = epoch, seq
        for inbox in self.inboxes:
            inbox.is_accepted = inbox.is_accepted or inbox.topics <= self._topics
        if all(inbox.is_accepted for inbox in self.inboxes):
            self._is_admitting_singly = False
        if self._own_presence or self._is_shown:
            self._send_presence()
        self.advance()

    def _send_presence(self) -> None:
        own = _merged(self._own_presence.values())
        self._is_shown = own is not None
        self._send(SetPresence(target=self.target, state=own))

    def _refused(self, code: str, message: str) -> None:
        """Tell those whose fault it can be; with several newcomers, ask for one at a time."""
        pending = [inbox for inbox in self._group if not inbox.is_accepted]
        if len(pending) > 1:
            self._is_admitting_singly = True
            self.state = FeedState.IDLE
            self.advance()
        else:
            self._end(pending or self._group, code, message)

    def _ended(self, message: Ended | Error, retry_after_ms: int | None) -> None:
        """The server has ended what was served: try again, or tell those who were."""
        if message.retryable:
            self._wait_to_retry(retry_after_ms)
        else:
            served = [i for i in self.inboxes if i.topics <= self._topics]
            if message.code == CONCLUDED:
                served = [i for i in served if not i.outlasts_the_end()]
            self._end(served, message.code, message.message)

    def _end(self, inboxes: Sequence[Inbox], code: str, message: str) -> None:
        for inbox in inboxes:
            if inbox in self.inboxes:  # It may have left meanwhile.
                self.inboxes.remove(inbox)
                inbox.finish(SubscriptionEnded(code, message))
        self.state = FeedState.IDLE
        self.advance()

    def _wait_to_retry(self, retry_after_ms: int | None) -> None:
        self.state = FeedState.WAITING
        self._retry_later(self, self._backoff.next_s() + (retry_after_ms or 0) / 1000)


def _snapshot_item(message: Snapshot | Reset, reason: str | None) -> SnapshotItem:
    return SnapshotItem(message.epoch, message.seq, message.topics, reason)


def _merged(parts: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return what all *parts* show together, maps of one name as one; None: there is no part."""
    shown = list(parts)
    whole: dict[str, Any] = {}
    for name, value in (pair for part in shown for pair in part.items()):
        before = whole.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            whole[name] = {**before, **value}
        else:
            whole[name] = value
    return whole if shown else None
