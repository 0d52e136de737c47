"""The generic part of an actor: one task, one mailbox, one activation at a time.

::

                    first message
                         │
                     STARTING ──────────── too many crashes, damaged ──> gone; the id rests
                      │    ▲                                                  ▲
               loaded │    │ crash: drop the instance, replay                 │
                      ▼    │                                                  │
                     RUNNING ─────────────── too many crashes ────────────────┘
                      │    ▲
    idle, or draining │    │ mail arrived
    and no mail left  ▼    │
                     STOPPING ──> gone; the next message starts a new cell

The cell stays in the registry from its first message until the instant when its mailbox is empty
and it stops: there is no await between the two, so no message is lost and no id has two cells.
"""

from __future__ import annotations

import enum
import logging
from typing import TYPE_CHECKING

import trio

from actors._activation import Activation
from actors._crash import Crash
from actors._errors import ActorDamaged, ActorUnavailable, JournalBroken, JournalCorrupt
from actors._guard import raise_unless_crash
from actors._kind import ActorKind, Restart
from actors._limits import QUARANTINE_S
from actors._mailbox import Letter, Mailbox, MakeError, fail
from actors._state import SystemState
from actors._supervisor import Intensity
from actors._timer import TimerHandle

if TYPE_CHECKING:
    from actors._registry import Registry

_log = logging.getLogger(__name__)


