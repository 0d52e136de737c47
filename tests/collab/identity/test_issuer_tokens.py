"""Tokens of an issuer: which are good, what they say, and every lie that is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from collab.identity import LocalAuthenticator, OwnKey, Signer, caller_of, parse_issuers
from collab.identity.authenticator import Doorkeeper
from collab.identity.claims import SESSION
from collab.identity.issuer_tokens import IssuerTokens
from collab.identity.key_keeper import KeyKeeper
from collab.identity.key_set import VerifyKey, read_key_set
from collab.limits import TOKEN_TTL_MAX_S
from protocol.errors import CODES, WireError
from protocol.gateway import Identity, Peer
from protocol.limits import TOKEN_GRACE_S, TOKEN_LEN_MAX
from tests.collab.identity.issuer import (
    NOW_S,
    Clock,
    claims_of,
    ec_key,
    ed_key,
    public,
    rsa_key,
    segment,
    sign,
    sign_hmac,
)

PEER = Peer("192.0.2.1:5")
TRUSTED = "oidc issuer=https://id.example audience=collab name=id alg=RS256 alg=ES256 alg=EdDSA"


def doorkeeper(
    nursery: trio.Nursery, *settings: str, clock: Clock | None = None
) -> tuple[Doorkeeper, Clock]:
    """A doorkeeper whose issuers all have the same three keys."""
    clock = clock or Clock()
    document = segment_free({"keys": public(rsa_key("r"), ec_key("e"), ed_key("o"))})

    def keeper(name: str, algorithms: frozenset[str]) -> KeyKeeper:
        async def fetch() -> Mapping[str, VerifyKey]:
            return read_key_set(document, algorithms)

        return KeyKeeper(name, fetch, nursery)

    local = LocalAuthenticator(Signer(OwnKey.ephemeral(), clock), is_dev=False)
    issuers = parse_issuers(settings or (TRUSTED,))
    known = [IssuerTokens(one, keeper(one.name, one.algorithms), clock) for one in issuers]
    return Doorkeeper(local, known), clock


def segment_free(document: object) -> bytes:
    import orjson

    return orjson.dumps(document)


async def refused(door: Doorkeeper, token: str) -> None:
    with pytest.raises(WireError) as caught:
        await door.authenticate(token, PEER)
    assert (caught.value.code, caught.value.message) == (
        "unauthenticated",
        CODES["unauthenticated"][1],
    )
    assert caught.value.__cause__ is None


async def accepted(door: Doorkeeper, token: str) -> Identity:
    return await door.authenticate(token, PEER)


@pytest.mark.parametrize("key", [rsa_key("r"), ec_key("e"), ed_key("o")], ids=["RSA", "EC", "Ed"])
async def test_a_good_token_speaks_for_the_issuers_subject(key: Any, nursery: trio.Nursery) -> None:
    """[I1.1] RS256, ES256 and EdDSA: the subject behind the issuer's name, with the expiry."""
    door, _ = doorkeeper(nursery)
    identity = await accepted(door, sign(key, claims_of("auth0|66f", email="Ann@Example.org")))
    assert identity.user_id == "id:auth0|66f"
    assert identity.expires_at_ms == (NOW_S + 300) * 1000
    assert identity.claims["email"] == "Ann@Example.org"
    caller = caller_of(identity)
    assert (caller.is_dev, caller.is_guest, caller.scopes) == (False, False, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": "https://id.example/"},
        {"iss": "collab"},
        {"iss": None},
        {"iss": ["https://id.example"]},
        {"aud": "other"},
        {"aud": ["other", "COLLAB"]},
        {"aud": []},
        {"aud": {"collab": True}},
        {"aud": None},
        {"exp": None},
        {"exp": NOW_S - TOKEN_GRACE_S},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("1e300")},
        {"exp": NOW_S + TOKEN_TTL_MAX_S + 1},
        {"nbf": NOW_S + TOKEN_GRACE_S + 1},
        {"nbf": "now"},
        {"iat": NOW_S + TOKEN_GRACE_S + 1},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "é"},
        {"sub": "a\nb"},
        {"sub": "x" * 256},
        {"org_id": "a\nb"},
    ],
    ids=repr,
)
async def test_a_token_with_a_wrong_claim_is_refused(
    changes: dict[str, Any], nursery: trio.Nursery
) -> None:
    """[I1.2] Issuer, audience, times and subject are there and right, or it is refused."""
    door, _ = doorkeeper(nursery, TRUSTED + " claim.org=org_id")
    await refused(door, sign(rsa_key("r"), claims_of(**changes)))


