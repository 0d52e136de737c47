"""Who is where in one document: awareness that nobody can forge. No I/O.

::

    a visit's awareness message  ->  take()       what may it set?     ->  presence of its target
    presence told to all visits  ->  told()       encoded once for all ->  every visit
    presence told to one         ->  everybody()  who is here          ->  that visit

A client id belongs to the session that set it first, while that lives. Another one takes it over
only if it speaks for the same user and brings a higher clock: a reconnect, while the server has
not missed the old connection yet. An echo (y-websocket sends back all it hears) brings the clock
it has heard, so it changes nothing. Nobody but the holder removes a state. A client that has left
is remembered for a while, so that a late echo does not bring it back.

Presence of a target holds what ``shown_awareness`` says for each session. A session of the wire
that shows the same is shown too. Every state carries the user's id under
``userId``, whatever the client wrote there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import define

from protocol.yjs.awareness import Presence, encode_awareness
from protocol.yjs.errors import FrameRefused
from protocol.yjs.limits import (
    AWARENESS_GONE_MAX,
    AWARENESS_OWN_BYTES_MAX,
    AWARENESS_OWN_CLIENTS_MAX,
    AWARENESS_TOLD_BYTES_MAX,
    CLOCK_MAX,
)
from protocol.yjs.shown_awareness import awareness_in, awareness_shown

USER_KEY: Final = "userId"

Sessions = Mapping[str, Mapping[str, Any] | None]


@define
class _Held:
    """The newest state of one client id, and whose it is."""

    session: str
    user: str
    clock: int
    state: Mapping[str, Any]


class AwarenessBoard:
    """The awareness of one document, shared by all visits to it."""

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self._gone: dict[int, _Held] = {}  # Oldest first.
        self._told: dict[str, dict[int, int]] = {}  # session -> client -> clock, as told to all
        self._last: tuple[Sessions | None, tuple[bytes, ...]] = (None, ())

    # ------------------------------------------------------------ from a visit

    def take(self, session: str, user: str, entries: Sequence[Presence]) -> bool:
        """Take what a client says; ignore what it must not. Return whether anything changed.

        Raises:
          FrameRefused: ``too_large``, before anything changed.
        """
        mine = [entry for entry in entries if self._may_set(session, user, entry)]
        stamped = [_stamp(entry.state, user) if entry.state is not None else None for entry in mine]
        for state in stamped:
            if state is not None and len(_text(state)) > AWARENESS_OWN_BYTES_MAX:
                raise FrameRefused("too_large", f"a state is at most {AWARENESS_OWN_BYTES_MAX}")
        has_changed = False
        for entry, state in zip(mine, stamped, strict=True):
            has_changed |= self._set(session, user, entry, state)
        return has_changed

    def is_echo(self, update: bytes) -> bool:
        """Say whether *update* is, to the byte, what all were told last: nothing to take."""
        return update in self._last[1]

    def presence_of(self, session: str) -> dict[str, Any]:
        """Return what the presence of the target shall hold for *session*."""
        return awareness_shown(
            Presence(client, held.clock, held.state)
            for client, held in self._held.items()
            if held.session == session
        )

    def release(self, session: str) -> None:
        """The session is over: its client ids are nobody's."""
        for client in [c for c, held in self._held.items() if held.session == session]:
            self._retire(client)

    def _may_set(self, session: str, user: str, entry: Presence) -> bool:
        held = self._held.get(entry.client)
        if held is not None and held.session == session:
            return True
        if entry.state is None:
            return False
        known = held or self._gone.get(entry.client)
        return known is None or (known.user == user and entry.clock > known.clock)

    def _set(
        self, session: str, user: str, entry: Presence, state: Mapping[str, Any] | None
    ) -> bool:
        held = self._held.get(entry.client)
        is_own = held is not None and held.session == session
        if state is None:
            self._retire(entry.client)
            return True
        if held is not None and is_own and entry.clock <= held.clock:
            if held.state == state or held.clock == CLOCK_MAX:
                return False  # It sends back what it was told; or it has used up its clock.
            held.clock, held.state = held.clock + 1, state
            return True
        if not is_own and self._count_of(session) >= AWARENESS_OWN_CLIENTS_MAX:
            return False
        self._gone.pop(entry.client, None)
        # Yjs clients never show a first state of clock 0; everybody's should be seen at once.
        self._held[entry.client] = _Held(session, user, max(entry.clock, 1), state)
        return True

    def _count_of(self, session: str) -> int:
        return sum(held.session == session for held in self._held.values())

    def _retire(self, client: int) -> None:
        held = self._held.pop(client)
        self._gone.pop(client, None)
        self._gone[client] = held
        if len(self._gone) > AWARENESS_GONE_MAX:
            del self._gone[next(iter(self._gone))]

    # ------------------------------------------------------------ to the visits

    def told(self, changes: Sessions) -> tuple[bytes, ...]:
        """Return a change of presence as awareness updates; none if it shows nothing.

        Made once for all visits: they are told the very same object.
        """
        if self._last[0] is changes:
            return self._last[1]
        entries: list[Presence] = []
        for session, member in changes.items():
            before = self._told.pop(session, {})
            now = {entry.client: entry for entry in self._shown(session, member)}
            entries += now.values()
            entries += self._left(session, before, now)
            if now:
                self._told[session] = {client: entry.clock for client, entry in now.items()}
        updates = tuple(_updates(entries))
        self._last = (changes, updates)
        return updates

    def everybody(self, members: Sessions, *, again: bool) -> tuple[bytes, ...]:
        """Return all who are present as awareness updates; none if nobody shows anything.

        *again*: the visit has seen others before, who may have left without its knowing.
        """
        entries: list[Presence] = []
        for session, member in members.items():
            shown = list(self._shown(session, member))
            entries += shown
            if shown:
                told = self._told.setdefault(session, {})
                told.update((entry.client, entry.clock) for entry in shown)
        if again:
            entries += [Presence(client, gone.clock, None) for client, gone in self._gone.items()]
        return tuple(_updates(entries))

    def all_told(self) -> tuple[bytes, ...]:
        """Return everybody whom this board knows to be present."""
        held = self._held.items()
        return tuple(_updates([Presence(client, h.clock, h.state) for client, h in held]))

    def _shown(self, session: str, member: Mapping[str, Any] | None) -> Iterator[Presence]:
        """Yield what *session* shows and may show."""
        if member is None:
            return
        user = str(member.get("user"))
        for claim in awareness_in(member.get("state")):
            held = self._held.get(claim.client)
            if held is None:
                held = self._adopt(session, user, claim)
            elif claim.clock > held.clock:  # A session of the wire moved, or came back.
                held = self._adopt(session, user, claim) or held
            if held is not None and held.session == session:
                yield Presence(claim.client, held.clock, held.state)

    def _adopt(self, session: str, user: str, claim: Presence) -> _Held | None:
        """Let a session of the wire hold what it claims, if a visit could."""
        state = _stamp(claim.state or {}, user)
        if not _is_plain(state) or not self._may_set(session, user, claim):
            return None
        self._gone.pop(claim.client, None)
        held = self._held[claim.client] = _Held(session, user, claim.clock, state)
        return held

    def _left(
        self, session: str, before: Mapping[int, int], now: Mapping[int, Presence]
    ) -> Iterator[Presence]:
        """Yield the removal of what *session* showed before and does not show now."""
        for client, clock in before.items():
            if client in now:
                continue
            held = self._held.get(client)
            if held is not None and held.session == session:
                self._retire(client)  # A session of the wire took it back, or left.
                held = None
            if held is None:
                yield Presence(client, clock, None)


