"""What one target's journal says, told step by step: who might do what, and what is to be seen.

It replays with the kind's own rules, which have tests of their own (and a model check); here the
question is whether what was sent and acknowledged agrees with what was stored.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from collab.envelope import Entry, EventCodec
from collab.kind import Caller, Kind
from protocol.structure import unstructure
from tests.simulation.script import ADMIN, MEMBER, ORG


def plainly(value: object) -> Any:
    """Return *value* as it is after any journey: no objects, no tuples, bytes as base64."""
    return _plain(unstructure(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


class History:
    """The durable history of one target. Seqs begin with 1; index 0 is before the first event."""

    def __init__(self, kind: Kind[Any], target: str, users: Sequence[str]) -> None:
        self.kind = kind
        self.target = target
        self.entries: list[Entry | None] = [None]
        self.topics: list[str | None] = [None]
        # After each event: (user, role in the organisation) to role here.
        self.roles: list[Mapping[tuple[str, str], str]] = []
        self.seq_by_key: dict[tuple[str, str], list[int]] = {}
        self._codec = EventCodec(kind)
        self._state = kind.new_state(target.partition(":")[2])
        self._callers = {
            (user, org_role): Caller(user, org_id=ORG, org_role=org_role)
            for user in users
            for org_role in (MEMBER, ADMIN)
        }
        self.taken_back: dict[int, int] = {}  # Seq of an event -> of the one that took it back.
        self.roles.append(self._roles_now())

    @property
    def seq(self) -> int:
        """The newest durable event's."""
        return len(self.entries) - 1

    def take(self, payload: bytes) -> Entry:
        """Add the next event."""
        entry = self._codec.decode(payload)
        seq = len(self.entries)
        self.kind.events[type(entry.event)](self._state, entry.event, entry.stamp(seq))
        self.entries.append(entry)
        self.topics.append(self._codec.topic_of(entry))
        self.roles.append(self._roles_now())
        for taken_back in self.kind.redacts(entry.event):
            self.taken_back.setdefault(taken_back, seq)
        if entry.key is not None:
            self.seq_by_key.setdefault((entry.by, entry.key), []).append(seq)
        return entry

    def _roles_now(self) -> Mapping[tuple[str, str], str]:
        role_of, state = self.kind.role_of, self._state
        return {who: role_of(state, caller) for who, caller in self._callers.items()}

    def is_permitted(
        self, user: str, action: str, *, org_roles: Collection[str], since: int, until: int
    ) -> bool:
        """Say whether *user* may do *action* at any moment from after *since* to after *until*.

        *org_roles*: those of the tokens that count; one that permits it is enough.
        """
        permissions = self.kind.permissions
        return any(
            action in permissions.get(roles[user, org_role], ())
            for roles in self.roles[max(since, 0) : until + 1]
            for org_role in org_roles
        )

    def next_of(self, topics: frozenset[str], after: int) -> int | None:
        """Return the seq of the first event of *topics* after *after*; None: there is none."""
        for seq in range(after + 1, len(self.topics)):
            if self.topics[seq] in topics:
                return seq
        return None

    def shows(self, event: Mapping[str, Any], *, since: int = 0) -> bool:
        """Say whether *event* is what subscribers may be shown of its seq.

        What was taken back by an event up to *since* must not be shown as it was.
        """
        seq = event["seq"]
        entry = self.entries[seq]
        assert entry is not None
        about = (event["topic"], event["type"], event["at_ms"], event["by"])
        if about != (self.topics[seq], entry.event.TAG, entry.at_ms, entry.by):
            return False
        data = plainly(event["data"])
        taken_back = self.taken_back.get(seq)
        if data == plainly(entry.fields) and (taken_back is None or taken_back > since):
            return True
        return taken_back is not None and data == plainly(self.kind.redacted(entry.event))

    def state_at(self, seq: int) -> Any:
        """Return the state after event *seq*, from the beginning."""
        state = self.kind.new_state(self.target.partition(":")[2])
        for n, entry in enumerate(self.entries[1 : seq + 1], 1):
            assert entry is not None
            self.kind.events[type(entry.event)](state, entry.event, entry.stamp(n))
        return state
