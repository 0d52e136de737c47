"""Publish/subscribe of one actor: durable events go to sinks, batched where that is wanted.

Rules:

* Sinks that follow the same set of topics form a group. A group gets one :class:`Flush` object per
  flush, shared by all its sinks, so that a consumer can encode it once (``memo``).
* A group is flushed in order of seq. ``after`` of a flush is ``seq`` of the group's flush before,
  or the hub's seq when the group was made: a receiver can prove that it has no gap.
* Urgent items leave at ``commit``. Others leave at ``commit`` too after a quiet time, else when
  the interval since the group's last flush is over: at most one such flush per interval.
* ``attach`` flushes the group first: a sink never gets what the snapshot it starts from holds.
* The ring keeps the newest items, bounded in number and weight, for those who come back. It
  forgets, but never lies: ``since`` returns None rather than a run with a hole.
* A sink that raises is detached and logged; the others get the flush all the same.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Protocol

import trio
from attrs import define, field

from actors._guard import raise_unless_crash
from actors._limits import RING_AWAKE_LEN
from actors._pace import Pace
from actors._timer import TimerHandle, Timers

_log = logging.getLogger(__name__)

Item = tuple[int, str, object]  # seq, topic, body


class Flush:
    """What a group's sinks get at once: all items of their topics with ``after < seq <= .seq``."""

    __slots__ = ("after", "items", "memo", "seq")

    def __init__(self, after: int, seq: int, items: list[Item]) -> None:
        self.after = after
        self.seq = seq
        self.items = items
        self.memo: object | None = None  # The consumer's: what the first sink made of it.

    def __repr__(self) -> str:
        return f"Flush(after={self.after}, seq={self.seq}, items={self.items!r})"


class Sink(Protocol):
    """A receiver. Hashable by identity."""

    def deliver(self, flush: Flush) -> None:
        """Take *flush*. Quick, synchronous; may attach and detach sinks, itself included."""
        ...


@define(eq=False)
class _Group:
    topics: frozenset[str]
    seq: int  # Of its last flush.
    sinks: dict[Sink, None] = field(factory=dict)  # In order of arrival.
    pending: list[Item] = field(factory=list)
    is_urgent: bool = False
    flushed_at: float = float("-inf")
    timer: TimerHandle | None = None


