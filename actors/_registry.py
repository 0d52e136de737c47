"""Which actors live: an id has at most one cell, and a cell has one task.

An id is in ``cells`` (starting, running or stopping), in ``resting`` (after too many crashes, until
its time is over), or in neither: then the next message makes a cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextvars import copy_context

import trio
from attrs import frozen

from actors._cell import Cell
from actors._errors import ActorUnavailable, JournalBroken, SystemClosed
from actors._kind import ActorKind, Restart
from actors._limits import ACTIVE_RETRY_S
from actors._mailbox import fail
from actors._state import SystemState


@frozen
class _Rest:
    until: float  # trio time
    reason: str
    error: type[ActorUnavailable]


class Registry:
    """See the module. ``run`` is the task that the cells' tasks are children of."""

    def __init__(
        self,
        kinds: Mapping[str, ActorKind],
        state: SystemState,
        *,
        active_max: int,
    ) -> None:
        self.kinds = kinds
        self.state = state
        self.cells: dict[str, Cell] = {}
        self.counts: Counter[str] = Counter()  # Of ``cells``, by kind.
        self._resting: dict[str, _Rest] = {}
        self._nursery: trio.Nursery
        self._context = copy_context()
        self._active_max = active_max
        self.is_closed = False
        self.empty = trio.Event()  # Set when closed and the last cell has left.
        self.failure = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the cells until :meth:`kill`. Shielded: an outer cancellation does not reach them.

        Raises:
          BaseExceptionGroup: what was meant for the whole program, as ``KeyboardInterrupt``.
        """
        try:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as self._nursery:
                    task_status.started()
                    await trio.sleep_forever()
        finally:
            self.close()

    def open(self, kind: ActorKind, key: str, actor_id: str) -> Cell:
        """Return a new cell for *actor_id*, which has none.

        Raises:
          JournalBroken: the journal has failed.
          SystemClosed: no more messages are taken.
          ActorUnavailable: it rests, or too many actors live already.
        """
        if self.state.failed is not None:
            raise JournalBroken(self.state.failed.detail)
        if self.is_closed:
            raise SystemClosed
        rest = self._resting.get(actor_id)
        if rest is not None:
            left_s = max(rest.until - trio.current_time(), 0.0)
            raise rest.error(actor_id, rest.reason, left_s)
        if len(self.cells) + len(self._resting) >= self._active_max:
            raise ActorUnavailable(actor_id, "too many actors are active", ACTIVE_RETRY_S)
        cell = self.cells[actor_id] = Cell(self, kind, key, actor_id)
        self.counts[kind.name] += 1
        # A task inherits context variables from whoever starts it; here that is whoever happened
        # to send the first message. An actor belongs to none of its senders.
        self._context.run(self._nursery.start_soon, cell.run)
        return cell

    def forget(self, actor_id: str) -> None:
        """Take the cell of *actor_id*, which has stopped, out."""
        del self.cells[actor_id]
        self.counts[actor_id.partition(":")[0]] -= 1
        if self.is_closed and not self.cells:
            self.empty.set()

    def rest(self, kind: ActorKind, key: str, error: ActorUnavailable) -> None:
        """Refuse messages for an actor with *error*, and for as long as it says."""
        if self.is_closed:
            return
        actor_id, rest_s = error.actor_id, error.retry_after_s
        until = trio.current_time() + rest_s
        self._resting[actor_id] = _Rest(until, error.reason, type(error))
        self.state.timers.call_later(rest_s, lambda: self._rested(kind, key, actor_id))

    def _rested(self, kind: ActorKind, key: str, actor_id: str) -> None:
        self._resting.pop(actor_id, None)
        # There is room: whoever rests keeps its place among ``active_max``, and from the line
        # above to the new cell nobody else runs.
        if kind.restart is Restart.PERMANENT and not self.is_closed and self.state.failed is None:
            self.open(kind, key, actor_id)

    def close(self) -> None:
        """Take no more messages; cells finish their mail, save a snapshot and leave."""
        self.is_closed = True
        self._resting.clear()
        for cell in self.cells.values():
            cell.mailbox.refuse(SystemClosed)
            cell.mailbox.wake()
        if not self.cells:
            self.empty.set()

    def fail(self, error: JournalBroken) -> None:
        """End everything: the journal cannot be trusted any more. Only the first error counts.

        Not logged here: everybody who waits gets it, and whoever runs the system.
        """
        if self.state.failed is not None:
            return
        self.state.failed = error
        self._resting.clear()
        self.failure.set()
        self.kill()
        for cell in list(self.cells.values()):
            for _, done in cell.mailbox.close(lambda: JournalBroken(error.detail)):
                fail(done, JournalBroken(error.detail))

    def kill(self) -> None:
        """Cancel all cells, now."""
        self._nursery.cancel_scope.cancel()