async def test_times_have_a_leeway_of_thirty_seconds(nursery: trio.Nursery) -> None:
    """[I1.2] 30 s in both directions, and no more."""
    door, clock = doorkeeper(nursery)
    token = sign(ec_key("e"), claims_of(nbf=NOW_S, exp=NOW_S + 10))
    for now_s in (NOW_S - TOKEN_GRACE_S, NOW_S + 10 + TOKEN_GRACE_S - 1):
        clock.now_s = now_s
        await accepted(door, token)
    for now_s in (NOW_S - TOKEN_GRACE_S - 1, NOW_S + 10 + TOKEN_GRACE_S):
        clock.now_s = now_s
        await refused(door, token)


async def test_algorithms_are_those_of_the_settings_and_of_the_key(nursery: trio.Nursery) -> None:
    """[I1.3] ``none``, HS256 with the public key, another algorithm or another key's: refused."""
    door, _ = doorkeeper(nursery)
    claims = claims_of()
    for name in ("none", "None", "nOnE", ""):
        await refused(door, f"{segment({'alg': name, 'kid': 'r'})}.{segment(claims)}.")
    for encoding in (rsa_key("r").as_pem(private=False), rsa_key("r").as_der(private=False)):
        await refused(door, sign_hmac(encoding, "r", claims))
        await refused(door, sign_hmac(encoding.strip(), "r", claims))
    await refused(door, sign(rsa_key("r"), claims, alg="RS512"))  # Not in the settings.
    await refused(door, sign(rsa_key("r"), claims, header={"kid": "e"}))
    stranger = RSAKey.generate_key(2048, parameters={"kid": "r"})
    await refused(door, sign(stranger, claims))
    token = sign(rsa_key("r"), claims)
    head, body, _signature = token.split(".")
    await refused(door, f"{head}.{body}.")
    forged = segment(claims_of("admin"))
    await refused(door, f"{head}.{forged}.{token.rpartition('.')[2]}")


async def test_a_key_serves_only_what_it_says(nursery: trio.Nursery) -> None:
    """[I1.3] A key that names its ``alg`` checks nothing else, whatever the settings allow."""
    door, _ = doorkeeper(nursery, TRUSTED.replace("alg=RS256", "alg=RS256 alg=PS256"))
    await accepted(door, sign(rsa_key("r"), claims_of(), alg="PS256"))  # It says nothing.
    member = {**rsa_key("r").as_dict(private=False), "alg": "RS256"}
    keys = read_key_set(segment_free({"keys": [member]}), frozenset({"RS256", "PS256"}))
    assert keys["r"].algorithms == {"RS256"}


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"])
async def test_a_token_that_brings_its_own_key_is_refused(name: str, nursery: trio.Nursery) -> None:
    """[I1.4] ``jwk``, ``jku``, ``x5u``, ``x5c``, anything critical: refused, also if signed."""
    door, _ = doorkeeper(nursery)
    values = {
        "jwk": ec_key("e").as_dict(private=False),
        "x5c": ["AA"],
        "crit": ["exp"],
        "b64": False,
    }
    header = {name: values.get(name, "https://evil.example/keys")}
    token = sign(ec_key("e"), claims_of())
    rest = token.partition(".")[2]
    await refused(door, f"{segment({'alg': 'ES256', 'kid': 'e', **header})}.{rest}")
    if name in {"jwk", "jku", "x5u", "x5c"}:
        await refused(door, sign(ec_key("e"), claims_of(), header=header))


