"""More deliberate bugs (see ``mutations``): of refusals, tokens, bounds, and faults that escape."""

from __future__ import annotations

from contextlib import AbstractContextManager
from itertools import count
from typing import Any, Final

import collab.gateway
from actors import Decision, Hub, Journal, Record
from collab.errors import PermissionDenied
from collab.following import Follower
from collab.gateway import CollabGateway
from collab.live import LiveActor
from collab.requests import Declined
from collab.signals import SignalRunner
from protocol.outbox import Outbox
from tests.simulation.mutating import swapped

_REFUSED_EVERY: Final = 5
_BEYOND_REACH: Final = 2**60


# ---------------------------------------------------------------- refusals


def refuse_what_happened() -> AbstractContextManager[None]:
    """Now and then a write is stored, and its sender is told that it was refused."""
    numbers = count(1)

    def make(decide: Any) -> Any:
        def two_faced(self: Any, message: Any) -> Decision[Any]:
            decision: Decision[Any] = decide(self, message)
            is_keyed = bool(decision.events) and message.key is not None
            if is_keyed and next(numbers) % _REFUSED_EVERY == 0:
                refusal = PermissionDenied(message.command.TAG, self.actor_id)
                return Decision(decision.events, Declined(refusal))
            return decision

        return two_faced

    return swapped(LiveActor, "_decide_do", make)


# ---------------------------------------------------------------- tokens and roles


def leave_streams_to_an_old_token() -> AbstractContextManager[None]:
    """A fresh token counts for calls; what is followed already goes on."""
    return swapped(CollabGateway, "identity_changed", lambda _: lambda _self, _connection: None)


def believe_the_first_token() -> AbstractContextManager[None]:
    """Who speaks on a connection is found out once."""

    def make(caller_on: Any) -> Any:
        def fixed(connection: Any, *rest: Any) -> Any:
            return caller_on(connection, *rest) if connection.memo is None else connection.memo[1]

        return fixed

    return swapped(collab.gateway, "_caller_on", make)


def answer_although_roles_changed() -> AbstractContextManager[None]:
    """Whoever was shut out while storage was read for them gets the answer."""
    return swapped(LiveActor, "_is_still", lambda _: lambda _self, _role, _caller: True)


def show_what_is_not_released() -> AbstractContextManager[None]:
    """Catching up reads all that is stored, the event that shuts the reader out included."""

    def make(catch_up: Any) -> Any:
        async def blind(self: Any, journal: Journal) -> bool:
            is_live: bool = await catch_up(self, _Unbounded(journal))
            return is_live

        return blind

    return swapped(Follower, "catch_up", make)


class _Seq(int):
    """A seq that no bound holds back."""

    def __le__(self, _bound: int) -> bool:
        return True


class _Unbounded:
    """A journal whose records pass for released ones."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def read(self, actor_id: str, *, after: int, limit: int) -> list[Record]:
        records = await self._journal.read(actor_id, after=after, limit=limit)
        return [Record(_Seq(record.seq), record.payload) for record in records]


# ---------------------------------------------------------------- bounds


def close_nobody_who_does_not_read() -> AbstractContextManager[None]:
    """What waits for one connection may grow and grow."""

    def make(send: Any) -> Any:
        def patient(self: Any, frame: bytes) -> None:
            self._hard_bytes = _BEYOND_REACH
            send(self, frame)

        return patient

    return swapped(Outbox, "send", make)


def never_lag() -> AbstractContextManager[None]:
    """Live events are added to whatever waits."""
    return swapped(Outbox, "is_above_soft", lambda _: property(lambda _self: False))


def keep_every_recent_event() -> AbstractContextManager[None]:
    """The ring forgets nothing."""
    return swapped(Hub, "_trim_ring", lambda _: lambda _self: None)


# ---------------------------------------------------------------- faults that escape


def let_a_failed_signal_escape() -> AbstractContextManager[None]:
    """What goes wrong when a signal is sent ends more than its sending."""

    def make(_failed: Any) -> Any:
        def loud(_self: Any, _line: Any, _signal: Any, error: Exception) -> None:
            raise error

        return loud

    return swapped(SignalRunner, "_failed", make)
