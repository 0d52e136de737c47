"""Deliberate bugs, each of which the simulation must find: proof that it bites.

Each is a context manager that puts a mistake into the product's own code while it is open. Modules
behind a package's face are reached by name: only here somebody has to look inside. Those of tokens,
bounds, refusals and escaping faults are in ``mutations_beyond``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

import collab.notes.editing
from actors import Hub
from collab.answers import Answers
from collab.audience import Audience
from collab.following import Follower
from collab.live import LiveActor
from collab.notes.document import SharedDoc
from collab.signals import SignalRunner
from protocol.subscription import WireSubscription
from tests.simulation.mutating import Mutation, swapped
from tests.simulation.mutations_beyond import (
    answer_although_roles_changed,
    believe_the_first_token,
    close_nobody_who_does_not_read,
    keep_every_recent_event,
    leave_streams_to_an_old_token,
    let_a_failed_signal_escape,
    never_lag,
    refuse_what_happened,
    show_what_is_not_released,
)


def _activation() -> Any:
    return import_module("actors._activation").Activation


# ---------------------------------------------------------------- commit and answers


def publish_before_commit() -> AbstractContextManager[None]:
    """Events and answers leave while their batch is being stored."""

    def make(append: Any) -> Any:
        async def early(self: Any, batch: Any, steps: list[Any]) -> None:
            self._release(steps)
            steps.clear()
            await append(self, batch, steps)

        return early

    return swapped(_activation(), "_append", make)


def acknowledge_before_durable() -> AbstractContextManager[None]:
    """Only the answers leave early."""

    def make(append: Any) -> Any:
        async def early(self: Any, batch: Any, steps: list[Any]) -> None:
            for n, step in enumerate(steps):
                if step.done is not None and not isinstance(step.outcome, Exception):
                    step.done.reply(step.outcome.reply)
                    steps[n] = step._replace(done=None)
            await append(self, batch, steps)

        return early

    return swapped(_activation(), "_append", make)


def answer_from_uncommitted_state() -> AbstractContextManager[None]:
    """What changes nothing is answered at once, whatever it has seen of the batch before it."""

    def make(append: Any) -> Any:
        async def early(self: Any, batch: Any, steps: list[Any]) -> None:
            for n, step in enumerate(steps):
                is_read = step.done is not None and not getattr(step.outcome, "events", True)
                if is_read and step.outcome.effect is None:
                    step.done.reply(step.outcome.reply)
                    steps[n] = step._replace(done=None)
            await append(self, batch, steps)

        return early

    return swapped(_activation(), "_append", make)


def lose_answers_at_restart() -> AbstractContextManager[None]:
    """A replay does not bring back which writes were answered."""

    def make(load: Any) -> Any:
        async def forgetful(self: Any, actor_id: str, key: str) -> None:
            await load(self, actor_id, key)
            self.actor._answers = Answers()

        return forgetful

    return swapped(_activation(), "load", make)


def answer_without_remembering() -> AbstractContextManager[None]:
    """A retried write is decided again."""
    return swapped(Answers, "find", lambda _find: lambda _self, _user, _key: None)


# ---------------------------------------------------------------- permission


def ask_permission_only_to_follow() -> AbstractContextManager[None]:
    """Whoever follows goes on following when they are shut out."""
    return swapped(Audience, "judge", lambda _judge: lambda _self, _state, _entry: None)


def ask_no_permission_to_write() -> AbstractContextManager[None]:
    """The actor trusts whoever came through the door."""
    return swapped(LiveActor, "_check", lambda _check: lambda _self, _caller, _action: None)


def shut_out_after_publishing() -> AbstractContextManager[None]:
    """Who is shut out sees the event that does it, and what came in its batch before."""

    def make(publish: Any) -> Any:
        def late(self: Any, seq: int, entry: Any) -> None:
            ids, entry.shut_out_ids = entry.shut_out_ids, frozenset()
            publish(self, seq, entry)
            entry.shut_out_ids = ids
            if ids and self._hub is not None:
                self._shut_out(self._hub, entry)

        return late

    return swapped(Audience, "publish", make)


def forget_readers_by_link() -> AbstractContextManager[None]:
    """Turning a public link off shuts out nobody who came through it."""

    def make(judge: Any) -> Any:
        def blind(self: Any, state: Any, entry: Any) -> None:
            judge(self, state, entry)
            entry.shut_out = ()

        return blind

    return swapped(Audience, "judge", make)


def show_what_was_taken_back() -> AbstractContextManager[None]:
    """A deleted message is shown again to whoever catches up from memory."""
    return swapped(Audience, "_redact", lambda _redact: lambda _self, _hub, _seqs: None)


# ---------------------------------------------------------------- streams


def resume_one_too_late() -> AbstractContextManager[None]:
    """Off by one: the first missed event is skipped when catching up from memory."""

    def make(since: Any) -> Any:
        return lambda self, seq, topics: since(self, seq + 1, topics)

    return swapped(Hub, "since", make)


def catch_up_one_record_short() -> AbstractContextManager[None]:
    """Off by one: a page from the journal loses its last event."""

    def make(bodies: Any) -> Any:
        async def short(self: Any, records: Sequence[Any], topics: frozenset[str]) -> Any:
            return (await bodies(self, records, topics))[:-1]

        return short

    return swapped(Audience, "bodies", make)


def resume_as_if_up_to_date() -> AbstractContextManager[None]:
    """A cursor is taken for the newest place."""

    def make(resumed: Any) -> Any:
        return lambda self, *, epoch, **_behind: resumed(self, epoch=epoch, behind=False)

    return swapped(WireSubscription, "resumed", make)


def drop_on_overflow() -> AbstractContextManager[None]:
    """A slow reader's frames are dropped, and nobody catches up."""

    def make(deliver: Any) -> Any:
        def lossy(self: Any, frame: Any) -> None:
            if self.live and self.connection.outbox.is_above_soft:
                self.seq = frame.seq
            else:
                deliver(self, frame)

        return lossy

    return swapped(WireSubscription, "deliver", make)