class CellState(enum.Enum):
    """Where a cell is in its life; see the module's diagram."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    GONE = "gone"


class Cell:
    """See the module. ``run`` is the task; everything else is called from outside."""

    __slots__ = (
        "_idle_since",
        "_idle_timer",
        "_intensity",
        "_is_blank",
        "_is_idle",
        "_key",
        "_kind",
        "_registry",
        "_solo",
        "_state",
        "actor_id",
        "mailbox",
        "state",
    )

    def __init__(self, registry: Registry, kind: ActorKind, key: str, actor_id: str) -> None:
        self._registry = registry
        self._state: SystemState = registry.state
        self._kind = kind
        self._key = key
        self.actor_id = actor_id
        self.mailbox = Mailbox(actor_id, kind.mailbox_len_max)
        self.state = CellState.STARTING
        self._intensity: Intensity | None = None  # Most actors never crash.
        self._solo = 0  # So many of the next letters are taken one at a time.
        self._idle_since = 0.0
        self._is_idle = False
        self._is_blank = False
        self._idle_timer: TimerHandle | None = None

    async def run(self) -> None:
        """Live, until there is nothing to do any more. Ends with every letter answered.

        Cancelled: a kill. What was not handled fails with ``ActorStopped``.
        """
        try:
            while await self._live_once():
                pass
        finally:
            self._leave(lambda: self._state.stop_error(self.actor_id))

    async def _live_once(self) -> bool:
        """Run one activation to its end; return whether another one must follow."""
        self.state = CellState.STARTING
        activation = Activation(self._kind, self._state, self.mailbox.put_back)
        try:
            await activation.load(self.actor_id, self._key)
        except BaseException as error:  # noqa: BLE001 - callbacks, or the journal; see _guard.
            raise_unless_crash(error)
            return self._crashed(Crash(error, "activating"))
        self.state = CellState.RUNNING
        try:
            await self._serve(activation)
        except Crash as crash:
            activation.close(crash.cause)
            return self._crashed(crash)
        except BaseException:  # Killed.
            activation.close(self._state.stop_error(self.actor_id))
            raise
        finally:
            self._disarm()
        activation.close(None)
        return False

    # -------------------------------------------------------------- an activation's work

    async def _serve(self, activation: Activation) -> None:
        """Handle mail until it is time to stop; then leave.

        Raises:
          Crash: drop the activation.
        """
        mailbox = self.mailbox
        self._is_blank = activation.is_blank
        self._arm_idle_timer(trio.current_time())
        while True:
            if letters := mailbox.take(1 if self._solo else self._kind.batch_len_max):
                if self._solo:
                    self._solo -= 1
                if self._is_idle:  # The timer ran just before this mail came.
                    self._is_idle = False
                    self._arm_idle_timer(trio.current_time())
                has_waited = await activation.handle(letters)
                self._is_blank = self._is_blank and activation.is_blank
                if activation.wants_snapshot:
                    await activation.save_snapshot()
                elif not has_waited and len(mailbox):
                    await trio.lowlevel.checkpoint()  # Reads only: let the others have a turn.
            elif self._registry.is_closed or self._may_passivate(activation):
                if await self._passivate(activation):
                    return
            else:
                if self._idle_timer is not None:
                    self._idle_since = trio.current_time()
                await mailbox.wait()

    async def _passivate(self, activation: Activation) -> bool:
        """Save a snapshot and leave, unless mail arrived meanwhile; return whether it left."""
        self.state = CellState.STOPPING
        await activation.save_snapshot()
        if len(self.mailbox):
            self.state = CellState.RUNNING
            self._arm_idle_timer(trio.current_time())
            return False
        self._state.counters.passivations += 1
        self._leave(lambda: self._state.stop_error(self.actor_id))
        return True

    def _may_passivate(self, activation: Activation) -> bool:
        if not self._is_idle:
            return False
        self._is_idle = False
        try:
            is_busy = activation.actor.is_busy()
        except BaseException as error:
            raise_unless_crash(error)
            raise Crash(error, "asking whether it is busy") from error
        if is_busy:
            self._arm_idle_timer(trio.current_time())
        return not is_busy

    def _timeout_s(self) -> float | None:
        blank_timeout_s = self._kind.blank_timeout_s
        if self._is_blank and blank_timeout_s is not None:
            return blank_timeout_s
        return self._kind.idle_timeout_s

    def _arm_idle_timer(self, idle_since: float) -> None:
        timeout_s = self._timeout_s()
        if timeout_s is None or self._kind.restart is Restart.PERMANENT:
            return
        self._disarm()
        self._idle_timer = self._state.timers.call_at(idle_since + timeout_s, self._check_idle)

    def _check_idle(self) -> None:
        """Timer: one per activation, moved on instead of being re-armed for each message."""
        timeout_s = self._timeout_s()
        now = trio.current_time()
        idle_since = self._idle_since if self.mailbox.is_parked else now
        if timeout_s is None:  # It was blank, and is not any more: it stays.
            self._idle_timer = None
        elif now < idle_since + timeout_s:
            self._arm_idle_timer(idle_since)
        else:
            self._is_idle = True
            self.mailbox.wake()

    def _disarm(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    # -------------------------------------------------------------- after a crash

    def _crashed(self, crash: Crash) -> bool:
        """Look after a crash; return whether to activate again."""
        self._state.counters.crashes += 1
        self.mailbox.put_back(crash.redo)
        if crash.is_solo:
            self._solo = len(crash.redo)
        cause = crash.cause
        if isinstance(cause, JournalBroken):
            self._registry.fail(cause)
            return False
        if self._state.failed is not None:
            return False
        _log.warning("%s crashed while %s", self.actor_id, crash.while_, exc_info=cause)
        if isinstance(cause, JournalCorrupt) and crash.while_ == "activating":
            reason = f"its history is damaged: {cause.detail}"
            self._rest(ActorDamaged(self.actor_id, reason, QUARANTINE_S))
            return False
        if self._kind.restart is Restart.TEMPORARY:
            return False
        if crash.is_counted and self._is_too_much():
            reason = (
                f"{self._kind.restarts_max + 1} crashes in {self._kind.period_s} s,"
                # Its class only: what it says may quote a message, and this text is logged.
                f" the last while {crash.while_}: {type(cause).__qualname__}"
            )
            self._rest(ActorUnavailable(self.actor_id, reason, self._kind.rest_s))
            return False
        return True

    def _is_too_much(self) -> bool:
        if self._intensity is None:
            self._intensity = Intensity(self._kind.restarts_max, self._kind.period_s)
        return self._intensity.is_exceeded_by(trio.current_time())

    def _rest(self, error: ActorUnavailable) -> None:
        _log.error("%s rests for %g s: %s", self.actor_id, error.retry_after_s, error.reason)
        self._registry.rest(self._kind, self._key, error)
        self._leave(lambda: type(error)(error.actor_id, error.reason, error.retry_after_s))

    # -------------------------------------------------------------- the end

    def _leave(self, make_error: MakeError) -> None:
        """Leave the registry; then answer what is left in the mailbox. Twice is once."""
        if self.state is CellState.GONE:
            return
        self.state = CellState.GONE
        letters: list[Letter] = self.mailbox.close(make_error)
        self._registry.forget(self.actor_id)
        for _, done in letters:
            fail(done, make_error())
