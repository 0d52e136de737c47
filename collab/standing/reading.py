"""What the events of WorkOS and Clerk say about people; everything else they send is no change.

::

    WorkOS                                              Clerk
    organization_membership.created|updated|deleted     organizationMembership.created|updated|...
    user.deleted                                        user.deleted, user.updated with "banned"
    session.revoked                                     session.revoked

WorkOS sends memberships with a ``status``: only ``active`` ones count. Times are when the event
was made (WorkOS ``created_at``, Clerk ``timestamp``), never when it was sent: an old event that is
sent again must not undo a newer one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import evolve

from collab.identity.claims import is_word, user_id_of
from collab.standing.changes import Change

_MEMBERSHIP_WORKOS: Final = frozenset(
    f"organization_membership.{what}" for what in ("created", "updated", "deleted")
)
_MEMBERSHIP_CLERK: Final = frozenset(
    f"organizationMembership.{what}" for what in ("created", "updated", "deleted")
)
_ROLE_PREFIX_CLERK: Final = "org:"


class CannotRead(Exception):
    """It is not of the form that this issuer sends."""


def changes_of_workos(issuer: str, told: Any) -> list[Change]:
    """Return what a WorkOS event changes. Raises CannotRead."""
    event, about = _word(told, "event"), _map(told, "data")
    if event in _MEMBERSHIP_WORKOS:
        is_in = event != "organization_membership.deleted" and about.get("status") == "active"
        role = _word(_map(about, "role"), "slug") if is_in else None
        org_id = _word(about, "organization_id")
        return [_change(issuer, _word(about, "user_id"), _time(told), org_id, role)]
    if event == "user.deleted":
        return [_change(issuer, _word(about, "id"), _time(told))]
    if event == "session.revoked":
        return [_ended(issuer, about, _time(told))]
    return []


def changes_of_clerk(issuer: str, told: Any) -> list[Change]:
    """Return what a Clerk event changes. Raises CannotRead."""
    event, about = _word(told, "type"), _map(told, "data")
    if event in _MEMBERSHIP_CLERK:
        is_in = event != "organizationMembership.deleted"
        role = _word(about, "role").removeprefix(_ROLE_PREFIX_CLERK) if is_in else None
        org_id = _word(_map(about, "organization"), "id")
        subject = _word(_map(about, "public_user_data"), "user_id")
        return [_change(issuer, subject, _number(told, "timestamp"), org_id, role)]
    if event == "user.deleted" or (event == "user.updated" and about.get("banned") is True):
        return [_change(issuer, _word(about, "id"), _number(told, "timestamp"))]
    if event == "session.revoked":
        return [_ended(issuer, about, _number(told, "timestamp"))]
    return []


def _change(
    issuer: str, subject: str, at_ms: int, org_id: str | None = None, role: str | None = None
) -> Change:
    user_id = user_id_of(issuer, subject)
    if user_id is None:
        raise CannotRead
    org = None if org_id is None else f"{issuer}:{org_id}"
    return Change(user_id=user_id, at_ms=at_ms, org_id=org, role=role)


def _ended(issuer: str, session: Mapping[str, Any], at_ms: int) -> Change:
    """Return the end of a session; of all of the user's if it does not say which."""
    change = _change(issuer, _word(session, "user_id"), at_ms)
    session_id = session.get("id")
    return evolve(change, session_id=session_id) if is_word(session_id) else change


def _map(told: Any, name: str) -> Mapping[str, Any]:
    found = told.get(name) if isinstance(told, Mapping) else None
    if not isinstance(found, Mapping):
        raise CannotRead
    return found


def _word(told: Any, name: str) -> str:
    found = told.get(name) if isinstance(told, Mapping) else None
    if not isinstance(found, str) or not is_word(found):
        raise CannotRead
    return found


def _number(told: Mapping[str, Any], name: str) -> int:
    found = told.get(name)
    if type(found) is not int or not 0 <= found < 2**53:
        raise CannotRead
    return found


def _time(told: Mapping[str, Any]) -> int:
    try:
        at = datetime.fromisoformat(_word(told, "created_at"))
    except ValueError:
        raise CannotRead from None
    at_ms = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    if at_ms < 0:
        raise CannotRead
    return at_ms
