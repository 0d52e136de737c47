"""A real OpenID Connect issuer on loopback: rotates its keys, goes down, misbehaves, lies."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any, Literal

import orjson
import trio
from attrs import define, field
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from collab.identity import Issuer, parse_issuers
from collab.identity.limits import KEYS_BYTES_MAX
from protocol.port import BoundPort, PortConfig, serve_port

NOW_S = 1_800_000_000
Mood = Literal[
    "honest", "html", "status 500", "slow", "redirect", "huge", "no keys", "weak", "list"
]


@define
class Clock:
    now_s: float = NOW_S

    def __call__(self) -> int:
        return int(self.now_s * 1000)


@cache
def rsa_key(kid: str, bits: int = 2048) -> RSAKey:
    """One per run and id: they take a tenth of a second to make."""
    return RSAKey.generate_key(bits, parameters={"kid": kid, "use": "sig"})


@cache
def ec_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", parameters={"kid": kid, "alg": "ES256"})


@cache
def ed_key(kid: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", parameters={"kid": kid, "alg": "EdDSA"})


def public(*keys: Any) -> list[dict[str, Any]]:
    return [key.as_dict(private=False) for key in keys]


def claims_of(subject: str = "u1", **changes: Any) -> dict[str, Any]:
    """Claims of a good token, with *changes* (None: left out)."""
    claims = {
        "iss": "https://id.example",
        "aud": "collab",
        "sub": subject,
        "iat": NOW_S,
        "exp": NOW_S + 300,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def sign(
    key: Any, claims: Mapping[str, Any], *, header: Mapping[str, Any] | None = None, alg: str = ""
) -> str:
    """Sign *claims* as an issuer would, whatever they say."""
    name = alg or {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519"}[key.key_type]
    if name == "Ed25519":  # Issuers call it EdDSA, which the library warns of when it signs.
        return _sign_ed(key, claims)
    fields = {"alg": name, "kid": key.kid, **(header or {})}
    return jwt.encode(fields, dict(claims), key, registry=_anything(name))


def _anything(name: str) -> Any:
    from joserfc.jws import JWSRegistry

    return JWSRegistry(algorithms=[name], strict_check_header=False)


def _sign_ed(key: OKPKey, claims: Mapping[str, Any]) -> str:
    body = f"{segment({'alg': 'EdDSA', 'kid': key.kid})}.{segment(dict(claims))}"
    signature = key.private_key.sign(body.encode())  # type: ignore[union-attr]
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def sign_hmac(secret: bytes, kid: str, claims: Mapping[str, Any]) -> str:
    """Sign with a secret made of somebody's public key: what an attacker has."""
    body = f"{segment({'alg': 'HS256', 'kid': kid})}.{segment(dict(claims))}"
    mac = hmac.digest(secret, body.encode(), "sha256")
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@define(eq=False)
class LocalIssuer:
    """What the issuer answers, and how often it was asked."""

    keys: list[dict[str, Any]]
    mood: Mood = "honest"
    asked: int = 0
    jwks_uri: object = None  # What discovery says; None: the truth.
    named: object = None  # The issuer that discovery names; None: the truth.
    bound: BoundPort | None = None
    was_asked: trio.Event = field(factory=trio.Event)
    may_answer: trio.Event = field(factory=trio.Event)  # When it is slow.

    @property
    def url(self) -> str:
        assert self.bound is not None
        return f"http://127.0.0.1:{self.bound.port}"

    def setting(self, more: str = "") -> Issuer:
        """The settings of whoever trusts this issuer."""
        text = f"oidc issuer={self.url} audience=collab name=id alg=RS256 alg=ES256 {more}"
        return parse_issuers([text])[0]

    async def answer_keys(self, _request: Request) -> Response:
        self.asked += 1
        self.was_asked.set()
        match self.mood:
            case "html":
                return Response("<html>Sign in</html>", media_type="text/html")
            case "status 500":
                return Response("oops", status_code=500)
            case "slow":
                await self.may_answer.wait()
            case "redirect":
                return RedirectResponse("http://127.0.0.1:9/jwks")
            case "huge":
                return StreamingResponse(_endless(), media_type="application/json")
            case "no keys":
                return JSONResponse({"keys": []})
            case "weak":
                return JSONResponse({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]})
            case "list":
                return JSONResponse(self.keys)
        return JSONResponse({"keys": self.keys})

    async def discover(self, _request: Request) -> Response:
        named = self.url if self.named is None else self.named
        return JSONResponse({"issuer": named, "jwks_uri": self.jwks_uri or f"{self.url}/jwks"})


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(2 * KEYS_BYTES_MAX // 1024):
        yield b" " * 1024


@asynccontextmanager
async def local_issuer(*keys: Any) -> AsyncIterator[LocalIssuer]:
    """Run an issuer with *keys* while the block runs."""
    issuer = LocalIssuer(public(*keys))
    app = Starlette(
        routes=[
            Route("/jwks", issuer.answer_keys),
            Route("/.well-known/openid-configuration", issuer.discover),
        ]
    )
    serve = partial(serve_port, PortConfig(), route=lambda _request: None, http_app=app)
    async with trio.open_nursery() as nursery:
        issuer.bound = await nursery.start(serve)
        yield issuer
        nursery.cancel_scope.cancel()
