"""An actor that does what it is told and remembers what was done to it; and a ``Done`` to ask with.

A probe's state is the list of its events, which are strings. Its commands are instances of
:class:`Do`; the callbacks of all activations of a kind are written to one :class:`ProbeLog`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import trio
from attrs import define, field, frozen

from actors._actor import Actor, Decision
from actors._errors import Refused
from actors._kind import ActorKind


class Probe:
    """A ``Done`` that keeps the outcome, and can be awaited by one or more tasks."""

    def __init__(self) -> None:
        self.abandoned = False
        self.replies: list[object] = []
        self.errors: list[Exception] = []
        self._there = trio.Event()

    @property
    def is_there(self) -> bool:
        """Whether an outcome has come."""
        return self._there.is_set()

    @property
    def outcome(self) -> object:
        """The reply or the error; the test fails if there is none, or more than one."""
        outcomes: list[object] = [*self.replies, *self.errors]
        assert len(outcomes) == 1, f"not one outcome: {outcomes}"
        return outcomes[0]

    def reply(self, value: object) -> None:
        """Take the answer."""
        self.replies.append(value)
        self._there.set()

    def fail(self, error: Exception) -> None:
        """Take the reason why there is none."""
        self.errors.append(error)
        self._there.set()

    async def wait(self) -> object:
        """Wait for the outcome; return the reply or raise the error. Cancelled: nothing happens."""
        await self._there.wait()
        outcome = self.outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@frozen(kw_only=True)
class Do:
    """A probe's command: cause *events*, then reply with all events so far; or misbehave.

    An event that starts with ``bad-`` crashes the callback that it goes on with, once it is
    decided: ``bad-evolve``, ``bad-encode``, ``bad-decode``, ``bad-publish``.
    """

    events: Sequence[str] = ()
    refuse: str | None = None
    crash: BaseException | None = None
    crash_prepare: BaseException | None = None
    goes_first: bool = False  # In its batch: what it is prepared with must hold when it is decided.
    effect: Callable[[], None] | None = None
    bad_write: str | None = None  # Written to the state by ``decide``, which is forbidden.


def do(*events: str, **settings: Any) -> Do:
    """Return a command that causes *events*."""
    return Do(events=events, **settings)


@define(eq=False)
class ProbeLog:
    """What was done to all activations of a probe kind, and switches that tests turn."""

    calls: list[str] = field(factory=list)
    busy_keys: set[str] = field(factory=set)
    make_error: Exception | None = None  # Raised by every making of an instance.
    restore_error: Exception | None = None
    has_snapshots: bool = True
    alive: set[str] = field(factory=set)  # Keys of instances that serve now.

    def count(self, call: str) -> int:
        """How often *call* was logged."""
        return self.calls.count(call)


class ProbeActor(Actor[Do, str]):
    """See the module."""

    def __init__(self, log: ProbeLog) -> None:
        if log.make_error is not None:
            raise log.make_error
        self.events: list[str] = []
        self._log = log

    def restore(self, snapshot: bytes) -> None:
        """Take the events from *snapshot*."""
        self.events = snapshot.decode().split() if snapshot else []
        if self._log.restore_error is not None:
            raise self._log.restore_error
        self._log.calls.append(f"restore {len(self.events)}")

    def snapshot(self) -> bytes | None:
        """Return the events, or nothing if the log says so."""
        if not self._log.has_snapshots:
            return None
        self._log.calls.append(f"snapshot {self.seq}")
        return " ".join(self.events).encode()

    async def prepare(self, commands: Sequence[Do]) -> int | None:
        """Crash if a command wants it; end the batch before one that goes first."""
        for index, command in enumerate(commands):
            if index and command.goes_first:
                return index
            if command.crash_prepare is not None:
                raise command.crash_prepare
        return None

    def decide(self, command: Do) -> Decision[str]:
        """Do what *command* says."""
        if command.refuse is not None:
            raise Refused(command.refuse)
        if command.bad_write is not None:
            self.events.append(command.bad_write)
        if command.crash is not None:
            raise command.crash
        reply = [*self.events, *command.events]
        return Decision(command.events, reply, command.effect)

    def evolve(self, seq: int, event: str) -> None:
        """Append *event*."""
        assert seq == len(self.events) + 1 == self.seq + 1
        self.events.append(event)
        _crash_if(event == "bad-evolve")

    def encode(self, event: str) -> bytes:
        """Return the event's text."""
        _crash_if(event == "bad-encode")
        return event.encode()

    def decode(self, payload: bytes) -> str:
        """Return the event's text."""
        event = payload.decode()
        _crash_if(event == "bad-decode")
        self._log.calls.append(f"replay {event}")
        return event

    def rows(self, seq: int, event: str) -> Sequence[object]:
        """Return one row per event."""
        return ((self.key, seq, event),)

    def publish(self, seq: int, event: str) -> None:
        """Log it."""
        _crash_if(event == "bad-publish")
        self._log.calls.append(f"publish {seq} {event}")

    def committed(self) -> None:
        """Log it."""
        self._log.calls.append("committed")

    def is_busy(self) -> bool:
        """Say what the log says."""
        return self.key in self._log.busy_keys

    def closed(self, reason: BaseException | None) -> None:
        """Log it."""
        self._log.calls.append(f"closed {self.key} {type(reason).__name__ if reason else None}")


def _crash_if(is_due: bool) -> None:  # noqa: FBT001 - reads as a sentence.
    if is_due:
        raise ValueError("as told")


def probe_kind(log: ProbeLog | None = None, **settings: Any) -> ActorKind:
    """Return a kind of probes, named ``probe`` unless *settings* (of ``ActorKind``) say else."""
    shared = ProbeLog() if log is None else log
    return ActorKind(**{"name": "probe", "make": lambda _key: ProbeActor(shared), **settings})