class Boards:
    """One board per document that is visited."""

    def __init__(self) -> None:
        self._boards: dict[str, AwarenessBoard] = {}
        self._visits: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._boards)

    def enter(self, target: str) -> AwarenessBoard:
        """Return the board of *target*, which stays until as many have left."""
        self._visits[target] = self._visits.get(target, 0) + 1
        return self._boards.setdefault(target, AwarenessBoard())

    def leave(self, target: str) -> None:
        """One visit less."""
        self._visits[target] -= 1
        if not self._visits[target]:
            del self._visits[target], self._boards[target]


def _stamp(state: Mapping[str, Any], user: str) -> dict[str, Any]:
    return {**state, USER_KEY: user}


def _updates(entries: Sequence[Presence]) -> Iterator[bytes]:
    """Write *entries* in as many updates as keep each small enough to be echoed.

    Who came back before they were missed is said by two sessions: only the newest is told.
    """
    newest = {entry.client: entry for entry in entries}
    group: list[Presence] = []
    group_bytes = 0
    for entry in newest.values():
        entry_bytes = len(_text(entry.state)) if entry.state is not None else 4
        if group and group_bytes + entry_bytes > AWARENESS_TOLD_BYTES_MAX:
            yield encode_awareness(group)
            group, group_bytes = [], 0
        group.append(entry)
        group_bytes += entry_bytes + 16
    if group:
        yield encode_awareness(group)


def _text(state: Mapping[str, Any]) -> bytes:
    text = json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _is_plain(state: Mapping[str, Any]) -> bool:
    """Say whether a state of the wire can be written as JSON, and is small enough."""
    try:
        return len(_text(state)) <= AWARENESS_OWN_BYTES_MAX
    except (TypeError, ValueError, RecursionError):
        return False
