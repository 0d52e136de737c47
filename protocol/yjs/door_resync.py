"""Asking a client for all it has, once, when an edit builds on what we do not know.

Clients answer every step 1 with one step 2, in order, so an answer is known by its number: the
answer to a question from before does not settle anything.
"""

from __future__ import annotations

import enum

from protocol.yjs.limits import RESYNC_EDITS_MAX


class Missing(enum.Enum):
    """What follows from an edit that was refused for missing history."""

    ASK = "ask"  # Ask for everything.
    WAIT = "wait"  # It was asked; what was refused comes with the answer.
    GIVE_UP = "give up"  # The answer itself was refused, or too many edits were.


class Resync:
    """Counts questions and answers of one visit."""

    __slots__ = ("_answers", "_question", "_questions", "refused")

    def __init__(self) -> None:
        self.refused = 0  # Edits that wait for the answer.
        self._questions = 0
        self._answers = 0
        self._question = 0  # The number of the one that asked for everything.

    def asked(self) -> None:
        """A step 1 was sent."""
        self._questions += 1

    def answer(self) -> int:
        """A step 2 has come; return its number."""
        self._answers += 1
        return self._answers

    def accepted(self, answer: int | None) -> int:
        """An edit (*answer*: its number, if it is one) was accepted.

        Return how many refused edits it has made up.
        """
        if not self.refused or answer is None or answer < self._question:
            return 0
        made_up, self.refused = self.refused, 0
        return made_up

    def missing(self, answer: int | None) -> Missing:
        """An edit was refused for missing history. After ``ASK`` call :meth:`asked`."""
        if not self.refused:
            self.refused = 1
            self._question = self._questions + 1
            return Missing.ASK
        is_the_answer = answer is not None and answer >= self._question
        if is_the_answer or self.refused >= RESYNC_EDITS_MAX:
            return Missing.GIVE_UP
        self.refused += 1
        return Missing.WAIT
