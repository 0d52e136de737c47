"""The answers that a target remembers, so that a retried write has one effect.

A write carries a client key; what answered the first arrival answers the second one too, also
after a restart, because key, operation and reply are journaled with the write's last event.
Remembered are writes that changed something and are not idempotent by their own rules
(``Kind.idempotent``); refusals and no-ops are decided again.

Bounded three ways, oldest first out: per user (``DEDUPE_KEYS_PER_USER_MAX``, so that nobody pushes
out another's), in all (``DEDUPE_KEYS_MAX``: whoever has most gives way) and in bytes. A client
keeps at most ``CALLS_IN_FLIGHT_MAX`` writes unanswered, so its retries are always found. Time
plays no part: clocks jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from collab.limits import DEDUPE_BYTES_MAX, DEDUPE_KEYS_MAX, DEDUPE_KEYS_PER_USER_MAX
from protocol.limits import CALLS_IN_FLIGHT_MAX

assert DEDUPE_KEYS_PER_USER_MAX >= 2 * CALLS_IN_FLIGHT_MAX


@frozen
class Remembered:
    """A reply as it was given, to which operation, and the target's seq that it was given with."""

    op: str
    seq: int
    value: Any
    nbytes: int  # Of its event, as journaled: at least what it takes here.


class Answers:
    """Client key to answer, per user: nobody can probe for another's keys."""

    __slots__ = ("_by_user", "_count", "_nbytes")

    def __init__(self) -> None:
        self._by_user: dict[str, dict[str, Remembered]] = {}  # In order of arrival.
        self._count = 0
        self._nbytes = 0

    def find(self, user_id: str, key: str) -> Remembered | None:
        """Return the first answer to *user_id*'s write *key*, if it is still known."""
        by_key = self._by_user.get(user_id)
        return None if by_key is None else by_key.get(key)

    def remember(self, user_id: str, key: str, answer: Remembered) -> None:
        """Keep *answer*; forget the oldest of whoever has too many."""
        by_key = self._by_user.setdefault(user_id, {})
        by_key[key] = answer
        self._count += 1
        self._nbytes += answer.nbytes
        if len(by_key) > DEDUPE_KEYS_PER_USER_MAX:
            self._forget_oldest(user_id)
        while self._count > DEDUPE_KEYS_MAX or self._nbytes > DEDUPE_BYTES_MAX:
            self._forget_oldest(self._heaviest())

    def _heaviest(self) -> str:
        # Rare: only at a bound of the whole target, and there are few writers to a target.
        return max(self._by_user, key=lambda user_id: len(self._by_user[user_id]))

    def _forget_oldest(self, user_id: str) -> None:
        by_key = self._by_user[user_id]
        self._nbytes -= by_key.pop(next(iter(by_key))).nbytes
        self._count -= 1
        if not by_key:
            del self._by_user[user_id]

    def dump(self) -> list[list[Any]]:
        """Return everything as a plain structure, for a snapshot."""
        return [
            [user_id, key, a.op, a.seq, a.value, a.nbytes]
            for user_id, by_key in self._by_user.items()
            for key, a in by_key.items()
        ]

    def load(self, rows: Sequence[Sequence[Any]]) -> None:
        """Inverse of :meth:`dump`, on a fresh object."""
        for user_id, key, *answer in rows:
            self.remember(user_id, key, Remembered(*answer))
