"""From a sign-in to the account: through the gateway, with an issuer that says what it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import define, field
from trio.testing import wait_all_tasks_blocked

from collab.app import App, AppSettings, open_app
from collab.identity.claims import EMAIL, IS_DEV, ISSUED_AT, ISSUER, NAME, ORG_ID, ORG_ROLE, SCOPES
from collab.kind import Outcome
from collab.user import USER
from collab.user.profile.commands import GetProfile, SignedIn
from protocol.gateway import Identity, Peer


@define
class Issuer:
    """Knows everybody by name; a token is the user's id."""

    claims: dict[str, Mapping[str, Any]] = field(factory=dict)

    async def authenticate(self, token: str, peer: Peer) -> Identity:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return Identity(token, claims=self.claims[token])


@asynccontextmanager
async def opened(issuer: Issuer) -> AsyncIterator[App]:
    async with open_app(None, AppSettings(identity=issuer)) as app:
        yield app


async def account_of(app: App, user_id: str) -> Any:
    await wait_all_tasks_blocked()
    shown: Any = await app.look(f"user:{user_id}", GetProfile(), user_id=user_id)
    return shown["account"]


async def sign_in(app: App, user_id: str) -> None:
    await app.gateway.authenticate(user_id, Peer(address="127.0.0.1"))


async def test_signing_in_makes_and_updates_the_account() -> None:
    """[U2.4] The first one makes it; what changes at the issuer changes here; retries are free."""
    issuer = Issuer()
    said = {ISSUER: "acme", EMAIL: "a@x.org", NAME: "Ann", ORG_ID: "o", ORG_ROLE: "member"}
    issuer.claims["acme:1"] = {**said, ISSUED_AT: 10_000}
    async with opened(issuer) as app:
        for _ in range(3):
            await sign_in(app, "acme:1")
        account = await account_of(app, "acme:1")
        assert account == {
            "email": "a@x.org",
            "name": "Ann",
            "org_id": "o",
            "org_role": "member",
            "signed_in_ms": 10_000,
            "since_ms": 10_000,
        }
        head = await app.store.head("user:acme:1")
        assert head.last_seq == 1
        issuer.claims["acme:1"] = {**said, EMAIL: "b@x.org", ORG_ROLE: "admin", ISSUED_AT: 20_000}
        await sign_in(app, "acme:1")
        account = await account_of(app, "acme:1")
        assert (account["email"], account["org_role"]) == ("b@x.org", "admin")
        issuer.claims["acme:1"] = {**said, ISSUED_AT: 15_000}  # Another device's older token.
        await sign_in(app, "acme:1")
        assert (await account_of(app, "acme:1"))["email"] == "b@x.org"


async def test_two_people_may_have_the_same_address() -> None:
    """[U2.4] An e-mail address is a field, not an identity: nobody takes over anybody's account."""
    same = {ISSUER: "acme", EMAIL: "a@x.org", ISSUED_AT: 10_000}
    async with opened(Issuer({"acme:1": {**same, NAME: "Ann"}, "acme:2": same})) as app:
        await sign_in(app, "acme:1")
        await sign_in(app, "acme:2")
        assert (await account_of(app, "acme:1"))["name"] == "Ann"
        assert (await account_of(app, "acme:2"))["name"] is None


async def test_who_is_no_person_has_no_account_and_odd_claims_keep_nobody_out() -> None:
    """[U2.4] Guests, services and developers; an address that cannot be one."""
    issuer = Issuer(
        {
            "guest:1": {ORG_ID: "o"},
            "bot": {ORG_ID: "o", SCOPES: ["meeting:*"]},
            "dev": {ORG_ID: "o", IS_DEV: True},
            "plain": {},
            "odd": {ISSUER: "acme", EMAIL: "x" * 400},
            "ann": {ORG_ID: "o"},
        }
    )
    async with opened(issuer) as app:
        for user_id in issuer.claims:
            await sign_in(app, user_id)
        for user_id in issuer.claims:
            account = await account_of(app, user_id)
            assert (account["since_ms"] > 0) == (user_id == "ann")


async def test_what_could_not_be_told_is_told_at_the_next_sign_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[U2.4] A fault of the person's actor keeps nobody out, and loses nothing for good."""
    issuer = Issuer({"acme:1": {ISSUER: "acme", NAME: "Ann", ISSUED_AT: 10_000}})
    async with opened(issuer) as app:
        with monkeypatch.context() as broken:
            broken.setitem(USER.signals, SignedIn, _crash)
            await sign_in(app, "acme:1")
            assert (await account_of(app, "acme:1"))["name"] is None
        await sign_in(app, "acme:1")
        assert (await account_of(app, "acme:1"))["name"] == "Ann"


def _crash(_state: object, _command: object, _context: object) -> Outcome:
    raise RuntimeError("a fault of the rules")
