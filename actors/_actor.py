"""The callback part of an actor: what a kind writes. The generic part is ``_cell``.

::

    _cell (generic, owns the task)            Actor (callbacks, owns the state)
    ------------------------------            ---------------------------------
    activate: journal.head, journal.read  ->  restore(snapshot)  replay: decode, evolve
    take all waiting commands (bounded)   ->  prepare(commands), awaited
    for each command                      ->  decide(command) -> Decision
        for each of its events            ->  encode(event), evolve(seq, event), rows(seq, event)
    journal.append(one batch); durable
    with                                  ->  releasing():
    for each command, in order            ->    publish(seq, event) ... then its effect, its reply
    after the last                        ->    committed()
    passivate: journal.save_snapshot      <-  snapshot()

Nothing leaves before commit: replies, effects and publications wait for the append, and so does
the reply of a command without events that was decided after one with events (output gate).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

from attrs import define, field

C = TypeVar("C")  # command
E = TypeVar("E")  # event


@define(eq=False)
class Decision(Generic[E]):
    """What a command causes.

    ``reply`` is the answer for an ``ask``. ``effect`` runs after commit, after this command's
    events were published and before its reply; it must be quick and must not raise.
    """

    events: Sequence[E] = ()
    reply: object = None
    effect: Callable[[], None] | None = field(default=None)


class Actor(Generic[C, E]):
    """State of one activation, and the pure functions over it. Subclass it for a kind.

    An instance lives in one task, from activation to passivation or crash; then it is dropped.
    ``actor_id``, ``key``, ``epoch`` and ``seq`` (of the last event evolved) are set by the kernel
    before the first callback.
    """

    actor_id: str
    key: str
    epoch: str
    seq: int

    def restore(self, snapshot: bytes) -> None:
        """Load what :meth:`snapshot` returned. Raise to fall back to a full replay."""
        raise NotImplementedError

    def snapshot(self) -> bytes | None:
        """Return the whole state as bytes, or None if this kind always replays."""
        return None

    def prepare(self, commands: Sequence[C]) -> Awaitable[int | None] | None:  # noqa: ARG002
        """Load what :meth:`decide` will need and memory does not hold. Never write state rules use.

        Called once per batch, before the first command is decided; what it returns is awaited.
        None: there is nothing to load. May be written as an ``async def``.

        The awaitable may return how many of *commands*, one at least, are to be decided now. The
        others wait for the next batch and are prepared then: one whose preparation must still hold
        when it is decided goes first in its batch.

        Cancelled while awaited: the system is being killed; nothing happened.
        """
        return None

    def decide(self, command: C) -> Decision[E]:
        """Return what *command* causes; read the state, never write it.

        Raises:
          Refused: the sender gets it; nothing else happens.
          Exception: a bug. The sender gets ``ActorCrashed``; the activation is dropped and
            replayed, and the batch's other commands are decided again.
        """
        raise NotImplementedError

    def evolve(self, seq: int, event: E) -> None:
        """Apply one event. Never refuses: a mismatch is corruption, so crash."""
        raise NotImplementedError

    def encode(self, event: E) -> bytes:
        """Return *event* as journaled bytes. Must not fail for an event that decide returned."""
        raise NotImplementedError

    def decode(self, payload: bytes) -> E:
        """Inverse of :meth:`encode`, for every payload ever written by any version."""
        raise NotImplementedError

    def rows(self, seq: int, event: E) -> Sequence[object]:  # noqa: ARG002
        """Return projection rows to be stored in the event's transaction. Called after evolve."""
        return ()

    def releasing(self) -> AbstractContextManager[object]:
        """Return a context around everything that one batch lets out, for whoever collects it."""
        return nullcontext()

    def publish(self, seq: int, event: E) -> None:
        """Tell subscribers about a durable event. Quick, synchronous, must not raise."""

    def committed(self) -> None:
        """Flush what the batch's publications and replies left. Called once per batch."""

    def is_busy(self) -> bool:
        """Say whether somebody watches this actor, so that it must not be passivated."""
        return False

    def closed(self, reason: BaseException | None) -> None:
        """Say goodbye to subscribers: passivation or drain (None) or a crash (*reason*)."""
