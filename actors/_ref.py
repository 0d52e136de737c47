"""How to send to an actor. A ref is an address: it never goes stale and costs nothing.

Sending makes the actor live if it does not. All four ways may raise at once, and then the message
was not sent:

* ``SystemClosed``: the system is draining or closed. Messages that actors send each other while
  they drain are refused too: what must arrive is an event first.
* ``MailboxFull`` (only the two that do not wait).
* ``ActorUnavailable``: it rests after too many crashes, is damaged, or too many actors live.
* ``JournalBroken``: the system has failed for good.
"""

from __future__ import annotations

from typing import Any

import trio

from actors._errors import AskTimeout
from actors._kind import ActorKind
from actors._mailbox import Done
from actors._registry import Registry


class Ref:
    """The address of one actor in one system."""

    __slots__ = ("_cells", "_key", "_kind", "_registry", "actor_id")

    def __init__(self, registry: Registry, kind: ActorKind, key: str) -> None:
        self._registry = registry
        self._cells = registry.cells
        self._kind = kind
        self._key = key
        self.actor_id = f"{kind.name}:{key}"

    def __repr__(self) -> str:
        return f"<Ref {self.actor_id}>"

    def tell_nowait(self, command: object) -> None:
        """Send *command*; nobody learns what becomes of it.

        Raises:
          ActorError, JournalBroken: not sent; see the module.
        """
        cell = self._cells.get(self.actor_id) or self._open()
        cell.mailbox.put_nowait((command, None))

    def ask_nowait(self, command: object, done: Done) -> None:
        """Send *command*; its outcome goes to *done*, from the actor's task.

        Raises:
          ActorError, JournalBroken: not sent, *done* will not be called; see the module.
        """
        cell = self._cells.get(self.actor_id) or self._open()
        cell.mailbox.put_nowait((command, done))

    async def tell(self, command: object) -> None:
        """Send *command*, after waiting for mailbox space; nobody learns what becomes of it.

        Raises:
          ActorError, JournalBroken: not sent; see the module.

        Cancelled: not sent.
        """
        await trio.lowlevel.checkpoint()
        cell = self._cells.get(self.actor_id) or self._open()
        await cell.mailbox.put((command, None))

    async def ask(self, command: object, *, timeout_s: float) -> Any:
        """Send *command* and wait for its reply.

        Args:
          timeout_s: Seconds of trio time, waiting for mailbox space included.

        Raises:
          Refused: the command was refused; nothing changed.
          AskTimeout: no reply in time. The command is skipped if it has not been decided yet.
          ActorCrashed: handling this very command crashed; it left no trace.
          ActorStopped: it was not handled; safe to send again.
          OutcomeUnknown, JournalBroken: it may have been handled.
          ActorError: not sent; see the module.

        Cancelled while the mailbox is full: not sent. Cancelled later: skipped if it has not been
        decided yet, else it happens and the reply is dropped; so make *command* idempotent if you
        retry.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        answer = _Answer()
        try:
            with trio.move_on_after(timeout_s):
                cell = self._cells.get(self.actor_id) or self._open()
                await cell.mailbox.put((command, answer))
                await answer.wait()
        finally:
            answer.abandoned = True
        if not answer.is_there:
            raise AskTimeout(self.actor_id, timeout_s)
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _open(self) -> Any:
        return self._registry.open(self._kind, self._key, self.actor_id)


class _Answer:
    """The outcome that one task waits for."""

    __slots__ = ("_task", "abandoned", "error", "is_there", "value")

    def __init__(self) -> None:
        self.abandoned = False
        self.is_there = False
        self.value: object = None
        self.error: Exception | None = None
        self._task: trio.lowlevel.Task | None = None

    def reply(self, value: object) -> None:
        self.value = value
        self._arrived()

    def fail(self, error: Exception) -> None:
        self.error = error
        self._arrived()

    def _arrived(self) -> None:
        self.is_there = True
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)

    async def wait(self) -> None:
        """Wait for the outcome. Cancelled: it goes nowhere."""
        if self.is_there:  # It came while the sender waited for room or was being scheduled.
            await trio.lowlevel.checkpoint()
            return
        self._task = trio.lowlevel.current_task()

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