def attach_after_the_snapshot() -> AbstractContextManager[None]:
    """Between a snapshot and its first event there is a moment that nobody covers."""

    def make(attach: Any) -> Any:
        def late(self: Any, first_answer: Callable[[], None]) -> None:
            timers = self.hub._timers
            first_answer()
            timers.call_later(0.02, lambda: attach(self, self.subscription.caught_up))

        return late

    return swapped(Follower, "attach", make)


def show_an_earlier_seq() -> AbstractContextManager[None]:
    """A snapshot says that it is older than it is: what it holds already is told again."""

    def make(snapshot: Any) -> Any:
        return lambda self, *, epoch, seq, topics: snapshot(
            self, epoch=epoch, seq=max(seq - 1, 0), topics=topics
        )

    return swapped(WireSubscription, "snapshot", make)


# ---------------------------------------------------------------- notes, signals


def apply_without_journal() -> AbstractContextManager[None]:
    """An edit is in the server's document, and in no journal."""

    def make(write: Any) -> Any:
        def volatile(log: Any, *given: Any, **more: Any) -> None:
            write(log, *given, **more)
            log.doc._ahead.clear()  # The event that would take it in does not come.

        return volatile

    return swapped(collab.notes.editing, "write", make)


def journal_without_apply() -> AbstractContextManager[None]:
    """An edit is in the journal, and not in the document that the server shows."""

    def make(_apply: Any) -> Any:
        def idle(self: Any, update: bytes, _report: Any, _plan: Any, *, sent: Any = None) -> bool:
            self._opened()
            self._ahead.append(update if sent is None else sent)
            return True

        return idle

    return swapped(SharedDoc, "apply", make)


def lose_a_wake_up() -> AbstractContextManager[None]:
    """Signals are stored, and nobody is told to send them."""
    return swapped(SignalRunner, "wake", lambda _wake: lambda _self: None)


# Each bug, and the invariant (``judge``) that is there to find it.
MUTATIONS: Final[Mapping[Mutation, str]] = MappingProxyType(
    {
        publish_before_commit: "S1.1",
        acknowledge_before_durable: "S1.1",
        answer_from_uncommitted_state: "S1.1",
        lose_answers_at_restart: "S1.2",
        answer_without_remembering: "S1.2",
        refuse_what_happened: "S1.3",
        show_what_was_taken_back: "S1.4",
        resume_one_too_late: "S1.4",
        catch_up_one_record_short: "S1.4",
        show_an_earlier_seq: "S1.4",
        ask_permission_only_to_follow: "S1.5",
        ask_no_permission_to_write: "S1.5",
        shut_out_after_publishing: "S1.5",
        forget_readers_by_link: "S1.5",
        leave_streams_to_an_old_token: "S1.5",
        believe_the_first_token: "S1.5",
        answer_although_roles_changed: "S1.5",
        show_what_is_not_released: "S1.5",
        close_nobody_who_does_not_read: "S1.6",
        never_lag: "S1.6",
        keep_every_recent_event: "S1.6",
        apply_without_journal: "S1.7",
        journal_without_apply: "S1.7",
        resume_as_if_up_to_date: "S1.8",
        drop_on_overflow: "S1.8",
        attach_after_the_snapshot: "S1.8",
        lose_a_wake_up: "S1.8",
        let_a_failed_signal_escape: "S1.9",
    }
)
