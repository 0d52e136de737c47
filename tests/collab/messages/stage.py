"""Plays commands against a kind without a server: permission, needs, decide, evolve, rows.

The order of steps is that of ``collab.live``. Listings live in dicts; a new ``Stage`` over the
same events is a replay.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from collab.audit import AuditFilter, AuditRecord
from collab.audit.entry import AuditRow
from collab.errors import PermissionDenied
from collab.kind import Caller, Context, Happened, Item, Kind, Put, Reader, Signal, Stamp
from protocol.structure import STORAGE, pack, structure, unpack, unstructure

S = TypeVar("S")


class Rows:
    """Committed listings of one owner; a ``collab.kind.Reader``."""

    def __init__(self) -> None:
        self.listings: dict[str, dict[int, bytes]] = {}
        self.history: list[Happened] = []

    async def page(
        self,
        _owner: str,
        listing: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int,
    ) -> list[Item]:
        rows = sorted(self.listings.get(listing, {}).items())
        if after is not None:
            return [Item(*row) for row in rows if row[0] > after][:limit]
        return [Item(*row) for row in rows if before is None or row[0] < before][-limit:]

    async def get(self, _owner: str, listing: str, positions: Sequence[int]) -> list[Item]:
        rows = self.listings.get(listing, {})
        return [Item(at, rows[at]) for at in sorted(set(positions)) if at in rows]

    async def events(self, _owner: str, *, after: int, limit: int) -> list[Happened]:
        return [past for past in self.history if past.stamp.seq > after][:limit]

    async def audit_page(self, _wanted: AuditFilter) -> list[AuditRecord]:
        return []

    def load(self, listing: str, positions: Sequence[int]) -> list[Item]:
        rows = self.listings.get(listing, {})
        return [Item(at, rows[at]) for at in positions if at in rows]


class Stage(Generic[S]):
    """One actor of *kind*, its history and its rows."""

    def __init__(self, kind: Kind[S], key: str = "k") -> None:
        self.kind = kind
        self.key = key
        self.state = kind.new_state(key)
        self.seq = 0
        self.now_ms = 1_000_000
        self.history: list[tuple[Stamp, Any]] = []
        self.rows = Rows()
        self.signals: list[Signal] = []
        self.shut_out: list[str] = []
        # What the newest command needs done before it can be decided; then it is to be sent again.
        self.draft: Callable[[Reader], Awaitable[None]] | None = None

    def caller(self, who: str | Caller) -> Caller:
        return Caller(user_id=who) if isinstance(who, str) else who

    def context(self, who: str | Caller) -> Context:
        target = f"{self.kind.name}:{self.key}"
        return Context(self.caller(who), self.now_ms, target, self.seq, lambda: "an-id")

    def check(self, who: str | Caller, action: str) -> None:
        role = self.kind.role_of(self.state, self.caller(who))
        if action not in self.kind.permissions.get(role, frozenset()):
            raise PermissionDenied(action, self.key)

    def do(self, who: str | Caller, command: Any) -> Any:
        """Play one command as a batch of its own; return its reply."""
        return self.batch([(who, command)])[0]

    def batch(self, commands: Sequence[tuple[str | Caller, Any]]) -> list[Any]:
        """Load what all need, then decide and evolve each, as one batch of the hot loop."""
        for _who, command in commands:
            for listing, positions in self.kind.needs(self.state, command).items():
                assert self.kind.load is not None
                self.kind.load(self.state, listing, self.rows.load(listing, positions))
        return [self._decide(who, command) for who, command in commands]

    def _decide(self, who: str | Caller, command: Any) -> Any:
        self.check(who, command.TAG)
        before = self.dump()
        try:
            outcome = self.kind.commands[type(command)](self.state, command, self.context(who))
        finally:
            assert self.dump() == before, "deciding changed the state"
        self.draft = outcome.draft
        self.happen(self.caller(who).user_id, outcome.events)
        if outcome.refusal is not None:
            raise outcome.refusal
        return outcome.value

    def receive(self, signal: Any, source: str = "chat:c") -> None:
        """Play one signal."""
        outcome = self.kind.signals[type(signal)](self.state, signal, self.context(source))
        self.happen(source, outcome.events)

    def happen(self, by: str, events: Sequence[Any]) -> None:
        """Evolve events as the live path does, through their journaled form."""
        for event in events:
            self.seq += 1
            stamp = Stamp(self.seq, self.now_ms, by)
            stored = structure(unstructure(event), type(event), encoding=STORAGE)
            assert stored == event
            self.kind.events[type(event)](self.state, event, stamp)
            for row in self.kind.rows(self.state, event, stamp):
                if isinstance(row, AuditRow):
                    continue
                listing = self.rows.listings.setdefault(row.listing, {})
                if isinstance(row, Put):
                    listing[row.position] = row.value
                else:
                    del listing[row.position]
            self.signals += self.kind.signals_of(self.state, event, stamp)
            self.shut_out += self.kind.revokes(self.state, event)
            self.history.append((stamp, stored))
            self.rows.history.append(Happened(stamp, stored))

    async def look(self, who: str | Caller, query: Any) -> Any:
        """Answer one query."""
        self.check(who, query.TAG)
        answer = self.kind.queries[type(query)](self.state, query, self.context(who))
        return answer.value if answer.read is None else await answer.read(self.rows)

    def snapshot(self, who: str | Caller, topic: str) -> Any:
        """Return what a new subscriber sees."""
        self.check(who, f"read:{topic}")
        return self.kind.topics[topic].shown(self.state, self.caller(who), self.now_ms)

    def dump(self) -> bytes:
        """Return the state as a snapshot would store it."""
        return pack(self.state)

    def replayed(self) -> S:
        """Return a state made from the events alone."""
        state = self.kind.new_state(self.key)
        for stamp, event in self.history:
            self.kind.events[type(event)](state, event, stamp)
        return state

    def restored(self) -> S:
        """Return a state made from a snapshot."""
        return unpack(self.dump(), type(self.state))
