"""The answers that a target remembers, so that a retried write has one effect.

A write carries a client key; what answered the first arrival answers the second one too, also
after a restart, because the key and the reply are journaled with the write's last event. Only
writes that changed something are remembered: refusals and no-ops are decided again.

Bounded by ``DEDUPE_KEYS_MAX`` and ``DEDUPE_AGE_MAX_MS``: oldest first out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from collab.limits import DEDUPE_AGE_MAX_MS, DEDUPE_KEYS_MAX


@frozen
class Remembered:
    """A reply as it was given, and the target's seq that it was given with."""

    seq: int
    at_ms: int
    value: Any


class Answers:
    """Client key to answer, per user: nobody can probe for another's keys."""

    __slots__ = ("_by_key",)

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], Remembered] = {}  # In order of arrival.

    def find(self, user_id: str, key: str) -> Remembered | None:
        """Return the first answer to *user_id*'s write *key*, if it is still known."""
        return self._by_key.get((user_id, key))

    def remember(self, user_id: str, key: str, answer: Remembered) -> None:
        """Keep *answer*; forget what is too old or too much.

        Time comes from the event itself, so that a replay forgets the same keys.
        """
        by_key = self._by_key
        by_key[user_id, key] = answer
        while len(by_key) > DEDUPE_KEYS_MAX:
            del by_key[next(iter(by_key))]
        oldest = next(iter(by_key))
        while by_key[oldest].at_ms < answer.at_ms - DEDUPE_AGE_MAX_MS:
            del by_key[oldest]
            oldest = next(iter(by_key))

    def dump(self) -> list[list[Any]]:
        """Return everything as a plain structure, for a snapshot."""
        return [[*key, a.seq, a.at_ms, a.value] for key, a in self._by_key.items()]

    def load(self, rows: Sequence[Sequence[Any]]) -> None:
        """Inverse of :meth:`dump`."""
        self._by_key = {
            (user_id, key): Remembered(seq, at_ms, value)
            for user_id, key, seq, at_ms, value in rows
        }
