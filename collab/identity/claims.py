"""What an identity says beyond the user's id, and how a user's id looks.

``protocol.gateway.Identity.claims`` is a plain map that the wire carries without looking inside.
Its keys are named here and nowhere else.
"""

from __future__ import annotations

import re
from typing import Final

from collab.kind import Caller
from collab.limits import ID_LEN_MAX
from protocol.gateway import Identity

ORG_ID: Final = "org_id"
ORG_ROLE: Final = "org_role"
IS_DEV: Final = "is_dev"
SCOPES: Final = "scopes"  # A list of ``kind:action``; missing for people.
PERMISSIONS: Final = "permissions"  # A list of the issuer's words.

GUEST_PREFIX: Final = "guest:"  # Of the ids of guests, and of nobody else's.

# Printable ASCII that needs no escaping in a URL's path, a log line, a shell or a file name:
# what identity providers put into ``sub`` (``auth0|66f``, ``user_2ab``, ``ann@example.org``) fits.
_USER_ID: Final = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.@+|=~:-]{{0,{ID_LEN_MAX - 1}}}")


def is_user_id(text: object) -> bool:
    """Say whether *text* may name a user: 1 to 128 characters, no spaces, quotes or slashes."""
    return isinstance(text, str) and _USER_ID.fullmatch(text) is not None


def is_guest_id(user_id: str) -> bool:
    """Say whether *user_id* is a guest's."""
    return user_id.startswith(GUEST_PREFIX)


def caller_of(identity: Identity, *, session_id: str | None = None) -> Caller:
    """Return *identity* as the rules of kinds see it."""
    claims = identity.claims
    scopes = claims.get(SCOPES)
    return Caller(
        user_id=identity.user_id,
        org_id=claims.get(ORG_ID),
        org_role=claims.get(ORG_ROLE),
        session_id=session_id,
        is_dev=claims.get(IS_DEV) is True,
        scopes=None if scopes is None else frozenset(scopes),
        is_guest=is_guest_id(identity.user_id),
        permissions=frozenset(claims.get(PERMISSIONS, ())),
    )