@pytest.mark.parametrize(("sid", "kept"), [("s1", "s1"), (None, None), (7, None), ("\n", None)])
async def test_a_token_says_which_session_it_is_of(
    sid: object, kept: str | None, nursery: trio.Nursery
) -> None:
    """[P6.12] By ``sid``; one that is no word is none, and refuses nobody."""
    door, _ = doorkeeper(nursery)
    identity = await door.authenticate(sign(ec_key("e"), claims_of(sid=sid)), PEER)
    assert identity.claims.get(SESSION) == kept


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "JWE", 5])
async def test_other_kinds_of_token_are_refused(kind: object, nursery: trio.Nursery) -> None:
    """[I1.4] Only plain tokens and access tokens (``at+jwt``) sign anybody in."""
    door, _ = doorkeeper(nursery)
    for good in ("JWT", "at+jwt", "application/at+jwt"):
        await accepted(door, sign(ec_key("e"), claims_of(), header={"typ": good}))
    header = {"alg": "ES256", "kid": "e", "typ": kind}
    await refused(door, f"{segment(header)}.{segment(claims_of())}.AA")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "..",
        "a.b.c",
        "x" * (TOKEN_LEN_MAX + 1),
        "é.é.é",
        "\ud800.x.y",
        f"{segment([])}.{segment({})}.AA",
        f"{segment({'alg': 'ES256', 'kid': {}})}.{segment({'iss': 'https://id.example'})}.AA",
        f"{segment({'alg': 'ES256', 'kid': 'k' * 257})}.{segment({'iss': 'https://id.example'})}.A",
        f"{segment({'alg': ['ES256'], 'kid': 'e'})}.{segment({'iss': 'https://id.example'})}.AA",
        f"{segment({'alg': 'ES256', 'kid': 'e'})}.{segment({'iss': 'https://id.example'})}.~~",
        ".".join(["a"] * 5),
    ],
)
async def test_a_malformed_token_is_refused(token: str, nursery: trio.Nursery) -> None:
    """[I1.5] Whatever is no token is refused, also when it is huge or hostile."""
    door, _ = doorkeeper(nursery)
    await refused(door, token)


@given(st.data())
def test_no_mutation_of_a_token_is_accepted_or_crashes(data: st.DataObject) -> None:
    """[I1.5] A token with a changed character is refused, and only ever refused."""
    token = sign(ec_key("e"), claims_of())
    at = data.draw(st.integers(0, len(token) - 2))
    mutated = token[:at] + data.draw(st.characters()) + token[at + 1 :]

    async def check() -> None:
        async with trio.open_nursery() as nursery:
            await refused(doorkeeper(nursery)[0], mutated)

    if mutated != token:
        trio.run(check)


async def test_two_issuers_never_make_one_user(nursery: trio.Nursery) -> None:
    """[I3.2] What two issuers call the same are two users, and two organisations."""
    other = TRUSTED.replace("https://id.example", "https://other.example")
    door, _ = doorkeeper(
        nursery,
        TRUSTED + " claim.org=org_id",
        other.replace("name=id", "name=other") + " claim.org=org_id",
    )
    ids, orgs = set(), set()
    for issuer in ("https://id.example", "https://other.example"):
        identity = await accepted(door, sign(ec_key("e"), claims_of(iss=issuer, org_id="acme")))
        ids.add(identity.user_id)
        orgs.add(caller_of(identity).org_id)
    assert ids == {"id:u1", "other:u1"}
    assert orgs == {"id:acme", "other:acme"}


async def test_the_email_is_never_the_identity(nursery: trio.Nursery) -> None:
    """[I3.3] Two subjects with one e-mail are two users; an unverified one is not even noted."""
    door, _ = doorkeeper(nursery)
    said = []
    for subject in ("u1", "u2"):
        claims = claims_of(subject, email="ann@example.org", name="Ann")
        said.append(await accepted(door, sign(ec_key("e"), claims)))
    assert [one.user_id for one in said] == ["id:u1", "id:u2"]
    assert {one.claims["email"] for one in said} == {"ann@example.org"}
    unproved = claims_of(email="boss@example.org", email_verified=False)
    assert (await accepted(door, sign(ec_key("e"), unproved))).claims["email"] is None


async def test_what_people_read_is_in_one_unicode_form(nursery: trio.Nursery) -> None:
    """[I3.4] Names and e-mails are short single lines in form C; what is not is left out."""
    door, _ = doorkeeper(nursery)
    cases: list[tuple[object, str | None]] = [
        ("Ame\u0301lie", "Am\u00e9lie"),
        (" Ann ", "Ann"),
        ("a\nb", None),
        ("\u202eevil", None),
        ("x" * 101, None),
        (5, None),
    ]
    for name, shown in cases:
        identity = await accepted(door, sign(ec_key("e"), claims_of(name=name)))
        assert identity.claims["name"] == shown