class Hub:
    """See the module's rules. Belongs to one activation; ``close`` it with the activation.

    Args:
      pace: Of flushes of items that are not urgent.
      ring_len_max: How many recent items ``since`` can return.
      ring_weight_max: Sum of their weights (bytes, say); None: not bounded.
      seq: Everything up to here was published before; the ring starts after it.
      on_rest: Called, once, with the body of an item that more than ``RING_AWAKE_LEN`` came after:
        hardly anybody asks for it any more, so it can make itself small.
    """

    def __init__(
        self,
        timers: Timers,
        *,
        pace: Pace,
        ring_len_max: int,
        ring_weight_max: int | None = None,
        seq: int = 0,
        on_rest: Callable[[object], None] | None = None,
    ) -> None:
        self.seq = seq
        self._timers = timers
        self._pace = pace
        self._ring: deque[Item] = deque()
        self._weights: deque[int] = deque()  # Of the ring's items.
        self._weight = 0
        self._ring_len_max = ring_len_max
        self._ring_weight_max = ring_weight_max
        self._on_rest = on_rest
        self._ring_after = seq  # Every item with a greater seq is in the ring.
        self._groups: dict[frozenset[str], _Group] = {}
        self._group_of: dict[Sink, _Group] = {}
        self._by_topic: dict[str, list[_Group]] = {}
        self._touched: dict[_Group, None] = {}  # Since the last commit.

    # -------------------------------------------------------------- sinks

    @property
    def sinks(self) -> Collection[Sink]:
        """Who is attached, as a live view, in order of arrival."""
        return self._group_of.keys()

    @property
    def is_empty(self) -> bool:
        """True if nobody is attached."""
        return not self._group_of

    def attach(self, sink: Sink, topics: frozenset[str]) -> None:
        """Deliver to *sink* what is published on *topics* from now on.

        A sink that is attached already moves to the new topics.
        """
        self.detach(sink)
        self.flush_group_of(topics)
        group = self._groups.get(topics)
        if group is None:
            group = self._groups[topics] = _Group(topics, self.seq)
            for topic in topics:
                self._by_topic.setdefault(topic, []).append(group)
        group.sinks[sink] = None
        self._group_of[sink] = group

    def detach(self, sink: Sink) -> None:
        """Deliver nothing more to *sink*. Safe if it is not attached."""
        group = self._group_of.pop(sink, None)
        if group is None:
            return
        del group.sinks[sink]
        if not group.sinks:
            self._drop(group)

    def close(self) -> None:
        """Detach everyone, deliver nothing more and let go of the timers."""
        for group in list(self._groups.values()):
            self._drop(group)
        self._group_of.clear()

    def _drop(self, group: _Group) -> None:
        if group.timer is not None:
            group.timer.cancel()
        group.pending = []
        group.sinks = {}
        self._touched.pop(group, None)
        del self._groups[group.topics]
        for topic in group.topics:
            groups = self._by_topic[topic]
            groups.remove(group)
            if not groups:
                del self._by_topic[topic]

    # -------------------------------------------------------------- publishing

    def publish(self, seq: int, topic: str, body: object, *, urgent: bool, weight: int = 0) -> None:
        """Collect an item for those who follow *topic*; nothing is delivered before ``commit``.

        *seq* must not be smaller than any before. *weight* counts against ``ring_weight_max``.
        """
        assert seq >= self.seq
        self.seq = seq
        item = (seq, topic, body)
        ring = self._ring
        ring.append(item)
        self._weights.append(weight)
        self._weight += weight
        if len(ring) > self._ring_len_max or self._is_too_heavy():
            self._trim_ring()
        if self._on_rest is not None and len(ring) > RING_AWAKE_LEN:
            self._on_rest(ring[-1 - RING_AWAKE_LEN][2])
        for group in self._by_topic.get(topic, ()):
            group.pending.append(item)
            self._touched[group] = None
            if urgent:
                group.is_urgent = True

    def commit(self) -> None:
        """Deliver what is urgent or comes after a quiet time; arm timers for the rest."""
        if not self._touched:
            return
        touched, self._touched = self._touched, {}
        now = trio.current_time()
        for group in touched:
            if group.is_urgent:
                self._flush(group, now)
            elif group.timer is None:
                self._flush_or_arm(group, now)

    def flush_all(self) -> None:
        """Deliver everything that waits."""
        now = trio.current_time()
        for group in list(self._groups.values()):
            self._flush(group, now)

    def flush_group_of(self, topics: frozenset[str]) -> None:
        """Deliver what waits for those who follow exactly *topics*."""
        group = self._groups.get(topics)
        if group is not None and group.pending:
            self._flush(group, trio.current_time())

    def _flush_or_arm(self, group: _Group, now: float) -> None:
        due = group.flushed_at + self._pace.interval_s
        if now >= due:
            self._flush(group, now)
        elif group.pending:
            group.timer = self._timers.call_at(due, partial(self._interval_over, group))

    def _interval_over(self, group: _Group) -> None:
        # The timer is not cancelled when something urgent takes the pending items along: cheaper
        # to find nothing here, or to wait for the rest of the interval that began then.
        group.timer = None
        if group.pending:
            self._flush_or_arm(group, trio.current_time())

    def _flush(self, group: _Group, now: float) -> None:
        group.is_urgent = False
        if not group.pending:
            return
        flush = Flush(group.seq, self.seq, group.pending)
        group.pending = []
        group.seq = self.seq
        group.flushed_at = now
        for sink in list(group.sinks):
            if sink not in group.sinks:  # Detached by a sink before it.
                continue
            try:
                sink.deliver(flush)
            except BaseException as error:  # noqa: BLE001 - a callback; see _guard.
                raise_unless_crash(error)
                _log.error("a sink failed and is detached", exc_info=error)
                if self._group_of.get(sink) is group:
                    self.detach(sink)

    # -------------------------------------------------------------- the ring

    def _trim_ring(self) -> None:
        while len(self._ring) > self._ring_len_max or self._is_too_heavy():
            self._ring_after = self._ring.popleft()[0]
            self._weight -= self._weights.popleft()

    def _is_too_heavy(self) -> bool:
        return self._ring_weight_max is not None and self._weight > self._ring_weight_max

    @property
    def recent(self) -> Iterable[Item]:
        """What the ring holds, oldest first."""
        return self._ring

    def since(self, seq: int, topics: frozenset[str]) -> list[Item] | None:
        """Return the items of *topics* after *seq*, or None if the ring does not reach back."""
        if seq < self._ring_after:
            return None
        found: list[Item] = []
        for item in reversed(self._ring):
            if item[0] <= seq:
                break
            if item[1] in topics:
                found.append(item)
        found.reverse()
        return found
