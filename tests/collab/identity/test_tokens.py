"""Sign-in: which tokens are good, and what a bad one learns."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
from attrs import define
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from collab.identity import (
    KEY_FILE_NAME,
    KeyUnusable,
    LocalAuthenticator,
    OwnKey,
    Signer,
    caller_of,
    is_user_id,
    open_authenticator,
)
from collab.limits import TOKEN_TTL_MAX_S
from protocol.errors import CODES, WireError
from protocol.gateway import Identity, Peer
from protocol.limits import TOKEN_GRACE_S, TOKEN_LEN_MAX

PEER = Peer("127.0.0.1:5")
NOW_S = 1_800_000_000


@define
class Clock:
    now_s: float = NOW_S

    def __call__(self) -> int:
        return int(self.now_s * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer(clock: Clock) -> Signer:
    return Signer(OwnKey.ephemeral(), clock)


async def refused(signer: Signer, token: str, *, is_dev: bool = False) -> WireError:
    with pytest.raises(WireError) as caught:
        await LocalAuthenticator(signer, is_dev=is_dev).authenticate(token, PEER)
    return caught.value


def signed(signer: Signer, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token like a good one, with *changes* (None: the claim is left out)."""
    claims = {"iss": "collab", "aud": "collab", "sub": "ann", "iat": NOW_S, "exp": NOW_S + 60}
    claims |= changes
    return jwt.encode(
        header or {"alg": "HS256", "kid": signer.key.kid},
        {name: value for name, value in claims.items() if value is not None},
        OctKey.import_key({"kty": "oct", "k": signer.key.jwk.as_dict()["k"]}),
        algorithms=["HS256", "HS512"],
    )


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


async def test_a_signed_token_speaks_for_its_subject(signer: Signer) -> None:
    """[P2.1] A signed token gives the user, the organisation, the role and the expiry."""
    token = signer.sign("ann", org_id="acme", org_role="admin", ttl_s=60)
    identity = await LocalAuthenticator(signer, is_dev=False).authenticate(token, PEER)
    assert identity.user_id == "ann"
    assert identity.expires_at_ms == (NOW_S + 60) * 1000
    caller = caller_of(identity, session_id="s1")
    assert (caller.org_id, caller.org_role, caller.session_id) == ("acme", "admin", "s1")
    assert not caller.is_dev


async def test_a_token_is_good_until_its_expiry_and_the_leeway(
    signer: Signer, clock: Clock
) -> None:
    """[P2.2] Times have a leeway of 30 s in both directions, and no more."""
    token = signer.sign("ann", ttl_s=60)
    clock.now_s = NOW_S + 60 + TOKEN_GRACE_S - 1
    await LocalAuthenticator(signer, is_dev=False).authenticate(token, PEER)
    clock.now_s += 1
    await refused(signer, token)
    clock.now_s = NOW_S - TOKEN_GRACE_S - 1
    await refused(signer, token)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"sub": None},
        {"sub": "two words"},
        {"sub": 7},
        {"sub": ""},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1e300},
        {"exp": NOW_S + TOKEN_TTL_MAX_S + 1},
        {"iat": None},
        {"iat": NOW_S + 3600},
        {"org": 5},
        {"org": "x" * 101},
        {"role": "a\nb"},
        {"nbf": NOW_S + 3600},
    ],
    ids=repr,
)
async def test_a_token_with_a_wrong_claim_is_refused(
    signer: Signer, changes: dict[str, Any]
) -> None:
    """[P2.3] Issuer, audience, subject and times are there and right, or the token is refused."""
    assert signer.check(signed(signer)).user_id == "ann"
    await refused(signer, signed(signer, **changes))


async def test_only_one_algorithm_and_only_our_key_are_accepted(signer: Signer) -> None:
    """[P2.3] alg none, another algorithm, another key, another kid: refused."""
    kid = signer.key.kid
    await refused(signer, signed(signer, header={"alg": "HS512", "kid": kid}))
    await refused(signer, signed(signer, header={"alg": "HS256", "kid": "other"}))
    await refused(signer, signed(signer, header={"alg": "HS256"}))
    body = segment({"iss": "collab", "aud": "collab", "sub": "ann", "iat": NOW_S, "exp": 2**40})
    for algorithm in ("none", "None", "NONE", ""):
        await refused(signer, f"{segment({'alg': algorithm, 'kid': kid})}.{body}.")
    foreign = Signer(OwnKey(kid, OctKey.generate_key(256)), signer.clock_ms)
    await refused(signer, foreign.sign("ann", ttl_s=60))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "dev:ann",
        "eyJ",
        "é" * 10,
        "\ud800.x.y",
        "x" * (TOKEN_LEN_MAX + 1),
        f"{segment(['alg'])}.{segment({})}.AA",
        f"{segment(5)}.{segment({})}.AA",
        f"{segment({'alg': ['HS256']})}.{segment({})}.AA",
        f"{segment({'alg': 'HS256', 'crit': ['x']})}.{segment({})}.AA",
        f"{segment({'alg': 'HS256', 'crit': 5, 'kid': {}})}.{segment({})}.AA",
        f"{segment({'alg': 'HS256', 'b64': False, 'crit': ['b64']})}.e30.AA",
    ],
)
async def test_a_malformed_token_is_refused(signer: Signer, token: str) -> None:
    """[P2.3] Whatever is no token of ours is refused, also when it is huge or hostile."""
    await refused(signer, token)


