"""A system of actors: opened with kinds and a journal, drained when its block ends.

The actors run in the system's own nursery, shielded from the cancellation of the program around
it, so that an orderly end is possible then too; only a drain's deadline or a broken journal kills
them. There is no state outside the system: a program may have several.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import trio

from actors._errors import JournalBroken, UnknownKind
from actors._journal import Journal
from actors._kind import ActorKind
from actors._ref import Ref
from actors._registry import Registry
from actors._state import Counters, SystemState
from actors._timer import Timers


class ActorSystem:
    """A handle on an open system. Made by :func:`open_system`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._state = registry.state

    def ref(self, kind: str, key: str) -> Ref:
        """Return the address of an actor. Starts nothing.

        Raises:
          UnknownKind: the system was opened without *kind*.
        """
        try:
            actor_kind = self._registry.kinds[kind]
        except KeyError:
            raise UnknownKind(kind) from None
        return Ref(self._registry, actor_kind, key)

    def is_active(self, kind: str, key: str) -> bool:
        """Say whether the actor is in memory: starting, running or stopping."""
        return f"{kind}:{key}" in self._registry.cells

    @property
    def active_count(self) -> int:
        """How many actors are in memory."""
        return len(self._registry.cells)

    @property
    def active_by_kind(self) -> Mapping[str, int]:
        """How many actors of each kind are in memory; of what was never there nothing is said."""
        return dict(self._registry.counts)

    @property
    def journal(self) -> Journal:
        """Where this system's events go."""
        return self._state.journal

    @property
    def timers(self) -> Timers:
        """In-memory timers that run as long as the system is open."""
        return self._state.timers

    @property
    def counters(self) -> Counters:
        """What happened since it was opened, in plain numbers."""
        return self._state.counters

    @property
    def failed(self) -> JournalBroken | None:
        """Why nothing is acknowledged any more, or None."""
        return self._state.failed

    async def wait_failed(self) -> JournalBroken:
        """Wait until the journal breaks, and return how. Cancelled: nothing happened."""
        await self._registry.failure.wait()
        assert self._state.failed is not None
        return self._state.failed

    async def drain(self, timeout_s: float) -> None:
        """Stop in order: refuse messages, finish waiting mail, save snapshots, passivate.

        Actors that have not finished after *timeout_s* are killed: their senders get
        ``ActorStopped``, or ``OutcomeUnknown`` if the journal was at work. Does nothing on a
        system that is drained or has failed; several callers may wait, the earliest deadline
        counts.

        Cancelled: the actors go on finishing, without this deadline.
        """
        if not self._registry.is_closed:
            self._registry.close()
        with trio.move_on_after(timeout_s) as deadline:
            await self._registry.empty.wait()
        if deadline.cancelled_caught:
            self._registry.kill()
            await self._registry.empty.wait()


@asynccontextmanager
async def open_system(
    kinds: Iterable[ActorKind],
    journal: Journal,
    *,
    drain_timeout_s: float = 5.0,
    active_max: int = 100_000,
) -> AsyncIterator[ActorSystem]:
    """Open a system of actors; leaving the block drains it.

    Args:
      drain_timeout_s: How long draining may take before what is left is killed.
      active_max: Actors in memory; a message that would activate one more is refused.

    Raises:
      ValueError: two kinds have the same name.
      BaseExceptionGroup: with a KeyboardInterrupt or SystemExit that a callback raised. What the
        block itself raises comes out as it is.

    Cancelled: drains all the same, for at most *drain_timeout_s*.
    """
    by_name: dict[str, ActorKind] = {}
    for kind in kinds:
        if by_name.setdefault(kind.name, kind) is not kind:
            raise ValueError(f"two kinds are named {kind.name}")
    registry = Registry(by_name, SystemState(journal), active_max=active_max)
    timers_scope = trio.CancelScope(shield=True)  # They must run while the actors drain.
    system = ActorSystem(registry)
    body_error: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(registry.run)
            nursery.start_soon(_run_timers, registry.state.timers, timers_scope)
            try:
                yield system
            except BaseException as error:
                body_error = error
                raise
            finally:
                with trio.CancelScope(shield=True):
                    await system.drain(drain_timeout_s)
                registry.kill()
                timers_scope.cancel()
    except BaseExceptionGroup as group:
        if body_error is None or group.exceptions != (body_error,):
            raise
    if body_error is not None:  # The nursery is a detail: what the block raised comes out bare.
        raise body_error


async def _run_timers(timers: Timers, scope: trio.CancelScope) -> None:
    with scope:
        await timers.run()
