"""A whole server with a real issuer: from a token to an account, from an address to a refusal."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from collab.app import AppSettings, open_app, system_clock_ms
from collab.config_sources import ConfigError, load_config
from collab.identity.limits import FAILURES_BURST
from collab.listening import listen
from protocol.client import open_client
from protocol.port import PortConfig
from protocol.proxies import Proxies
from tests.collab.http.test_http_notes import ask
from tests.collab.identity.issuer import claims_of, local_issuer, rsa_key, sign
from tests.integration.served import Served, served


def now_s() -> int:
    return system_clock_ms() // 1000


async def test_the_first_sign_in_makes_the_user_and_later_ones_change_it() -> None:
    """[I3.5] A new user of the issuer comes in over the wire and has an account at once; a later
    token changes e-mail and role; somebody else with the same e-mail is somebody else."""
    async with local_issuer(rsa_key("a")) as issuer:
        setting = issuer.setting("claim.org=org claim.role=role")
        async with served(None, AppSettings(issuers=[setting])) as server:
            account: Any = None
            for n, (subject, email, role) in enumerate(
                [
                    ("u1", "ann@example.org", "member"),
                    ("u1", "ann@new.example.org", "admin"),
                    ("u2", "ann@new.example.org", "member"),
                ]
            ):
                claims = claims_of(
                    subject,
                    iss=issuer.url,
                    email=email,
                    org="acme",
                    role=role,
                    iat=now_s() + n,
                    exp=now_s() + 300,
                )
                token = sign(rsa_key("a"), claims)
                async with open_client(server.url, token=token) as client:
                    user = f"user:id:{subject}"
                    account = (await client.call(user, "profile.get", {}))["account"]
                    assert (account["email"], account["org_role"]) == (email, role)
                    assert account["org_id"] == "id:acme"
            assert issuer.asked == 1


async def test_guessing_is_slowed_by_real_address() -> None:
    """[I7.5] Behind a known proxy each client has its own count; nobody is slowed for another."""
    config = PortConfig(proxies=Proxies.parse(["127.0.0.1"]))
    async with open_app(None, AppSettings(dev=True)) as app, listen(app, config) as listening:
        server = Served(app, listening.wire, listening.port)

        async def status(bearer: str, address: str) -> int:
            headers = {"authorization": f"Bearer {bearer}", "x-forwarded-for": address}
            path = "/v1/tickets"
            return (await ask(server, path, method="POST", user=None, headers=headers)).status

        for n in range(FAILURES_BURST):
            # What the client puts in front of its own address changes nothing.
            assert await status(f"guess{n}", f"198.51.100.{n}, 203.0.113.7") == 401
        assert await status("guess", "203.0.113.7") == 429
        assert await status("dev:ann", "203.0.113.8") == 201


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("COLLAB_ISSUERS", "workos", "issuers: workos: client= is missing"),
        ("COLLAB_ISSUERS", "oidc issuer=http://x audience=y", "https"),
        ("COLLAB_TRUSTED_PROXIES", "proxy.example", "trusted_proxies: "),
    ],
)
def test_settings_of_sign_in_are_checked_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    """[I1.8] A wrong issuer or proxy is one line that names the setting."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=said):
        load_config({})
    monkeypatch.setenv("COLLAB_ISSUERS", "workos client=c1,clerk domain=x.example")
    monkeypatch.setenv("COLLAB_TRUSTED_PROXIES", "10.0.0.0/8,::1")
    assert load_config({}).config.issuers == ("workos client=c1", "clerk domain=x.example")


async def test_a_server_starts_while_its_issuer_is_down() -> None:
    """[I2.6] Starting waits for no issuer; who needs it is told to come again."""
    async with local_issuer(rsa_key("a")) as issuer:
        setting = issuer.setting()
    with trio.fail_after(5):
        async with served(None, AppSettings(issuers=[setting], dev=True)) as server:
            async with server.client("ann") as client:
                await client.call("user:ann", "user.list", {})
            claims = claims_of(iss=issuer.url, iat=now_s(), exp=now_s() + 300)
            bearer = {"authorization": f"Bearer {sign(rsa_key('a'), claims)}"}
            answer = await ask(server, "/v1/tickets", method="POST", user=None, headers=bearer)
            assert (answer.status, answer.code) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
