"""Judges tokens of OpenID Connect issuers.

Order: size and form, header, issuer, key, signature, claims. Nothing of a token is believed before
its signature, but for two names: the issuer's and the key's, to find the key. What is refused is
refused with :class:`TokenRefused`, whatever the reason.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from attrs import frozen
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from collab.identity.claims import (
    EMAIL,
    ISSUED_AT,
    ISSUER,
    NAME,
    ORG_ID,
    ORG_ROLE,
    PERMISSIONS,
    SESSION,
    is_word,
    user_id_of,
)
from collab.identity.issuers import Issuer
from collab.identity.key_keeper import KeyKeeper, KeyUnknown
from collab.identity.key_set import VerifyKey
from collab.identity.limits import EMAIL_LEN_MAX, KID_LEN_MAX, PERMISSIONS_MAX
from collab.identity.tokens import TokenRefused
from collab.limits import NAME_LEN_MAX, TOKEN_TTL_MAX_S
from protocol.gateway import Identity
from protocol.limits import TOKEN_GRACE_S, TOKEN_LEN_MAX

# A token that brings its own key, or says where to fetch one, is an attack; and what it calls
# critical we could not honour.
_REFUSED_HEADERS: Final = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_TYPES: Final = frozenset({"jwt", "at+jwt"})
# The library and JSON, by design and for hostile input.
_MALFORMED: Final = (
    JoseError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
    binascii.Error,
)


class _Registry(JWSRegistry):
    """Knows Ed25519 under the name that issuers use for it: ``EdDSA``."""

    def get_alg(self, name: str) -> Any:
        """Return the algorithm called *name*."""
        return super().get_alg("Ed25519" if name == "EdDSA" else name)


@frozen
class Envelope:
    """What a token says of itself. None of it is proved."""

    algorithm: str
    kid: str
    issuer: str


def open_envelope(token: str) -> Envelope:
    """Read what must be known to check *token*.

    Raises:
      TokenRefused: it is no signed token, too large, or its header asks for what we never do.
    """
    if len(token) > TOKEN_LEN_MAX or token.count(".") != 2:
        raise TokenRefused
    try:
        header, claims = (_part(part) for part in token.split(".")[:2])
        algorithm, kid, issuer = header["alg"], header["kid"], claims["iss"]
        kind = str(header.get("typ", "JWT")).lower().removeprefix("application/")
    except _MALFORMED as error:
        raise TokenRefused from error
    is_sound = (
        isinstance(algorithm, str)
        and isinstance(kid, str)
        and 0 < len(kid) <= KID_LEN_MAX
        and isinstance(issuer, str)
        and kind in _TYPES
        and _REFUSED_HEADERS.isdisjoint(header)
    )
    if not is_sound:
        raise TokenRefused
    return Envelope(algorithm, kid, issuer)


def _part(part: str) -> dict[str, Any]:
    held = orjson.loads(base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True))
    if not isinstance(held, dict):
        raise TokenRefused
    return held


@frozen
class IssuerTokens:
    """Judges the tokens of one issuer."""

    issuer: Issuer
    keys: KeyKeeper
    clock_ms: Callable[[], int]

    async def check(self, token: str, envelope: Envelope) -> Identity:
        """Return whom *token* speaks for.

        Raises:
          TokenRefused: it is not good.
          KeysUnavailable: that cannot be told now.

        Cancelled: nothing happened.
        """
        if envelope.algorithm not in self.issuer.algorithms:
            raise TokenRefused
        try:
            key = await self.keys.find(envelope.kid)
        except KeyUnknown:
            raise TokenRefused from None
        return self._identity(self._verify(token, envelope, key))

    def _verify(self, token: str, envelope: Envelope, key: VerifyKey) -> dict[str, Any]:
        """Return the claims of *token*, proved and in their time."""
        if envelope.algorithm not in key.algorithms:
            raise TokenRefused
        algorithms = [envelope.algorithm, "Ed25519"]
        registry = _Registry(algorithms=algorithms, strict_check_header=False)
        registry.max_payload_length = registry.max_header_length = TOKEN_LEN_MAX
        registry.max_signature_length = TOKEN_LEN_MAX
        try:
            parsed = jwt.decode(token, key.jwk, registry=registry)
            self._claims_registry().validate(parsed.claims)
        except _MALFORMED as error:
            raise TokenRefused from error
        claims = parsed.claims
        if claims["exp"] - self.clock_ms() / 1000 > TOKEN_TTL_MAX_S:
            raise TokenRefused
        self._check_for_us(claims)
        return claims

    def _claims_registry(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=self.clock_ms() // 1000,
            leeway=int(TOKEN_GRACE_S),
            iss={"essential": True, "values": sorted(self.issuer.issuers)},
            sub={"essential": True},
            exp={"essential": True},
        )

    def _check_for_us(self, claims: Mapping[str, Any]) -> None:
        """Refuse what was signed for somebody else, or is not a whole sign-in yet."""
        issuer, audience = self.issuer, claims.get("aud")
        if audience is None:
            if not issuer.is_audience_optional:
                raise TokenRefused
        elif not issuer.audiences.intersection(
            [audience] if isinstance(audience, str) else audience
        ):
            raise TokenRefused
        party = claims.get("azp")
        if issuer.parties and party is not None and party not in issuer.parties:
            raise TokenRefused
        if claims.get("sts", "active") != "active":  # Clerk: there are steps left to sign in.
            raise TokenRefused

    def _identity(self, proved: Mapping[str, Any]) -> Identity:
        claims = self.issuer.preset.unpack(proved)
        user_id = user_id_of(self.issuer.name, self._said(claims, "subject"))
        if user_id is None:
            raise TokenRefused
        org_id = self._word(claims, "org")
        said: dict[str, Any] = {
            ISSUER: self.issuer.name,
            ISSUED_AT: _issued_ms(proved),
            # Two issuers may call their organisations the same, like their subjects.
            ORG_ID: None if org_id is None else f"{self.issuer.name}:{org_id}",
            ORG_ROLE: None if org_id is None else self._role(claims),
            PERMISSIONS: self._permissions(claims),
            EMAIL: self._email(claims),
            NAME: _line(self._said(claims, "name"), NAME_LEN_MAX),
        }
        if is_word(proved.get("sid")):
            said[SESSION] = proved["sid"]
        return Identity(user_id, expires_at_ms=int(proved["exp"] * 1000), claims=said)

    def _said(self, claims: Mapping[str, Any], what: str) -> Any:
        """Return the claim that the map names: as it is called, or by a path with dots."""
        path = self.issuer.claims.get(what)
        if path is None or path in claims:
            return None if path is None else claims[path]
        found: Any = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found

    def _word(self, claims: Mapping[str, Any], what: str) -> str | None:
        """Return a word. Raises: TokenRefused, for one that would be cut or misread."""
        word = self._said(claims, what)
        if word is None or word == "":
            return None
        if not is_word(word):
            raise TokenRefused
        return str(word)

    def _role(self, claims: Mapping[str, Any]) -> str | None:
        role = self._said(claims, "role")
        if isinstance(role, list):  # Of several, the one that counts most.
            roles = [word for word in role if is_word(word)]
            role = next((word for word in roles if self._bare(word) == "admin"), None)
            role = role or next(iter(roles), None)
        return self._bare(role) if is_word(role) else None

    def _bare(self, role: str) -> str:
        return role.removeprefix(self.issuer.preset.role_prefix)

    def _permissions(self, claims: Mapping[str, Any]) -> list[str]:
        said = self._said(claims, "permissions")
        words = [word for word in said if is_word(word)] if isinstance(said, list) else []
        return words[:PERMISSIONS_MAX]

    def _email(self, claims: Mapping[str, Any]) -> str | None:
        verified = claims.get("email_verified", claims.get("emailVerified", True))
        email = _line(self._said(claims, "email"), EMAIL_LEN_MAX)
        return email if verified is True and email and "@" in email else None


def _issued_ms(proved: Mapping[str, Any]) -> int:
    """Return when the token was signed; 0 if it does not say: then as if before anything."""
    issued_s = proved.get("iat")
    if not isinstance(issued_s, int | float) or not 0 <= issued_s < 2**40:
        return 0
    return int(issued_s * 1000)


def _line(text: object, len_max: int) -> str | None:
    """Return *text* in Unicode's normal form C, if it is one short line."""
    if not isinstance(text, str):
        return None
    line = unicodedata.normalize("NFC", text).strip()
    return line if 0 < len(line) <= len_max and line.isprintable() else None
