"""Issuers as settings describe them, and tokens as the well-known ones make them."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from collab.identity import caller_of, is_user_id, parse_issuers
from collab.identity.claims import user_id_of
from collab.names import is_key
from tests.collab.identity.issuer import claims_of, ec_key, ed_key, rsa_key, sign
from tests.collab.identity.test_issuer_tokens import accepted, doorkeeper, refused

CLERK = "clerk domain=clerk.example.org party=https://app.example.org"
AUTH0 = "auth0 domain=acme.eu.auth0.com audience=https://api.acme.org claim.role=https://acme/roles"
ACME = "https://acme.eu.auth0.com/"


@pytest.mark.parametrize(
    ("setting", "key", "claims", "user_id", "org", "permissions"),
    [
        (
            "workos client=client_01H",
            rsa_key("r"),
            {
                "iss": "https://api.workos.com/user_management/client_01H",
                "aud": None,
                "sub": "user_01HB",
                "sid": "session_1",
                "org_id": "org_1",
                "role": "admin",
                "permissions": ["posts:read"],
            },
            "workos:user_01HB",
            ("workos:org_1", "admin"),
            {"posts:read"},
        ),
        (
            CLERK,
            rsa_key("r"),
            {
                "iss": "https://clerk.example.org",
                "aud": None,
                "azp": "https://app.example.org",
                "sub": "user_2ab",
                "org_id": "org_2",
                "org_role": "org:admin",
                "org_permissions": ["org:a:read"],
            },
            "clerk:user_2ab",
            ("clerk:org_2", "admin"),
            {"org:a:read"},
        ),
        (
            CLERK,
            rsa_key("r"),
            {
                "iss": "https://clerk.example.org",
                "aud": None,
                "sub": "user_2ab",
                "v": 2,
                "sts": "active",
                "fea": "o:dashboard,o:teams",
                "o": {"id": "org_2", "rol": "member", "per": "manage,read", "fpm": "3,2"},
            },
            "clerk:user_2ab",
            ("clerk:org_2", "member"),
            {"org:dashboard:manage", "org:dashboard:read", "org:teams:read"},
        ),
        (
            AUTH0,
            rsa_key("r"),
            {
                "iss": ACME,
                "aud": ["https://api.acme.org", "https://acme.eu.auth0.com/userinfo"],
                "sub": "google-oauth2|103",
                "org_id": "org_3",
                "permissions": ["read:notes"],
                "https://acme/roles": ["reader", "admin"],
            },
            "auth0:google-oauth2|103",
            ("auth0:org_3", "admin"),
            {"read:notes"},
        ),
        (
            "betterauth url=http://localhost:3000/",
            ed_key("o"),
            {
                "iss": "http://localhost:3000",
                "aud": "http://localhost:3000",
                "sub": "Zx81",
                "role": "admin",
                "activeOrganizationId": "acme",
            },
            "betterauth:Zx81",
            ("betterauth:acme", None),
            set(),
        ),
        (
            "oidc issuer=https://id.example audience=collab name=kc "
            "claim.org=org.id claim.role=org.r alg=ES256",
            ec_key("e"),
            {"sub": "7", "org": {"id": "x", "r": "member"}},
            "kc:7",
            ("kc:x", "member"),
            set(),
        ),
    ],
    ids=["workos", "clerk v1", "clerk v2", "auth0", "betterauth", "oidc"],
)
async def test_tokens_of_well_known_issuers_are_understood(
    setting: str,
    key: Any,
    claims: dict[str, Any],
    user_id: str,
    org: tuple[str, str | None],
    permissions: set[str],
    nursery: trio.Nursery,
) -> None:
    """[I1.6] Each preset says where user, organisation, role and permissions stand."""
    door, _ = doorkeeper(nursery, setting)
    caller = caller_of(await accepted(door, sign(key, claims_of(**claims))))
    assert caller.user_id == user_id
    assert (caller.org_id, caller.org_role) == org
    assert caller.permissions == permissions


@pytest.mark.parametrize(
    ("setting", "claims"),
    [
        ("workos client=c1", {"iss": "https://api.workos.com", "aud": "another"}),
        ("workos client=c1", {"iss": "https://api.workos.com/user_management/c2", "aud": None}),
        (CLERK, {"iss": "https://clerk.example.org", "aud": "convex"}),
        (CLERK, {"iss": "https://clerk.example.org", "aud": None, "azp": "https://evil.example"}),
        (CLERK, {"iss": "https://clerk.example.org", "aud": None, "sts": "pending"}),
        (AUTH0, {"iss": ACME, "aud": None}),
        (AUTH0, {"iss": ACME, "aud": "https://acme.eu.auth0.com/userinfo"}),
        (AUTH0, {"iss": ACME.rstrip("/"), "aud": "https://api.acme.org"}),
    ],
)
async def test_tokens_that_are_meant_for_others_are_refused(
    setting: str, claims: dict[str, Any], nursery: trio.Nursery
) -> None:
    """[I1.7] Another audience, another party, an unfinished sign-in: refused, also where the
    preset does without an audience."""
    door, _ = doorkeeper(nursery, setting)
    await refused(door, sign(rsa_key("r"), claims_of(**claims)))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("", "must begin with one of"),
        ("okta domain=x", "must begin with one of"),
        ("workos", "client= is missing"),
        ("workos client=../x", "does not look like one"),
        ("workos client=c domain=x", "says nothing here"),
        ("clerk domain=https://x", "does not look like one"),
        ("auth0 domain=x.auth0.com", "audience= is missing"),
        ("oidc issuer=https://x", "audience= is missing"),
        ("oidc audience=x", "issuer= is missing"),
        ("oidc issuer=http://id.example audience=x", "https"),
        ("oidc issuer=https://a@b audience=x", "https"),
        ("oidc issuer=https://x audience=x jwks=http://x/jwks", "https"),
        ("oidc issuer=https://x audience=x alg=HS256", "alg=HS256"),
        ("oidc issuer=https://x audience=x alg=none", "alg=none"),
        ("oidc issuer=https://x audience=x name=guest", "not guest"),
        ("oidc issuer=https://x audience=x name=A:b", "short word"),
        ("oidc issuer=https://x audience=x claim.pet=x", "claim.pet"),
        ("oidc issuer=https://x audience=x secret=5", "secret= is unknown"),
        ("clerk domain=x domain=y", "given twice"),
        ("clerk domain", "not key=value"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting: str, said: str) -> None:
    """[I1.8] What is missing, unknown or unsafe is said; algorithms are public-key ones only."""
    with pytest.raises(ValueError, match=said):
        parse_issuers([setting])


def test_two_issuers_have_two_names() -> None:
    """[I3.2] The name in front of user ids is one issuer's only."""
    with pytest.raises(ValueError, match="two are called workos"):
        parse_issuers(["workos client=a", "workos client=b"])
    assert len(parse_issuers(["workos client=a", "workos client=b name=staff"])) == 2


def test_subjects_are_mapped_one_to_one() -> None:
    """[I3.1] Whatever the subject, its id is a proper one, and no other subject's."""
    subjects = [
        *("a", "A", "a ", "a:b", "a/b", "~", "a~", "~a", "a%20", "x" * 100, "x" * 200, "x" * 201),
        *("auth0|66f", "ann@example.org", "ANN@example.org", "..", '"', "guest:x", "-"),
    ]
    ids = [user_id_of("id", subject) for subject in subjects]
    assert all(is_user_id(one) and is_key(str(one)) for one in ids)
    assert len(set(ids)) == len(subjects)
    folded = str(user_id_of("id", "a:b")).removeprefix("id:")
    assert user_id_of("id", folded) not in ids  # Nobody can be called what a folded one is called.
    for bad in ("", "é", "a\u0301", "\uff41", "a\x00", "a\n", "x" * 256, 5, None):
        assert user_id_of("id", bad) is None
