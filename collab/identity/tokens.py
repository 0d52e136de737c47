"""Signed tokens: JSON Web Tokens of one algorithm, one issuer, one audience and one key.

The rules (spec, P2): ``alg`` is HS256 and nothing else; ``kid`` is our key's; ``iss`` and ``aud``
are ``collab``; ``sub``, ``iat`` and ``exp`` are there; times have a leeway of 30 s. ``scopes``
makes it a service's: good for these ``kind:action`` only. Whatever is
wrong, the answer is the same, and the token appears in no message and in no log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen
from joserfc import jwt
from joserfc.errors import JoseError

from collab.identity.claims import is_guest_id, is_scopes, is_user_id, is_word
from collab.identity.limits import SCOPES_MAX, WORD_LEN_MAX
from collab.identity.own_key import OwnKey
from collab.limits import TOKEN_TTL_MAX_S
from protocol.limits import TOKEN_GRACE_S, TOKEN_LEN_MAX

ISSUER: Final = "collab"
AUDIENCE: Final = "collab"
_ALGORITHM: Final = "HS256"


class TokenRefused(Exception):
    """The token is not good. Says no more on purpose: it must not teach an attacker."""


@frozen
class TokenClaims:
    """What a good token says."""

    user_id: str
    expires_at_ms: int
    org_id: str | None = None
    org_role: str | None = None
    scopes: tuple[str, ...] | None = None  # None: a person's.
    issued_at_ms: int = 0


@frozen
class Signer:
    """Signs and checks tokens with one key."""

    key: OwnKey
    clock_ms: Callable[[], int]

    def sign(
        self,
        user_id: str,
        *,
        org_id: str | None = None,
        org_role: str | None = None,
        scopes: Sequence[str] | None = None,
        ttl_s: int,
    ) -> str:
        """Return a token for *user_id* that is good for *ttl_s* seconds.

        With *scopes* it is a service's.

        Raises:
          ValueError: no token with these claims would be accepted.
        """
        if not is_user_id(user_id):
            raise ValueError("a user id is 1 to 128 letters, digits and _.@+|=~:-")
        if not (_is_org_word(org_id) and _is_org_word(org_role)):
            raise ValueError(f"organisation and role are 1 to {WORD_LEN_MAX} printable characters")
        if scopes is not None and not is_scopes(list(scopes)):
            raise ValueError(f"scopes are 1 to {SCOPES_MAX} words like meeting:transcript.append")
        if is_guest_id(user_id) and (scopes, org_id, org_role) != (None, None, None):
            raise ValueError("a guest has no organisation, role or scopes")
        if not 1 <= ttl_s <= TOKEN_TTL_MAX_S:
            raise ValueError(f"a token lives 1 to {TOKEN_TTL_MAX_S} seconds")
        now_s = self.clock_ms() // 1000
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "iat": now_s,
            "exp": now_s + ttl_s,
        }
        if org_id is not None:
            claims["org"] = org_id
        if org_role is not None:
            claims["role"] = org_role
        if scopes is not None:
            claims["scopes"] = list(scopes)
        header = {"alg": _ALGORITHM, "kid": self.key.kid}
        return jwt.encode(header, claims, self.key.jwk, algorithms=[_ALGORITHM])

    def check(self, token: str) -> TokenClaims:
        """Return what *token* says, if it is ours and its time has not passed.

        Raises:
          TokenRefused: anything is wrong with it.
        """
        if len(token) > TOKEN_LEN_MAX:
            raise TokenRefused
        try:
            parsed = jwt.decode(token, self.key.jwk, algorithms=[_ALGORITHM])
            if parsed.header.get("kid") != self.key.kid:
                raise TokenRefused
            self._registry().validate(parsed.claims)
        except (
            # What the library raises by design, and what hostile headers make it stumble over.
            JoseError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
        ) as error:
            raise TokenRefused from error
        return _read(parsed.claims)

    def _registry(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=self.clock_ms() // 1000,
            leeway=int(TOKEN_GRACE_S),
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
        )


def _read(claims: dict[str, Any]) -> TokenClaims:
    user_id, org_id, org_role = claims["sub"], claims.get("org"), claims.get("role")
    if not (is_user_id(user_id) and _is_org_word(org_id) and _is_org_word(org_role)):
        raise TokenRefused
    scopes = claims.get("scopes")
    if "scopes" in claims and not is_scopes(scopes):  # Never: as if it had none.
        raise TokenRefused
    # ``exp`` is a finite number here; the lifetime is bounded so that it fits every encoding.
    if claims["exp"] - claims["iat"] > TOKEN_TTL_MAX_S:
        raise TokenRefused
    return TokenClaims(
        user_id,
        int(claims["exp"] * 1000),
        org_id,
        org_role,
        scopes and tuple(scopes),
        int(claims["iat"] * 1000),
    )


def _is_org_word(word: object) -> bool:
    """Say whether *word* may be an organisation or a role; None is fine."""
    return word is None or is_word(word)
