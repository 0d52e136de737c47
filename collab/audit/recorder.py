"""Writes down what happens without an event: sign-ins, refusals, opened streams, exports.

Somebody in a loop must not fill the disk, and not a single refusal may go uncounted. So the first
of its kind is written at once; those of the next ``AUDIT_WINDOW_S`` that say the same (who, from
where, what, on what) are counted, and one entry at the window's end says how many there were, the
first and the last. Whoever is *refused* too many different things at once has the rest counted
without their targets: a name for each made-up target would be the attacker's to write. What was
granted is always written with its target.

A crash of the machine loses what was counted and not yet written: at most one window of
repetitions, never a first one that was durable. Closing writes everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import orjson
import trio
from attrs import define, evolve

from collab.allowances import Allowance, Windows
from collab.audit.entry import ANYTHING, FOLLOW, SIGN_IN, AuditEntry, entry_of
from collab.kind import Caller
from collab.limits import AUDIT_OPEN_MAX, AUDIT_REFUSALS_MAX, AUDIT_WINDOW_S

_REFUSALS: Final = Allowance(count=AUDIT_REFUSALS_MAX, period_s=AUDIT_WINDOW_S, shape="window")
_Key = tuple[str, str, str, str, str, str]  # user, organisation, address, action, outcome, rest


class AuditStore(Protocol):
    """Where entries go."""

    def audit_soon(self, entries: Sequence[AuditEntry]) -> None:
        """Have *entries* stored by the next group commit. Returns at once."""
        ...


@define(eq=False)
class _Open:
    """Something that was written down and is counted from now on."""

    like: AuditEntry
    ends_at_s: float
    first_ms: int = 0
    last_ms: int = 0
    count: int = 0


class Recorder:
    """See the module. One per app."""

    def __init__(self, store: AuditStore, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._open: dict[_Key, _Open] = {}  # In the order in which they end.
        self._refusals = Windows(_REFUSALS)
        self._wake = trio.Event()

    # ------------------------------------------------------------ what is noted

    def granted(self, caller: Caller, action: str, target: str, detail: str = "{}") -> None:
        """Note something noteworthy that *caller* was allowed to do."""
        now_ms = self._clock_ms()
        self.note(entry_of(caller, action, target, "granted", at_ms=now_ms, detail=detail))

    def refused(self, caller: Caller, action: str, target: str) -> None:
        """Note that *caller* was not allowed to do something."""
        self.note(entry_of(caller, action, target, "refused", at_ms=self._clock_ms()))

    def opened(self, caller: Caller, target: str, topics: frozenset[str]) -> None:
        """Note that *caller* follows *topics* of *target* from now on."""
        detail = orjson.dumps({"topics": sorted(topics)}).decode()
        self.granted(caller, FOLLOW, target, detail)

    def signed_in(self, caller: Caller) -> None:
        """Note who came in."""
        self.granted(caller, SIGN_IN, "")

    def not_signed_in(self, address: str) -> None:
        """Note that somebody at *address* was not let in; who it was is not known."""
        now_ms = self._clock_ms()
        self.note(AuditEntry(at_ms=now_ms, action=SIGN_IN, outcome="refused", address=address))

    def note(self, entry: AuditEntry) -> None:
        """Write *entry* down, or count it with those that say the same. Returns at once."""
        self._end_what_is_due()
        key = _key_of(entry)
        known = self._open.get(key)
        if known is None and entry.outcome == "refused" and self._is_spent(entry):
            entry = evolve(entry, target=ANYTHING, detail="{}")
            key = _key_of(entry)
            known = self._open.get(key)
        if known is not None:
            known.first_ms = known.first_ms if known.count else entry.at_ms
            known.last_ms = entry.at_ms
            known.count += entry.count
            return
        if len(self._open) >= AUDIT_OPEN_MAX:
            self._end([next(iter(self._open))])  # Before its time: it is written, not forgotten.
        self._open[key] = _Open(entry, trio.current_time() + AUDIT_WINDOW_S)
        self._wake.set()
        self._store.audit_soon([entry])

    def _is_spent(self, entry: AuditEntry) -> bool:
        """Say whether whoever did this was refused too many different things in this window."""
        holder = entry.user_id or entry.address
        return self._refusals.spend(holder, trio.current_time()) > 0

    # ------------------------------------------------------------ windows

    async def run(self) -> None:
        """End windows for ever. Cancelled: ``close`` writes what is still counted."""
        while True:
            self._end_what_is_due()
            first = next(iter(self._open.values()), None)
            if first is not None:
                await trio.sleep_until(first.ends_at_s)
            else:
                self._wake = trio.Event()
                await self._wake.wait()

    def close(self) -> None:
        """Write everything that is counted. More may come afterwards: it starts anew."""
        self._end(list(self._open))

    def _end_what_is_due(self) -> None:
        now_s = trio.current_time()
        due = []
        for key, known in self._open.items():
            if known.ends_at_s > now_s:
                break
            due.append(key)
        if due:
            self._end(due)

    def _end(self, keys: Sequence[_Key]) -> None:
        repeated = []
        for key in keys:
            known = self._open.pop(key)
            if known.count:
                repeated.append(
                    evolve(
                        known.like,
                        at_ms=known.first_ms,
                        until_ms=known.last_ms,
                        count=known.count,
                    )
                )
        if repeated:
            self._store.audit_soon(repeated)


def _key_of(entry: AuditEntry) -> _Key:
    rest = f"{entry.target}\n{entry.detail}"
    return (entry.user_id, entry.org_id, entry.address, entry.action, entry.outcome, rest)
