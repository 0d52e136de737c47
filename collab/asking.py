"""What a command needs to hear from another target before it can be decided.

::

    gateway / app            actor                      the other actor
    Do(command)          ->  decide: Outcome(ask=...)
    Asking(ask)          <-  (goes on with others)
    Receive(question)    ------------------------------>  signals[...]: events, durable; a value
    Do(the same command) ->  decide: context.answer
                                        refusal   <-----  its sender's answer; nothing else happens

The question is decided like a signal: by the other kind's rules, in order with everything else
there, and without permission of its own, as only kinds can ask. What it makes happen is durable
before the command is decided, so whoever grants something must be able to take it back when the
command never comes.
"""

from __future__ import annotations

from typing import Protocol

from actors import ActorSystem
from collab.names import parse_target
from collab.requests import Asking, Done, Receive


class Waiting(Protocol):
    """Whoever waits for the command's own answer."""

    @property
    def abandoned(self) -> bool:
        """Nobody waits any more."""
        ...

    def reply(self, value: object) -> None:
        """Take the answer."""
        ...

    def fail(self, error: Exception) -> None:
        """Take a refusal or a fault."""
        ...


class _Answered:
    """Puts the question's answer into the command's message and has it decided again."""

    __slots__ = ("_asking", "_done", "_system")

    def __init__(self, system: ActorSystem, asking: Asking, done: Waiting) -> None:
        self._system = system
        self._asking = asking
        self._done = done

    @property
    def abandoned(self) -> bool:
        return self._done.abandoned

    def reply(self, value: object) -> None:
        assert isinstance(value, Done)  # A signal's handler answers nothing else.
        message = self._asking.message
        message.answer = value.value
        _send(self._system, self._asking.target, message, self._done)

    def fail(self, error: Exception) -> None:
        self._done.fail(error)


def ask_first(system: ActorSystem, asking: Asking, done: Waiting) -> None:
    """Ask what *asking* wants to know, then its command again, whose answer *done* gets."""
    question = Receive(asking.target, asking.ask.question)
    _send(system, asking.ask.target, question, _Answered(system, asking, done))


def _send(system: ActorSystem, target: str, message: object, done: Waiting) -> None:
    try:
        system.ref(*parse_target(target)).ask_nowait(message, done)
    except Exception as error:  # noqa: BLE001 -- every fault is an answer, whoever it is given to
        done.fail(error)
