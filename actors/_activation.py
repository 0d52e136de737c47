"""One activation of an actor: an instance of its kind, replayed, and the hot loop's one turn.

Called by ``_cell``, which decides what a :class:`Crash` means. Whatever happens here, each letter
of a batch ends in exactly one way: answered, failed, skipped because abandoned, or handed back in
``Crash.redo`` without having left a trace.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from actors._actor import Actor, Decision
from actors._crash import Crash, append_error, log_crash
from actors._errors import ActorCrashed, JournalBroken, JournalCorrupt, Refused
from actors._guard import is_crash, raise_unless_crash
from actors._journal import Batch, Snapshot
from actors._kind import ActorKind
from actors._limits import REPLAY_PAGE_LEN
from actors._mailbox import Done, Letter, fail
from actors._state import SystemState

_log = logging.getLogger(__name__)


class _Step(NamedTuple):
    """A decided command that waits for the commit."""

    done: Done | None
    outcome: Decision[Any] | Refused
    first_seq: int


class Activation:
    """See the module. Nothing but :meth:`load` may be called before it has returned."""

    __slots__ = (
        "_gap",
        "_has_prepare",
        "_kind",
        "_put_back",
        "_seq",
        "_snapshot_seq",
        "_state",
        "actor",
    )

    actor: Actor[Any, Any]
    _has_prepare: bool
    _seq: int  # Of the newest durable event, or while replaying of the newest evolved one.
    _snapshot_seq: int

    def __init__(
        self, kind: ActorKind, state: SystemState, put_back: Callable[[Iterable[Letter]], None]
    ) -> None:
        """*put_back* takes letters of a batch that are for the next one."""
        self._kind = kind
        self._state = state
        self._put_back = put_back
        self._gap: BaseException | None = None  # Why subscribers may have missed something.

    # -------------------------------------------------------------- replay

    async def load(self, actor_id: str, key: str) -> None:
        """Make the instance and bring it to the end of its history.

        Raises:
          JournalError: from the journal, or because the history has a hole.
          Exception: from the kind's callbacks.

        Cancelled: nothing happened.
        """
        head = await self._state.journal.head(actor_id)
        snapshot = head.snapshot
        if snapshot is not None and snapshot.seq > head.last_seq:
            raise JournalCorrupt(actor_id, f"snapshot {snapshot.seq} is after {head.last_seq}")
        if snapshot is None or not self._restored(actor_id, key, head.epoch, snapshot):
            self._make(actor_id, key, head.epoch, seq=0)
        self._snapshot_seq = self._seq
        while self._seq < head.last_seq:
            await self._replay_page(actor_id)
        self._state.counters.activations += 1

    def _make(self, actor_id: str, key: str, epoch: str, *, seq: int) -> None:
        actor = self._kind.make(key)
        actor.actor_id, actor.key, actor.epoch, actor.seq = actor_id, key, epoch, seq
        self.actor = actor
        self._seq = seq
        self._has_prepare = type(actor).prepare is not Actor.prepare

    def _restored(self, actor_id: str, key: str, epoch: str, snapshot: Snapshot) -> bool:
        self._make(actor_id, key, epoch, seq=snapshot.seq)
        try:
            self.actor.restore(snapshot.data)
        except BaseException as error:  # noqa: BLE001 - a callback; see _guard.
            raise_unless_crash(error)
            _log.warning(
                "%s: snapshot at %d not usable, replaying all", actor_id, snapshot.seq,
                exc_info=error,
            )  # fmt: skip
            return False
        return True

    async def _replay_page(self, actor_id: str) -> None:
        actor = self.actor
        records = await self._state.journal.read(actor_id, after=self._seq, limit=REPLAY_PAGE_LEN)
        if not records:
            raise JournalCorrupt(actor_id, f"no record after {self._seq}")
        for record in records:
            if record.seq != self._seq + 1:
                raise JournalCorrupt(actor_id, f"record {record.seq} follows {self._seq}")
            actor.evolve(record.seq, actor.decode(record.payload))
            self._seq = actor.seq = record.seq

    # -------------------------------------------------------------- one batch

    async def handle(self, letters: list[Letter]) -> bool:
        """Decide, store, publish and answer *letters*; return whether anything was stored.

        Raises:
          Crash: drop this activation.

        Cancelled: a kill. Letters fail with ``ActorStopped``, or with ``OutcomeUnknown`` if they
        were being stored.
        """
        if self._has_prepare:
            preparing = self._start_preparing(letters)
            if preparing is not None:  # Seldom: nearly everything can be decided at once.
                letters = await self._prepare(letters, preparing)
        payloads: list[bytes] = []
        rows: list[object] = []
        first_seq = self._seq + 1
        steps = self._decide(letters, payloads, rows)
        if payloads:
            await self._append(Batch(self.actor.actor_id, first_seq, payloads, rows), steps)
        self._release(steps)
        return bool(payloads)

    def _start_preparing(self, letters: list[Letter]) -> Awaitable[int | None] | None:
        try:
            return self.actor.prepare([command for command, _ in letters])
        except BaseException as error:
            raise self._not_prepared(error, letters) from error

    async def _prepare(
        self, letters: list[Letter], preparing: Awaitable[int | None]
    ) -> list[Letter]:
        """Wait until *letters* are prepared; return those that are to be decided now."""
        try:
            count = await preparing
            if count is None or count == len(letters):
                return letters
            assert 0 < count < len(letters), f"{count} of {len(letters)} commands were prepared"
        except BaseException as error:
            raise self._not_prepared(error, letters) from error
        self._put_back(letters[count:])
        return letters[:count]

    def _not_prepared(self, error: BaseException, letters: list[Letter]) -> Crash:
        """Return the crash that *error* is; a letter that is alone is the guilty one."""
        if isinstance(error, JournalBroken) or len(letters) > 1:
            return self._crash(error, "preparing", letters, redo=letters, is_solo=True)
        return self._crash(error, "preparing", letters, guilty=letters[0][1])

    def _decide(
        self, letters: list[Letter], payloads: list[bytes], rows: list[object]
    ) -> list[_Step]:
        actor = self.actor
        decide = actor.decide
        seq = self._seq
        steps: list[_Step] = []
        for index, (command, done) in enumerate(letters):
            try:
                if done is not None and done.abandoned:
                    continue
                decision = decide(command)
                events = decision.events
            except Refused as refusal:
                steps.append(_Step(done, refusal, 0))
                continue
            except BaseException as error:
                redo = letters[:index] + letters[index + 1 :]
                raise self._crash(error, "deciding", letters, redo=redo, guilty=done) from error
            steps.append(_Step(done, decision, seq + 1))
            if not events:
                continue
            try:
                for event in events:
                    payloads.append(actor.encode(event))
                    actor.evolve(seq + 1, event)
                    seq += 1
                    actor.seq = seq
                    rows.extend(actor.rows(seq, event))
            except BaseException as error:
                redo = letters[:index] + letters[index + 1 :]
                raise self._crash(
                    error, "evolving", letters, redo=redo, guilty=done, is_counted=True
                ) from error
        return steps

    async def _append(self, batch: Batch, steps: list[_Step]) -> None:
        try:
            await self._state.journal.append(batch)
        except BaseException as error:
            for step in steps:
                fail(step.done, append_error(batch.actor_id, error))
            raise_unless_crash(error)
            raise Crash(error, "appending") from error
        if (failed := self._state.failed) is not None:
            # Stored, but the journal broke meanwhile: from then on nobody is told anything else.
            for step in steps:
                fail(step.done, JournalBroken(failed.detail))
            raise Crash(failed, "appending")
        self._seq = batch.first_seq + len(batch.payloads) - 1
        self._state.counters.batches += 1
        self._state.counters.events += len(batch.payloads)

    def _release(self, steps: list[_Step]) -> None:
        """Let everything out; nothing that a callback raises keeps an answer from its sender."""
        is_out = False
        try:
            with self.actor.releasing():
                is_out = True
                self._complete(steps)
        except BaseException as error:  # noqa: BLE001 - a callback; see _guard.
            raise_unless_crash(error)
            self._gap = self._gap or error
            if not is_out:
                self._complete(steps)
        if self._gap is not None:
            # Only a new activation can set right those who may have missed something.
            raise Crash(self._gap, "publishing") from self._gap

    def _complete(self, steps: list[_Step]) -> None:
        for done, outcome, first_seq in steps:
            if isinstance(outcome, Refused):
                self._state.counters.refused += 1
                fail(done, outcome)
                continue
            if outcome.events:
                self._publish(outcome.events, first_seq)
            if outcome.effect is not None:
                self._run_effect(outcome.effect)
            if done is not None:
                try:
                    done.reply(outcome.reply)
                except BaseException as error:  # noqa: BLE001 - a callback; see _guard.
                    log_crash(error, f"{self.actor.actor_id}: taking a reply failed")
        self._state.counters.commands += len(steps)
        try:
            self.actor.committed()
        except BaseException as error:  # noqa: BLE001 - a callback; see _guard.
            raise_unless_crash(error)
            self._gap = self._gap or error

    def _publish(self, events: Sequence[Any], first_seq: int) -> None:
        publish = self.actor.publish
        for seq, event in enumerate(events, start=first_seq):
            try:
                publish(seq, event)
            except BaseException as error:  # noqa: BLE001 - a callback; see _guard.
                raise_unless_crash(error)
                self._gap = self._gap or error

    def _run_effect(self, effect: Callable[[], None]) -> None:
        try:
            effect()
        except BaseException as error:  # noqa: BLE001 - a callback; see _guard.
            log_crash(error, f"{self.actor.actor_id}: an effect failed")

    def _crash(
        self,
        error: BaseException,
        while_: str,
        letters: list[Letter],
        *,
        redo: Sequence[Letter] = (),
        guilty: Done | None = None,
        is_counted: bool = False,
        is_solo: bool = False,
    ) -> Crash:
        """Return the crash that *error* is, or raise it if it is none, and fail who must know."""
        if not is_crash(error):
            for _, done in letters:
                fail(done, self._state.stop_error(self.actor.actor_id))
            raise error
        fail(guilty, ActorCrashed(self.actor.actor_id, error))
        return Crash(error, while_, list(redo), is_counted=is_counted, is_solo=is_solo)

    # -------------------------------------------------------------- the end

    @property
    def is_blank(self) -> bool:
        """Whether the actor has no history at all."""
        return self._seq == 0

    @property
    def wants_snapshot(self) -> bool:
        """Whether enough was written since the last one."""
        return self._seq - self._snapshot_seq >= self._kind.snapshot_every

    async def save_snapshot(self) -> None:
        """Save a snapshot if anything was written since the last one. A failure is logged only.

        Raises:
          Crash: the journal is broken.

        Cancelled: it is saved or not.
        """
        if self._seq == self._snapshot_seq:
            return
        self._snapshot_seq = self._seq  # Also if it fails now: the next try comes in its turn.
        actor_id = self.actor.actor_id
        try:
            image = self.actor.snapshot()
            if image is None:
                return
            await self._state.journal.save_snapshot(actor_id, Snapshot(self._seq, image))
        except BaseException as error:
            if isinstance(error, JournalBroken):
                raise Crash(error, "saving a snapshot") from error
            log_crash(error, f"{actor_id}: no snapshot at {self._seq}, a replay will take longer")
        else:
            self._state.counters.snapshots += 1

    def close(self, reason: BaseException | None) -> None:
        """Let the instance say goodbye to its subscribers."""
        try:
            self.actor.closed(reason)
        except BaseException as error:  # noqa: BLE001 - a callback; see _guard.
            log_crash(error, f"{self.actor.actor_id}: saying goodbye failed")