async def test_every_refusal_is_the_same(signer: Signer, clock: Clock) -> None:
    """[P2.4] The answer does not say what was wrong and never quotes the token."""
    expired = signer.sign("ann", ttl_s=1)
    clock.now_s += 100
    for token in (expired, "nonsense", signed(signer, aud="other"), "dev:ann"):
        error = await refused(signer, token)
        assert (error.code, error.message) == ("unauthenticated", CODES["unauthenticated"][1])
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None


@given(st.data())
def test_no_mutation_of_a_token_is_accepted_or_crashes(data: st.DataObject) -> None:
    """[P2.3] A token with a changed character is refused, and only ever refused."""
    signer = Signer(OwnKey.ephemeral(), Clock())
    token = signer.sign("ann", ttl_s=60)
    # The last character carries bits that base64 ignores.
    at = data.draw(st.integers(0, len(token) - 2))
    char = data.draw(st.characters())
    mutated = token[:at] + char + token[at + 1 :]
    if mutated != token:
        trio.run(refused, signer, mutated)


async def test_a_development_token_needs_a_development_server(signer: Signer) -> None:
    """[P2.5] ``dev:USER`` speaks for USER with ``--dev``, and is refused without."""
    identity = await LocalAuthenticator(signer, is_dev=True).authenticate("dev:ann", PEER)
    assert identity.user_id == "ann"
    assert identity.expires_at_ms is None
    assert caller_of(identity).is_dev
    await refused(signer, "dev:ann")


@pytest.mark.parametrize("user", ["", "a b", "a/b", 'a"b', "a'b", "a\\b", "ä", "a" * 129, ".a"])
async def test_a_development_token_names_a_proper_user(signer: Signer, user: str) -> None:
    """[P2.6] A user id is 1 to 128 printable ASCII characters without spaces, quotes, slashes."""
    await refused(signer, f"dev:{user}", is_dev=True)
    with pytest.raises(ValueError, match="user id"):
        signer.sign(user, ttl_s=60)


@pytest.mark.parametrize("user", ["a", "ann@example.org", "auth0|66f1", "user_2ab", "a" * 128])
def test_what_identity_providers_issue_is_a_user_id(user: str) -> None:
    """[P2.6] The usual subjects of identity providers are user ids."""
    assert is_user_id(user)


async def test_a_development_server_takes_signed_tokens_too(signer: Signer) -> None:
    """[P2.5] With ``--dev`` a signed token is good as well, and its caller is a developer."""
    token = signer.sign("ann", org_id="acme", ttl_s=60)
    identity = await LocalAuthenticator(signer, is_dev=True).authenticate(token, PEER)
    assert caller_of(identity).is_dev
    assert caller_of(identity).org_id == "acme"


@pytest.mark.parametrize("ttl_s", [0, -1, TOKEN_TTL_MAX_S + 1])
def test_no_token_lives_for_ever(signer: Signer, ttl_s: int) -> None:
    """[P2.2] A token lives 1 second to 366 days."""
    with pytest.raises(ValueError, match="seconds"):
        signer.sign("ann", ttl_s=ttl_s)


async def test_the_key_survives_a_restart(tmp_path: Path, clock: Clock) -> None:
    """[P2.7] The key is made on first use, private to its owner, and found again."""
    first = open_authenticator(tmp_path, dev=False, clock_ms=clock)
    token = first.signer.sign("ann", ttl_s=60)
    again = open_authenticator(tmp_path, dev=False, clock_ms=clock)
    assert (await again.authenticate(token, PEER)).user_id == "ann"
    assert os.listdir(tmp_path) == [KEY_FILE_NAME]
    assert stat.S_IMODE((tmp_path / KEY_FILE_NAME).stat().st_mode) == 0o600


async def test_many_first_users_agree_on_one_key(tmp_path: Path) -> None:
    """[P2.7] However many make the key at once, one key is made, whole."""
    kids: set[str] = set()

    async def open_key() -> None:
        kids.add((await trio.to_thread.run_sync(OwnKey.open, tmp_path)).kid)

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(open_key)
    assert len(kids) == 1
    assert len(os.listdir(tmp_path)) == 1


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    """[P2.8] A key file that others may read is refused, with the remedy."""
    OwnKey.open(tmp_path)
    (tmp_path / KEY_FILE_NAME).chmod(0o640)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        OwnKey.open(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'"k"',
        b'{"kty":"oct"}',
        b'{"kty":"oct","k":5,"kid":"a"}',
        b'{"kty":"oct","k":"AAAA","kid":"a"}',
        b'{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}',
        b'{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"a"}',
    ],
)
def test_a_damaged_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    """[P2.8] A damaged key file is refused with a remedy, and never overwritten."""
    path = tmp_path / KEY_FILE_NAME
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match="no signing key"):
        OwnKey.open(tmp_path)
    assert path.read_bytes() == content


def test_no_secret_shows_in_a_repr(signer: Signer) -> None:
    """[P2.4] Printing a key or an authenticator shows the key's id only."""
    secret = signer.key.jwk.as_dict()["k"]
    assert isinstance(secret, str)
    assert secret not in repr(LocalAuthenticator(signer, is_dev=False))
    assert isinstance(caller_of(Identity("ann")).is_dev, bool)
