"""What is so now, against what a token says: in memory, asked for every sign-in and caller.

A token is good for what was so when it was signed. What an issuer has told since counts instead,
until a token comes that was signed later: that one knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from collab.identity.claims import ISSUED_AT
from collab.kind import Caller
from collab.standing.changes import Change

class Standings:
    """What all issuers have told. Bounded by the actors that it is loaded from."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Change]] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Take in *changes*, which are news."""
        for change in changes:
            self._told.setdefault(change.user_id, {})[change.org_id or ""] = change

    def is_void(self, user_id: str, claims: Mapping[str, Any]) -> bool:
        """Say whether a token with *claims* counts no more: the user was removed after it."""
        told = self._told.get(user_id)
        ended = None if told is None else told.get("")
        return ended is not None and _issued_ms(claims) <= ended.at_ms

    def corrected(self, caller: Caller, claims: Mapping[str, Any]) -> Caller:
        """Return *caller*, made from *claims*, as things stand now in their organisation."""
        told = self._told.get(caller.user_id)
        if told is None or caller.org_id is None:
            return caller
        change = told.get(caller.org_id)
        if change is None or _issued_ms(claims) > change.at_ms:
            return caller
        if change.role is None:
            return evolve(caller, org_id=None, org_role=None, permissions=frozenset())
        if change.role == caller.org_role:
            return caller
        return evolve(caller, org_role=change.role, permissions=frozenset())


def _issued_ms(claims: Mapping[str, Any]) -> int:
    issued_ms = claims.get(ISSUED_AT)  # Missing: as if signed before anything was told.
    return issued_ms if isinstance(issued_ms, int) else 0
