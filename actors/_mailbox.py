"""A bounded queue of commands with one reader (the cell) and any number of senders.

Rules:

* At most ``len_max`` letters, plus at most one batch that a crash put back in front.
* Whoever waits for room is admitted in order of arrival, by the reader itself; so nobody who
  does not wait can overtake. While somebody waits, the mailbox is full.
* The reader is woken only if it is parked: a send to a busy actor is one ``append``.
* Closed once and for good: then every letter in it has been answered.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import trio

from actors._errors import MailboxFull
from actors._guard import raise_unless_crash

_log = logging.getLogger(__name__)


class Done(Protocol):
    """Where the outcome of a command goes. Called synchronously from the actor's task.

    Exactly one of ``reply`` and ``fail`` is called, once, unless the command was skipped because
    it was ``abandoned``. Both must be quick; what they raise is logged and dropped.
    """

    @property
    def abandoned(self) -> bool:
        """True once nobody wants the outcome: a command not yet decided is then skipped."""
        ...

    def reply(self, value: object) -> None:
        """Take the answer. Everything that the command caused is durable."""
        ...

    def fail(self, error: Exception) -> None:
        """Take the reason why there is no answer."""
        ...


Letter = tuple[Any, Done | None]  # A command, and who wants its outcome.
MakeError = Callable[[], Exception]  # A fresh one per receiver: a raised error grows tracebacks.


def fail(done: Done | None, error: Exception) -> None:
    """Tell whoever waits for an outcome that there is none."""
    if done is None:
        return
    try:
        done.fail(error)
    except BaseException as fault:  # noqa: BLE001 - a callback; see _guard.
        raise_unless_crash(fault)
        _log.error("taking a failure failed", exc_info=fault)


class _Waiter:
    """A sender that waits for room."""

    __slots__ = ("error", "letter", "task")

    def __init__(self, letter: Letter, task: trio.lowlevel.Task) -> None:
        self.letter = letter
        self.task = task
        self.error: Exception | None = None


class Mailbox:
    """See the module's rules."""

    __slots__ = ("_actor_id", "_len_max", "_letters", "_parked", "_refuse", "_waiting")

    def __init__(self, actor_id: str, len_max: int) -> None:
        self._actor_id = actor_id
        self._len_max = len_max
        self._letters: deque[Letter] = deque()
        self._parked: trio.lowlevel.Task | None = None
        self._refuse: MakeError | None = None
        self._waiting: dict[_Waiter, None] | None = None  # Made when first needed.

    def __len__(self) -> int:
        return len(self._letters)

    @property
    def is_parked(self) -> bool:
        """Whether the reader waits for a letter."""
        return self._parked is not None

    # -------------------------------------------------------------- senders

    def put_nowait(self, letter: Letter) -> None:
        """Add *letter* at the end.

        Raises:
          MailboxFull: it is at its bound.
          Exception: whatever it was told to refuse with.
        """
        if self._refuse is not None:
            raise self._refuse()
        if len(self._letters) >= self._len_max:
            raise MailboxFull(self._actor_id)
        self._letters.append(letter)
        if self._parked is not None:
            self.wake()

    async def put(self, letter: Letter) -> None:
        """Add *letter* at the end, after waiting for room. No checkpoint if there is room.

        Cancelled: not added.
        """
        try:
            self.put_nowait(letter)
        except MailboxFull:
            pass
        else:
            return
        waiter = _Waiter(letter, trio.lowlevel.current_task())
        if self._waiting is None:
            self._waiting = {}
        waiting = self._waiting
        waiting[waiter] = None

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            del waiting[waiter]
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if waiter.error is not None:
            raise waiter.error

    # -------------------------------------------------------------- the reader

    def take(self, len_max: int) -> list[Letter]:
        """Remove and return the oldest letters, at most *len_max*; admit who waits for room."""
        letters = self._letters
        if len(letters) <= len_max:
            taken = list(letters)
            letters.clear()
        else:
            taken = [letters.popleft() for _ in range(len_max)]
        if self._waiting:
            self._admit(self._waiting)
        return taken

    def put_back(self, letters: Iterable[Letter]) -> None:
        """Put letters that were taken, and left no trace, in front again."""
        self._letters.extendleft(reversed(list(letters)))

    async def wait(self) -> None:
        """Park until a letter arrives or :meth:`wake` is called. For the one reader.

        Cancelled: nothing happened.
        """
        self._parked = trio.lowlevel.current_task()

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def wake(self) -> None:
        """Let the reader go on if it is parked."""
        if self._parked is not None:
            task, self._parked = self._parked, None
            trio.lowlevel.reschedule(task)

    # -------------------------------------------------------------- the end

    def refuse(self, make_error: MakeError) -> None:
        """Take nothing more from now on, also from who waits; what is in it stays."""
        self._refuse = make_error
        if self._waiting:
            waiters, self._waiting = list(self._waiting), None
            for waiter in waiters:
                waiter.error = make_error()
                trio.lowlevel.reschedule(waiter.task)

    def close(self, make_error: MakeError) -> list[Letter]:
        """Refuse everything from now on and return what was in it, for the caller to answer."""
        self.refuse(make_error)
        letters = list(self._letters)
        self._letters.clear()
        return letters

    def _admit(self, waiting: dict[_Waiter, None]) -> None:
        while waiting and len(self._letters) < self._len_max:
            waiter = next(iter(waiting))
            del waiting[waiter]
            self._letters.append(waiter.letter)
            trio.lowlevel.reschedule(waiter.task)
