"""What is so now, against what a token says: in memory, asked for every sign-in and caller.

A token is good for what was so when it was signed. What an issuer has told since counts instead,
until a token comes that was signed later: that one knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from collab.identity.claims import ISSUED_AT, SESSION
from collab.kind import Caller
from collab.standing.changes import PERSON, Change, about_session
from collab.standing.told import About, Told, remember


class Standings:
    """What all issuers have told, each as bounded as its actor has it."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}  # By issuer.

    def apply(self, changes: Iterable[Change]) -> None:
        """Take in *changes*, which are news."""
        for change in changes:
            remember(self._told.setdefault(_issuer_of(change.user_id), {}), change)

    def __len__(self) -> int:
        """Return of how many people something is known."""
        return sum(map(len, self._told.values()))

    def is_void(self, user_id: str, claims: Mapping[str, Any]) -> bool:
        """Say whether a token with *claims* counts no more: its user or session ended since.

        A token that does not say which session it is of ends with any that ends after it was
        signed; times of signing are in whole seconds, and the doubt is the token's.
        """
        about = self._about(user_id)
        if about is None:
            return False
        issued_ms, ended = _issued_ms(claims), about.get(PERSON)
        if ended is not None and issued_ms <= ended.at_ms:
            return True
        session_id = claims.get(SESSION)
        if session_id is not None:
            return about_session(session_id) in about
        return any(
            change.session_id is not None and issued_ms <= change.at_ms for change in about.values()
        )

    def corrected(self, caller: Caller, claims: Mapping[str, Any]) -> Caller:
        """Return *caller*, made from *claims*, as things stand now in their organisation."""
        told = self._about(caller.user_id)
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

    def _about(self, user_id: str) -> About | None:
        told = self._told.get(_issuer_of(user_id))
        return None if told is None else told.get(user_id)


def _issuer_of(user_id: str) -> str:
    return user_id.partition(":")[0]


def _issued_ms(claims: Mapping[str, Any]) -> int:
    issued_ms = claims.get(ISSUED_AT)  # Missing: as if signed before anything was told.
    return issued_ms if isinstance(issued_ms, int) else 0
