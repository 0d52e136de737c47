"""Tells a person's own actor what their sign-in said: account, e-mail, organisation, role.

The first sign-in makes the account; later ones change what has changed. It is told beside the
sign-in, which waits for nobody: what could not be told (an actor that rests, a full mailbox) is
told at the next one. What was told last is remembered for the newest people, so that a connection
that comes back costs nothing.

Neither guests nor services nor ``dev:USER`` have an account. E-mail addresses are fields, not
identities: two people may have the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from actors import ActorError, ActorSystem, JournalError
from collab.identity.claims import EMAIL, ISSUED_AT, ISSUER, NAME
from collab.kind import Caller
from collab.limits import ARRIVALS_KEPT_MAX
from collab.requests import Receive
from collab.user.profile.commands import SignedIn

SOURCE: Final = "identity"  # No kind has this name.

_log = logging.getLogger("collab.identity")


class _Telling:
    """The outcome of telling one person's actor."""

    abandoned = False

    def __init__(self, forget: Callable[[], object]) -> None:
        self._forget = forget

    def reply(self, value: object) -> None:
        """It is durable."""

    def fail(self, error: Exception) -> None:
        """Have it told again at the next sign-in."""
        self._forget()
        _log.warning("an account waits for the next sign-in: %s", type(error).__qualname__)


class Arrivals:
    """Made once per app."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._told: dict[str, SignedIn] = {}  # The newest sign-in last.

    def note(self, caller: Caller, claims: Mapping[str, Any]) -> None:
        """Tell the actor of *caller*, who just signed in with *claims*, if it is news."""
        if caller.is_guest or caller.scopes is not None or caller.is_dev:
            return
        if ISSUER not in claims and caller.org_id is None:
            return  # Our own key's word for an id, and nothing else.
        issued_ms = claims.get(ISSUED_AT)
        try:
            said = SignedIn(
                email=claims.get(EMAIL),
                name=claims.get(NAME),
                org_id=caller.org_id,
                org_role=caller.org_role,
                at_ms=issued_ms,
            )
        except ValueError as error:  # Too long, say: no reason to keep the person out.
            _log.warning("the account of a user is not kept: %s", error)
            return
        if self._is_told(caller.user_id, said):
            return
        self._told[caller.user_id] = said
        if len(self._told) > ARRIVALS_KEPT_MAX:
            del self._told[next(iter(self._told))]
        telling = _Telling(partial(self._told.pop, caller.user_id, None))
        try:
            ref = self._system.ref("user", caller.user_id)
            ref.ask_nowait(Receive(SOURCE, said), telling)
        except (ActorError, JournalError) as error:
            telling.fail(error)

    def forget(self, user_id: str) -> None:
        """Tell the next sign-in of *user_id* in any case: something else was told meanwhile."""
        self._told.pop(user_id, None)

    def _is_told(self, user_id: str, said: SignedIn) -> bool:
        last = self._told.pop(user_id, None)
        if last is None:
            return False
        self._told[user_id] = last
        return (last.email, last.name, last.org_id, last.org_role) == (
            said.email,
            said.name,
            said.org_id,
            said.org_role,
        )
