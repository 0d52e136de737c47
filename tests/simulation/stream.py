"""One follower's stream, checked item by item against the journal (S1.4)."""

from __future__ import annotations

from attrs import define

from protocol.client import Cursor, Event, Item, SnapshotItem
from tests.simulation.judge import Judge


@define(eq=False)
class Stream:
    """What one device has seen of some topics of one target, over all of its connections."""

    judge: Judge
    user: str
    target: str
    topics: frozenset[str]
    seq: int | None = None  # Everything up to here was seen; None: nothing.

    @property
    def cursor(self) -> Cursor | None:
        """Where to go on."""
        return None if self.seq is None else Cursor(epoch="e1", seq=self.seq)

    def take(self, item: Item) -> None:
        """Check the next item."""
        if isinstance(item, SnapshotItem):
            self._take_snapshot(item)
        elif isinstance(item, Event):
            self._take_event(item)

    def _take_snapshot(self, item: SnapshotItem) -> None:
        judge = self.judge
        judge.count("resets" if item.reset_reason else "snapshots")
        judge.trace("snapshot", self.user, self.target, item.seq, item.reset_reason)
        if self.seq is not None and item.reset_reason is None:
            judge.fault("S1.4", f"{self._name} starts over at {item.seq} without a reset")
        if self.seq is not None and item.seq < self.seq:
            judge.fault("S1.4", f"{self._name} is reset back from {self.seq} to {item.seq}")
        if set(item.topics) != self.topics - {"presence"}:
            judge.fault("S1.4", f"{self._name} is shown {sorted(item.topics)}")
        judge.snapshots.append((self.target, self.user, item.seq, item.topics))
        self.seq = item.seq

    def _take_event(self, event: Event) -> None:
        judge, history = self.judge, self.judge.history(self.target)
        judge.count("delivered")
        judge.trace("event", self.user, self.target, event.seq)
        if self.seq is None:
            judge.fault("S1.4", f"{self._name} begins with event {event.seq}")
        elif event.seq <= self.seq:
            judge.fault("S1.4", f"{self._name} gets {event.seq} after {self.seq}")
        elif event.seq > history.seq:
            judge.fault("S1.1", f"{self._name} gets {event.seq}, durable is {history.seq}")
        else:
            expected = history.next_of(self.topics, self.seq)
            if expected != event.seq:
                judge.fault("S1.4", f"{self._name} gets {event.seq}, not {expected}")
            fields = {name: getattr(event, name) for name in Event.__match_args__}
            if not history.shows(fields):
                judge.fault("S1.4", f"{self._name} gets another event {event.seq} than was stored")
        self.seq = event.seq

    @property
    def missing(self) -> int | None:
        """The seq of an event that was not seen; None: it is up to date."""
        history = self.judge.history(self.target)
        return history.seq if self.seq is None else history.next_of(self.topics, self.seq)

    @property
    def _name(self) -> str:
        return f"stream of {self.user} of {self.target}"
