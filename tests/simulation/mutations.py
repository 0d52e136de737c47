"""Deliberate bugs, each of which the simulation must find: proof that it bites.

Each is a context manager that puts a mistake into the product's own code while it is open. Modules
behind a package's face are reached by name: only here somebody has to look inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
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

Mutation = Callable[[], AbstractContextManager[None]]


@contextmanager
def _swapped(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """Replace ``owner.name`` by what *make* makes of it."""
    before = owner.__dict__[name]
    setattr(owner, name, make(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


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

    return _swapped(_activation(), "_append", make)


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

    return _swapped(_activation(), "_append", make)


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

    return _swapped(_activation(), "_append", make)


def lose_answers_at_restart() -> AbstractContextManager[None]:
    """A replay does not bring back which writes were answered."""

    def make(load: Any) -> Any:
        async def forgetful(self: Any, actor_id: str, key: str) -> None:
            await load(self, actor_id, key)
            self.actor._answers = Answers()

        return forgetful

    return _swapped(_activation(), "load", make)


def answer_without_remembering() -> AbstractContextManager[None]:
    """A retried write is decided again."""
    return _swapped(Answers, "find", lambda _find: lambda _self, _user, _key: None)


# ---------------------------------------------------------------- permission


def ask_permission_only_to_follow() -> AbstractContextManager[None]:
    """Whoever follows goes on following when they are shut out."""
    return _swapped(Audience, "judge", lambda _judge: lambda _self, _state, _entry: None)


def ask_no_permission_to_write() -> AbstractContextManager[None]:
    """The actor trusts whoever came through the door."""
    return _swapped(LiveActor, "_check", lambda _check: lambda _self, _caller, _action: None)


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

    return _swapped(Audience, "publish", make)


def forget_readers_by_link() -> AbstractContextManager[None]:
    """Turning a public link off shuts out nobody who came through it."""

    def make(judge: Any) -> Any:
        def blind(self: Any, state: Any, entry: Any) -> None:
            judge(self, state, entry)
            entry.shut_out = ()

        return blind

    return _swapped(Audience, "judge", make)


def show_what_was_taken_back() -> AbstractContextManager[None]:
    """A deleted message is shown again to whoever catches up from memory."""
    return _swapped(Audience, "_redact", lambda _redact: lambda _self, _hub, _seqs: None)


# ---------------------------------------------------------------- streams


def resume_one_too_late() -> AbstractContextManager[None]:
    """Off by one: the first missed event is skipped when catching up from memory."""

    def make(since: Any) -> Any:
        return lambda self, seq, topics: since(self, seq + 1, topics)

    return _swapped(Hub, "since", make)


def catch_up_one_record_short() -> AbstractContextManager[None]:
    """Off by one: a page from the journal loses its last event."""

    def make(bodies: Any) -> Any:
        async def short(self: Any, records: Sequence[Any], topics: frozenset[str]) -> Any:
            return (await bodies(self, records, topics))[:-1]

        return short

    return _swapped(Audience, "bodies", make)


def resume_as_if_up_to_date() -> AbstractContextManager[None]:
    """A cursor is taken for the newest place."""

    def make(resumed: Any) -> Any:
        return lambda self, *, epoch, **_behind: resumed(self, epoch=epoch, behind=False)

    return _swapped(WireSubscription, "resumed", make)


def drop_on_overflow() -> AbstractContextManager[None]:
    """A slow reader's frames are dropped, and nobody catches up."""

    def make(deliver: Any) -> Any:
        def lossy(self: Any, frame: Any) -> None:
            if self.live and self.connection.outbox.is_above_soft:
                self.seq = frame.seq
            else:
                deliver(self, frame)

        return lossy

    return _swapped(WireSubscription, "deliver", make)


def attach_after_the_snapshot() -> AbstractContextManager[None]:
    """Between a snapshot and its first event there is a moment that nobody covers."""

    def make(attach: Any) -> Any:
        def late(self: Any, first_answer: Callable[[], None]) -> None:
            timers = self.hub._timers
            first_answer()
            timers.call_later(0.02, lambda: attach(self, self.subscription.caught_up))

        return late

    return _swapped(Follower, "attach", make)


def show_a_later_seq() -> AbstractContextManager[None]:
    """A snapshot claims to hold the next event already."""

    def make(snapshot: Any) -> Any:
        return lambda self, *, epoch, seq, topics: snapshot(
            self, epoch=epoch, seq=max(seq - 1, 0), topics=topics
        )

    return _swapped(WireSubscription, "snapshot", make)


# ---------------------------------------------------------------- notes, signals


def apply_without_journal() -> AbstractContextManager[None]:
    """An edit is in the server's document, and in no journal."""

    def make(write: Any) -> Any:
        def volatile(log: Any, *given: Any, **more: Any) -> None:
            write(log, *given, **more)
            log.doc._ahead.clear()  # The event that would take it in does not come.

        return volatile

    return _swapped(collab.notes.editing, "write", make)


def journal_without_apply() -> AbstractContextManager[None]:
    """An edit is in the journal, and not in the document that the server shows."""

    def make(_apply: Any) -> Any:
        def idle(self: Any, update: bytes, _report: Any, _plan: Any, *, sent: Any = None) -> bool:
            self._opened()
            self._ahead.append(update if sent is None else sent)
            return True

        return idle

    return _swapped(SharedDoc, "apply", make)


def lose_a_wake_up() -> AbstractContextManager[None]:
    """Signals are stored, and nobody is told to send them."""
    return _swapped(SignalRunner, "wake", lambda _wake: lambda _self: None)


MUTATIONS: Final[Mapping[str, Mutation]] = MappingProxyType(
    {
        mutation.__name__: mutation
        for mutation in (
            publish_before_commit,
            acknowledge_before_durable,
            answer_from_uncommitted_state,
            lose_answers_at_restart,
            answer_without_remembering,
            ask_permission_only_to_follow,
            ask_no_permission_to_write,
            shut_out_after_publishing,
            forget_readers_by_link,
            show_what_was_taken_back,
            resume_one_too_late,
            catch_up_one_record_short,
            resume_as_if_up_to_date,
            drop_on_overflow,
            attach_after_the_snapshot,
            show_a_later_seq,
            apply_without_journal,
            journal_without_apply,
            lose_a_wake_up,
        )
    }
)
