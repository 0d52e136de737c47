"""What all cells of one system share: plain state, endpoints are handles on it."""

from __future__ import annotations

from attrs import define, field

from actors._errors import ActorStopped, JournalBroken
from actors._journal import Journal
from actors._timer import Timers


@define(eq=False)
class Counters:
    """What a system has done since it was opened. Plain numbers, for metrics."""

    activations: int = 0
    passivations: int = 0
    crashes: int = 0
    batches: int = 0  # Appends that succeeded.
    events: int = 0  # Events in them.
    commands: int = 0  # Decided and answered, refused ones included.
    refused: int = 0
    snapshots: int = 0


@define(eq=False)
class SystemState:
    """The journal and the clockwork of one system, and whether it still works."""

    journal: Journal
    timers: Timers = field(factory=Timers)
    counters: Counters = field(factory=Counters)
    failed: JournalBroken | None = None  # Once set, nothing is acknowledged any more.

    def stop_error(self, actor_id: str) -> Exception:
        """Return a fresh error for a message to *actor_id* that will not be handled."""
        if self.failed is not None:
            return JournalBroken(self.failed.detail)
        return ActorStopped(actor_id)
