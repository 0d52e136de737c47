"""Who else may vouch for people: OpenID Connect issuers, as settings describe them.

One setting is one issuer, a preset and its words::

    workos client=client_01H...
    clerk domain=clerk.example.org party=https://app.example.org
    auth0 domain=acme.eu.auth0.com audience=https://api.acme.org claim.role=https://acme.org/role
    betterauth url=https://app.example.org
    oidc issuer=https://id.example.org audience=collab name=staff

    name=         what stands in front of its users' ids; default: the preset
    issuer=       what ``iss`` must be (several are fine)
    audience=     what ``aud`` must be, or contain (several are fine)
    party=        what ``azp`` must be, if there is one (several are fine)
    alg=          algorithms, public-key ones only (several are fine)
    jwks=         where the keys are; default: the preset's, else by discovery
    claim.X=      where X (subject, email, name, org, role, permissions) stands in the token
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen

from collab.identity.claims import GUEST
from collab.identity.limits import ISSUER_NAME_LEN_MAX, ISSUERS_MAX
from collab.identity.presets import CLAIM_NAMES, PRESETS, Preset

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_NAME: Final = re.compile(rf"[a-z][a-z0-9_-]{{0,{ISSUER_NAME_LEN_MAX - 1}}}")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_CLIENT: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MANY: Final = frozenset({"issuer", "audience", "party", "alg"})
_ONE: Final = frozenset({"name", "jwks", "client", "domain", "url"})


@frozen(kw_only=True)
class Issuer:
    """One issuer whose tokens are good here."""

    name: str
    issuers: frozenset[str]
    audiences: frozenset[str]
    is_audience_optional: bool
    parties: frozenset[str]
    algorithms: frozenset[str]
    jwks: str | None  # None: by discovery at ``discovery``.
    discovery: str
    claims: Mapping[str, str]
    preset: Preset


def parse_issuers(texts: Iterable[str]) -> tuple[Issuer, ...]:
    """Return the issuers that *texts* describe.

    Raises:
      ValueError: one makes no sense, or two have one name. Says which, and what is missing.
    """
    issuers = tuple(parse_issuer(text) for text in texts)
    if len(issuers) > ISSUERS_MAX:
        raise ValueError(f"issuers: at most {ISSUERS_MAX}")
    names = [issuer.name for issuer in issuers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"issuers: two are called {name}; give one of them another name=")
    return issuers


def parse_issuer(text: str) -> Issuer:
    """Return the issuer that *text* describes.

    Raises:
      ValueError: it makes no sense.
    """
    preset_name, *words = text.split() or [""]
    preset = PRESETS.get(preset_name)
    if preset is None:
        raise ValueError(f"issuers: {text!r} must begin with one of {', '.join(PRESETS)}")
    given = _Words(preset_name, words)
    tenant = _tenant(preset, given)
    issuers = given.many("issuer") or tuple(t.format(**tenant) for t in preset.issuers)
    if not issuers:
        raise given.problem("issuer= is missing")
    for url in issuers:
        _check_url(given, url)
    audiences = given.many("audience") or tuple(t.format(**tenant) for t in preset.audiences)
    if preset.must_name_audience and not audiences:
        raise given.problem("audience= is missing: without one, tokens for any API would be good")
    algorithms = frozenset(given.many("alg") or preset.algorithms)
    if stray := algorithms - ALGORITHMS:
        raise given.problem(f"alg={min(stray)} is not one of {', '.join(sorted(ALGORITHMS))}")
    jwks = given.one("jwks") or (preset.jwks and preset.jwks.format(**tenant))
    if jwks is not None:
        _check_url(given, jwks)
    return Issuer(
        name=_name(given, preset_name),
        issuers=frozenset(issuers),
        audiences=frozenset(audiences),
        is_audience_optional=preset.is_audience_optional and not given.many("audience"),
        parties=frozenset(given.many("party")),
        algorithms=algorithms,
        jwks=jwks,
        discovery=f"{issuers[0].rstrip('/')}/.well-known/openid-configuration",
        claims={**preset.claims, **given.claims},
        preset=preset,
    )


class _Words:
    """The ``key=value`` words of one setting; each is known, and said once unless it may repeat."""

    def __init__(self, preset_name: str, words: Iterable[str]) -> None:
        self._preset_name = preset_name
        self._values: dict[str, list[str]] = {}
        self.claims: dict[str, str] = {}
        for word in words:
            key, equals, value = word.partition("=")
            if not (equals and value):
                raise self.problem(f"{word!r} is not key=value")
            if key.startswith("claim."):
                name = key.removeprefix("claim.")
                if name not in CLAIM_NAMES:
                    raise self.problem(f"{key}= is not one of claim.{', claim.'.join(CLAIM_NAMES)}")
                self.claims[name] = value
            elif key in _MANY or (key in _ONE and key not in self._values):
                self._values.setdefault(key, []).append(value)
            else:
                raise self.problem(f"{key}= is unknown, or given twice")

    def problem(self, what: str) -> ValueError:
        return ValueError(f"issuers: {self._preset_name}: {what}")

    def one(self, key: str) -> str | None:
        values = self._values.get(key)
        return values[0] if values else None

    def many(self, key: str) -> tuple[str, ...]:
        return tuple(self._values.get(key, ()))


def _tenant(preset: Preset, given: _Words) -> dict[str, Any]:
    """Return what is put into the preset's addresses."""
    key = preset.needs
    for other in {"client", "domain", "url"} - {key}:
        if given.one(other):
            raise given.problem(f"{other}= says nothing here")
    if key is None:
        return {}
    value = given.one(key)
    if value is None:
        raise given.problem(f"{key}= is missing")
    if key == "url":
        value = value.rstrip("/")
        _check_url(given, value)
    elif not (_DOMAIN if key == "domain" else _CLIENT).fullmatch(value):
        raise given.problem(f"{key}={value} does not look like one")
    return {key: value}


def _check_url(given: _Words, url: str) -> None:
    """Refuse addresses that could be overheard: http is for issuers on this machine."""
    parts = urlsplit(url)
    is_local = parts.scheme == "http" and parts.hostname in _LOCAL
    if not (parts.hostname and (parts.scheme == "https" or is_local)) or "@" in parts.netloc:
        raise given.problem(f"{url} must be an https address (http only on localhost)")


def _name(given: _Words, preset_name: str) -> str:
    name = given.one("name") or preset_name
    if not _NAME.fullmatch(name) or name == GUEST:
        raise given.problem(f"name={name} must be a short word in lower case, and not {GUEST}")
    return name
