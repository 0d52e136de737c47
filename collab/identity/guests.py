"""Guests: people who have not signed in. Their id is random, their token signed by our own key.

Whoever holds the token is the guest; signing in later, they show it once more and what the guest
had becomes theirs (``collab.user.claiming``).
"""

from __future__ import annotations

import secrets

from attrs import frozen

from collab.identity.claims import GUEST_PREFIX, is_guest_id
from collab.identity.limits import GUEST_ID_BYTES, GUEST_TTL_S
from collab.identity.tokens import Signer, TokenRefused


@frozen
class GuestToken:
    """A guest's id, the token that speaks for it, and when that ends (Unix time)."""

    user_id: str
    token: str
    expires_at_ms: int


def new_guest_id() -> str:
    """Return an id that no guest has, and nobody can guess."""
    return GUEST_PREFIX + secrets.token_urlsafe(GUEST_ID_BYTES)


def sign_guest(signer: Signer, user_id: str | None = None) -> GuestToken:
    """Return a token for a new guest, or a fresh one for the guest *user_id*."""
    guest_id = user_id or new_guest_id()
    token = signer.sign(guest_id, ttl_s=GUEST_TTL_S)
    return GuestToken(guest_id, token, signer.clock_ms() + GUEST_TTL_S * 1000)


def guest_of(signer: Signer, token: str) -> str:
    """Return the id of the guest whom *token* speaks for.

    Raises:
      TokenRefused: it is no guest's, or not good.
    """
    user_id = signer.check(token).user_id
    if not is_guest_id(user_id):
        raise TokenRefused
    return user_id
