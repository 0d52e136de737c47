"""What an identity says beyond the user's id, and how ids look.

``protocol.gateway.Identity.claims`` is a plain map that the wire carries without looking inside.
Its keys are named here and nowhere else.

An id is compared as it is, character by character: two ids that only look alike are two people.
So that none do, ids are printable ASCII. A colon stands only behind the name of who gave the id:

::

    ann                     the data directory's own key, or development: the operator's word
    guest:Zk3f...           a guest; nobody else's id begins with ``guest:``
    workos:user_01H...      subject ``user_01H...`` of the issuer called ``workos``
    workos:~Qm9b...         a subject that does not fit: ``~`` and its SHA-256
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, Final

from collab.identity.limits import SCOPE_LEN_MAX, SCOPES_MAX, SUBJECT_LEN_MAX, WORD_LEN_MAX
from collab.kind import Caller
from collab.limits import ID_LEN_MAX
from protocol.gateway import Identity

ORG_ID: Final = "org_id"
ORG_ROLE: Final = "org_role"
IS_DEV: Final = "is_dev"
SCOPES: Final = "scopes"  # A list of ``kind:action``; missing for people.
PERMISSIONS: Final = "permissions"  # A list of the issuer's words.
EMAIL: Final = "email"  # A field like any other: never an identity.
NAME: Final = "name"
ISSUED_AT: Final = "issued_at_ms"  # Of issuers' tokens: what they told since counts instead.
SESSION: Final = "session"  # The issuer's name for the session, where its tokens say.
ISSUER: Final = "issuer"  # The issuer's name in the settings; missing for tokens of our own.

GUEST: Final = "guest"
GUEST_PREFIX: Final = f"{GUEST}:"  # Of the ids of guests, and of nobody else's.

# Printable ASCII that needs no escaping in a URL's path, a log line, a shell or a file name:
# what identity providers put into ``sub`` (``auth0|66f``, ``user_2ab``, ``ann@example.org``) fits.
_USER_ID: Final = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.@+|=~:-]{{0,{ID_LEN_MAX - 1}}}")
# Neither the colon nor the tilde, which mark what we put in front.
_PLAIN_SUBJECT: Final = re.compile(r"[A-Za-z0-9_.@+|=-]+")
_ANY_SUBJECT: Final = re.compile(rf"[\x20-\x7e]{{1,{SUBJECT_LEN_MAX}}}")
_SCOPE: Final = re.compile(r"[a-z][a-z0-9_]*:(\*|[a-z][a-z0-9_.]*(:[a-z][a-z0-9_.]*)?)")


def is_user_id(text: object) -> bool:
    """Say whether *text* may name a user: 1 to 128 characters, no spaces, quotes or slashes."""
    return isinstance(text, str) and _USER_ID.fullmatch(text) is not None


def is_guest_id(user_id: str) -> bool:
    """Say whether *user_id* is a guest's."""
    return user_id.startswith(GUEST_PREFIX)


def user_id_of(issuer: str, subject: object) -> str | None:
    """Return the id of the user whom the issuer called *issuer* calls *subject*.

    No two pairs have the same id. None: no issuer may use such a subject (OpenID Connect wants
    at most 255 characters of ASCII).
    """
    if not isinstance(subject, str) or _ANY_SUBJECT.fullmatch(subject) is None:
        return None
    plain = f"{issuer}:{subject}"
    if _PLAIN_SUBJECT.fullmatch(subject) is not None and len(plain) <= ID_LEN_MAX:
        return plain
    digest = hashlib.sha256(subject.encode("ascii")).digest()
    return f"{issuer}:~{base64.urlsafe_b64encode(digest).rstrip(b'=').decode('ascii')}"


def is_word(word: object) -> bool:
    """Say whether *word* may be an organisation, a role or a permission."""
    return isinstance(word, str) and 0 < len(word) <= WORD_LEN_MAX and word.isprintable()


def is_scopes(scopes: object) -> bool:
    """Say whether *scopes* is a list of ``kind:action``, not empty."""
    return (
        isinstance(scopes, list)
        and 0 < len(scopes) <= SCOPES_MAX
        and all(isinstance(scope, str) and is_scope(scope) for scope in scopes)
    )


def is_scope(scope: str) -> bool:
    """Say whether *scope* looks like ``kind:action``, ``kind:read:topic`` or ``kind:*``."""
    return len(scope) <= SCOPE_LEN_MAX and _SCOPE.fullmatch(scope) is not None


def caller_of(identity: Identity, *, session_id: str | None = None) -> Caller:
    """Return *identity* as the rules of kinds see it."""
    claims: Any = identity.claims
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
