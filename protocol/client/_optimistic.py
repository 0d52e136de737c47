"""Optimistic updates: show a write at once, and be right about it in the end.

What is shown is always *confirmed history, then the pending mutations in order on top*::

    state = apply_n(... apply_1(reduce(... reduce(snapshot, event_1) ..., event_m)))

* mutate: the mutation is appended, so it shows at once;
* an event of anybody: it goes under the pending mutations (they are rebased);
* reply with seq: the mutation is confirmed; it leaves when the history has reached that seq, so
  it never disappears before its own event shows;
* refused, abandoned or cancelled: it leaves at once; what is shown equals a replay without it. If
  it happened after all, its event will come.

:class:`OptimisticState` is pure; :class:`OptimisticView` feeds it from a client. States are values:
``reduce`` and ``apply`` return new ones, and must accept any state (total functions).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import trio
from attrs import define

from protocol.client._background import background
from protocol.client._client import CALL_TIMEOUT_S, Client
from protocol.client._errors import LimitExceeded
from protocol.client._follower import Follower
from protocol.client._items import Event, Item, PresenceItem, SnapshotItem
from protocol.errors import ClientClosed, ClientError
from protocol.limits import OFFLINE_QUEUE_MAX

S = TypeVar("S")


@define(eq=False)
class Mutation(Generic[S]):
    """A local write that history does not hold yet."""

    op: str
    args: Mapping[str, Any] | object | None
    apply: Callable[[S], S]
    confirmed_seq: int | None = None  # It happened, and its last event has this seq.


class OptimisticState(Generic[S]):
    """Confirmed history and pending mutations. No I/O, no clock.

    Args:
      settles: says that an event is the mutation's own, so that it is not shown twice in the moment
        between the event and the reply. Without it, make ``apply`` idempotent.
    """

    def __init__(
        self,
        base: S,
        *,
        epoch: str,
        seq: int,
        reduce: Callable[[S, Event], S],
        settles: Callable[[Event, Mutation[S]], bool] | None = None,
    ) -> None:
        self.epoch = epoch
        self.seq = seq
        self._base = base
        self._reduce = reduce
        self._settles = settles
        self._pending: list[Mutation[S]] = []
        self._state = base
        self._is_over = False
        self._is_stale = False  # ``_state`` must be computed again.

    @property
    def state(self) -> S:
        """What to show."""
        if self._is_stale:
            state = self._base
            for mutation in self._pending:
                state = mutation.apply(state)
            self._state, self._is_stale = state, False
        return self._state

    @property
    def confirmed(self) -> S:
        """What history alone says."""
        return self._base

    @property
    def pending(self) -> tuple[Mutation[S], ...]:
        """What is shown on top of history, oldest first."""
        return tuple(self._pending)

    def mutate(self, mutation: Mutation[S]) -> None:
        """Show *mutation*. An exception of ``apply`` comes out, and nothing has changed.

        Raises:
          LimitExceeded: ``OFFLINE_QUEUE_MAX`` mutations are pending.
        """
        if len(self._pending) >= OFFLINE_QUEUE_MAX:
            raise LimitExceeded("OFFLINE_QUEUE_MAX", f"{len(self._pending)} mutations are pending")
        self._state = mutation.apply(self.state)
        self._pending.append(mutation)

    def confirm(self, mutation: Mutation[S], seq: int | None) -> None:
        """*mutation* happened; its events reach up to *seq* (None: it caused none)."""
        if seq is None or self._is_over or seq <= self.seq:
            self.drop(mutation)
        else:
            mutation.confirmed_seq = seq

    def drop(self, mutation: Mutation[S]) -> None:
        """Show *mutation* no more. Harmless when it is gone already."""
        if mutation in self._pending:
            self._pending.remove(mutation)
            self._is_stale = True

    def event(self, event: Event) -> None:
        """Put one more event under the pending mutations."""
        self._base = self._reduce(self._base, event)
        self._is_stale = True
        if self._settles is not None:
            own = next((m for m in self._pending if self._settles(event, m)), None)
            if own is not None:
                self._pending.remove(own)
        self.reach(event.seq)

    def reach(self, seq: int) -> None:
        """History is known up to *seq*, even if the last of it shows nothing."""
        self.seq = max(self.seq, seq)
        self._keep(lambda m: m.confirmed_seq is None or m.confirmed_seq > self.seq)

    def end(self) -> None:
        """History has ended: what it would hold later is dropped, or it were pending for ever."""
        self._keep(lambda m: m.confirmed_seq is None)
        self._is_over = True

    def reset(self, base: S, *, epoch: str, seq: int) -> None:
        """Start over from a snapshot; unconfirmed mutations stay on top of it."""
        self._base, self._is_stale = base, True
        if epoch != self.epoch:  # Their seqs belong to a history that is no more.
            self._keep(lambda m: m.confirmed_seq is None)
        self.epoch, self.seq = epoch, seq
        self.reach(seq)

    def _keep(self, wanted: Callable[[Mutation[S]], bool]) -> None:
        kept = [mutation for mutation in self._pending if wanted(mutation)]
        if len(kept) != len(self._pending):
            self._pending, self._is_stale = kept, True


class OptimisticView(Generic[S]):
    """A live state with optimistic writes. Made by :func:`open_view`."""

    def __init__(
        self,
        client: Client,
        target: str,
        follower: Follower,
        *,
        load: Callable[[SnapshotItem], S],
        core: OptimisticState[S],
    ) -> None:
        self._client = client
        self._target = target
        self._follower = follower
        self._load = load
        self._core = core
        self._changed = trio.lowlevel.ParkingLot()
        self._scope = trio.CancelScope()
        self._end: ClientError | None = None

    @property
    def state(self) -> S:
        """What to show now."""
        return self._core.state

    @property
    def pending(self) -> tuple[Mutation[S], ...]:
        """Mutations that history does not hold yet."""
        return self._core.pending

    async def mutate(
        self,
        op: str,
        args: Mapping[str, Any] | object | None,
        apply: Callable[[S], S],
        *,
        key: str | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Any:
        """Show *apply* at once, do *op* on the server, return its value.

        Raises what ``Client.ask`` raises; the mutation is then rolled back.

        Cancelled: rolled back; if it happened after all, its event shows it.
        """
        mutation = Mutation(op, args, apply)
        self._core.mutate(mutation)
        self._changed.unpark_all()
        try:
            answer = await self._client.ask(self._target, op, args, key=key, timeout_s=timeout_s)
        except BaseException:
            self._core.drop(mutation)
            self._changed.unpark_all()
            raise
        self._core.confirm(mutation, answer.seq)
        self._changed.unpark_all()
        return answer.value

    async def wait_for(self, condition: Callable[[S], bool]) -> S:
        """Return the state as soon as *condition* holds for it.

        Raises:
          SubscriptionEnded, ConnectFailed, ClientClosed: it will not change any more.

        Cancelled: nothing happened.
        """
        await trio.lowlevel.checkpoint()
        while not condition(self.state):
            if self._end is not None:
                raise self._end
            await self._changed.park()
        return self.state

    # ------------------------------------------------------------ the task behind it

    async def run(self) -> None:
        """Take what the follower receives until it ends. Started by :func:`open_view`."""
        with self._scope:
            try:
                while items := await self._follower.batch():
                    self._take(items)
                self._end = ClientClosed()
            except ClientError as error:
                self._end = error
            self._core.end()
            self._changed.unpark_all()

    def stop(self) -> None:
        """End :meth:`run`; the state stays as it is."""
        self._scope.cancel()
        self._end = self._end or ClientClosed()
        self._core.end()
        self._changed.unpark_all()

    def _take(self, items: Iterable[Item]) -> None:
        """Apply what came at one time before anybody looks."""
        for item in items:
            if isinstance(item, SnapshotItem):
                self._core.reset(self._load(item), epoch=item.epoch, seq=item.seq)
            elif isinstance(item, Event):
                self._core.event(item)
        cursor = self._follower.cursor
        if cursor is not None and cursor.epoch == self._core.epoch:
            self._core.reach(cursor.seq)
        self._changed.unpark_all()


@asynccontextmanager
async def open_view(
    client: Client,
    target: str,
    topics: Iterable[str],
    *,
    load: Callable[[SnapshotItem], S],
    reduce: Callable[[S, Event], S],
    settles: Callable[[Event, Mutation[S]], bool] | None = None,
) -> AsyncIterator[OptimisticView[S]]:
    """Follow *topics* of *target* as one state, from its first snapshot on.

    What has ended (``concluded``) is followed on, as far as it can be read: see ``Client.follow``.

    Args:
      load: makes a state of a snapshot.
      reduce: makes the next state of a state and an event.
      settles: see :class:`OptimisticState`.

    Raises what ``Client.follow`` and iteration over a follower raise, before the block begins.

    Cancelled: it ends.
    """
    async with client.follow(target, topics, lasting=True) as follower:
        snapshot, rest = await _first_snapshot(follower)
        core = OptimisticState(
            load(snapshot),
            epoch=snapshot.epoch,
            seq=snapshot.seq,
            reduce=reduce,
            settles=settles,
        )
        view = OptimisticView(client, target, follower, load=load, core=core)
        view._take(rest)
        async with background(view.run, stop=view.stop, stop_timeout_s=0.0):
            yield view


async def _first_snapshot(follower: Follower) -> tuple[SnapshotItem, list[Item]]:
    """Wait for the first snapshot; return it and what came right behind it."""
    while items := await follower.batch():
        for index, item in enumerate(items):
            if not isinstance(item, PresenceItem):
                assert isinstance(item, SnapshotItem)
                return item, items[index + 1 :]
    raise ClientClosed
