"""Reads an issuer's key set (RFC 7517): public keys by id, each bound to its algorithms.

A key serves the algorithms of its own type and no others, so no token can have an RSA key taken
for the secret of an HMAC. Only the public members are read; keys that are no use (for encryption,
symmetric, too weak, too large, without an id) are passed over, not refused: sets hold all kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson
from attrs import field, frozen
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from collab.identity.limits import KEYS_MAX, KID_LEN_MAX, RSA_BITS_MAX, RSA_BITS_MIN

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
# (kty, crv) -> algorithms
_BY_CURVE: Final[Mapping[tuple[str, str], frozenset[str]]] = MappingProxyType(
    {
        ("EC", "P-256"): frozenset({"ES256"}),
        ("EC", "P-384"): frozenset({"ES384"}),
        ("EC", "P-521"): frozenset({"ES512"}),
        ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    }
)

# What the library raises for members of no sense.
_MALFORMED: Final = (JoseError, ValueError, TypeError, KeyError, AttributeError)


class KeysUnusable(Exception):
    """What an issuer answered is no key set. Says why, for the log; quotes nothing of it."""


@frozen
class VerifyKey:
    """A public key and what may be checked with it."""

    jwk: RSAKey | ECKey | OKPKey = field(repr=False)
    algorithms: frozenset[str]


def read_object(document: bytes) -> dict[str, Any]:
    """Return *document*, a JSON object.

    Raises:
      KeysUnusable: it is none.
    """
    try:
        held = orjson.loads(document)
    except ValueError:
        raise KeysUnusable("the answer is not JSON") from None
    if not isinstance(held, dict):
        raise KeysUnusable("the answer is no JSON object")
    return held


def read_key_set(document: bytes, algorithms: frozenset[str]) -> Mapping[str, VerifyKey]:
    """Return the keys of *document* that serve any of *algorithms*, by id.

    Raises:
      KeysUnusable: it is no key set, or holds no key of use.
    """
    members = read_object(document).get("keys")
    if not isinstance(members, list):
        raise KeysUnusable('the answer has no list "keys"')
    if len(members) > KEYS_MAX:
        raise KeysUnusable(f"the answer has more than {KEYS_MAX} keys")
    keys: dict[str, VerifyKey] = {}
    for member in members:
        kid = member.get("kid") if isinstance(member, dict) else None
        if not isinstance(kid, str) or not 0 < len(kid) <= KID_LEN_MAX or kid in keys:
            continue
        key = _read_key(member, algorithms)
        if key is not None:
            keys[kid] = key
    if not keys:
        raise KeysUnusable("the answer has no key of use")
    return keys


def _read_key(member: Mapping[str, Any], allowed: frozenset[str]) -> VerifyKey | None:
    """Return the key, or None if it is of no use."""
    operations = member.get("key_ops", ["verify"])
    if member.get("use", "sig") != "sig":
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    kty, alg = member.get("kty"), member.get("alg")
    curve = member.get("crv")
    fitting = _RSA if kty == "RSA" else _BY_CURVE.get((str(kty), str(curve)), frozenset())
    fitting &= allowed
    if alg is not None:
        fitting &= {alg} if isinstance(alg, str) else frozenset()
    if not fitting:
        return None
    try:
        jwk = _import(kty, curve, member)
    except _MALFORMED:
        return None
    if isinstance(jwk, RSAKey) and not RSA_BITS_MIN <= jwk.public_key.key_size <= RSA_BITS_MAX:
        return None
    return VerifyKey(jwk, fitting)


def _import(kty: object, curve: object, member: Mapping[str, Any]) -> RSAKey | ECKey | OKPKey:
    if kty == "RSA":
        return RSAKey.import_key({"kty": "RSA", "n": member["n"], "e": member["e"]})
    if kty == "EC":
        public = {"kty": "EC", "crv": str(curve), "x": member["x"], "y": member["y"]}
        return ECKey.import_key(public)
    return OKPKey.import_key({"kty": "OKP", "crv": str(curve), "x": member["x"]})
