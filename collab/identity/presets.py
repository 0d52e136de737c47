"""How the tokens of well-known issuers look.

::

    preset      issuer (iss)                              keys                            audience
    workos      https://api.workos.com, or per client     api.workos.com/sso/jwks/CLIENT  the client
    clerk       https://YOUR-FRONTEND-API                 ISS/.well-known/jwks.json       none; azp
    auth0       https://TENANT.auth0.com/                 ISS.well-known/jwks.json        your API
    betterauth  the base URL                              BASE/api/auth/jwks              base URL
    oidc        any                                       by discovery                    yours

Sources: workos.com/docs/reference/authkit/session-tokens; clerk.com/docs/guides/sessions/
session-tokens (versions 1 and 2); auth0.com/docs/secure/tokens/access-tokens/access-token-profiles;
better-auth.com/docs/plugins/jwt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

CLAIM_NAMES: Final = ("subject", "email", "name", "org", "role", "permissions")
_STANDARD: Final[Mapping[str, str]] = MappingProxyType(
    {"subject": "sub", "email": "email", "name": "name"}
)


def _unchanged(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    return claims


def _clerk(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return claims of version 2, which pack the organisation into ``o``, as those of version 1."""
    packed = claims.get("o")
    if not isinstance(packed, dict):
        return claims
    role = packed.get("rol")
    return {
        **claims,
        "org_id": packed.get("id"),
        "org_role": f"org:{role}" if isinstance(role, str) else None,
        "org_permissions": _clerk_permissions(claims.get("fea"), packed),
    }


def _clerk_permissions(features: object, packed: Mapping[str, Any]) -> list[str]:
    """Unpack ``o.fpm``: for each feature a number whose lowest bit is the first of ``o.per``."""
    names, masks = packed.get("per"), packed.get("fpm")
    if not (isinstance(features, str) and isinstance(names, str) and isinstance(masks, str)):
        return []
    allowed = []
    for feature, mask in zip(features.split(","), masks.split(","), strict=False):
        scope, _, word = feature.partition(":")
        if "o" in scope and mask.isdecimal():
            bits = int(mask)
            for index, name in enumerate(names.split(",")):
                if bits >> index & 1:
                    allowed.append(f"org:{word}:{name}")
    return allowed


@frozen(kw_only=True)
class Preset:
    """What a kind of issuer has in common. ``{domain}`` and ``{client}`` are put in."""

    needs: (
        str | None
    )  # The setting that names the tenant: domain, client, url; None: issuer itself.
    issuers: tuple[str, ...] = ()
    jwks: str | None = None  # None: by discovery.
    audiences: tuple[str, ...] = ()
    # Without ``aud`` a token is good if the preset says so; with one it must be ours all the same.
    is_audience_optional: bool = False
    must_name_audience: bool = (
        False  # The operator must say which, or anybody's API could be meant.
    )
    algorithms: tuple[str, ...] = ("RS256",)
    claims: Mapping[str, str] = _STANDARD
    role_prefix: str = ""  # Taken off a role.
    unpack: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _unchanged


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "workos": Preset(
            needs="client",
            issuers=(
                "https://api.workos.com",
                "https://api.workos.com/",
                "https://api.workos.com/user_management/{client}",
            ),
            jwks="https://api.workos.com/sso/jwks/{client}",
            audiences=("{client}",),
            is_audience_optional=True,
            claims={**_STANDARD, "org": "org_id", "role": "role", "permissions": "permissions"},
        ),
        "clerk": Preset(
            needs="domain",
            issuers=("https://{domain}",),
            jwks="https://{domain}/.well-known/jwks.json",
            is_audience_optional=True,
            claims={
                **_STANDARD,
                "org": "org_id",
                "role": "org_role",
                "permissions": "org_permissions",
            },
            role_prefix="org:",
            unpack=_clerk,
        ),
        "auth0": Preset(
            needs="domain",
            issuers=("https://{domain}/",),
            jwks="https://{domain}/.well-known/jwks.json",
            must_name_audience=True,
            claims={**_STANDARD, "org": "org_id", "permissions": "permissions"},
        ),
        "betterauth": Preset(
            needs="url",
            issuers=("{url}",),
            jwks="{url}/api/auth/jwks",
            audiences=("{url}",),
            algorithms=("EdDSA", "ES256", "RS256", "PS256"),
            # Its ``role`` is of the whole application, and must not count in an organisation.
            claims={**_STANDARD, "org": "activeOrganizationId"},
        ),
        "oidc": Preset(needs=None, must_name_audience=True, algorithms=("RS256", "ES256")),
    }
)
