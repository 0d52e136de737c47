"""Keys from a real issuer on loopback, in all its moods."""

from __future__ import annotations

import pytest
import trio

from collab.identity import parse_issuers
from collab.identity.fetching import KeySource
from collab.identity.key_set import KeysUnusable
from tests.collab.identity.issuer import Mood, ec_key, local_issuer, rsa_key


async def test_keys_are_found_by_discovery_or_where_the_settings_say() -> None:
    """[I2.1] With ``jwks=`` the keys come from there, without it discovery says where."""
    async with local_issuer(rsa_key("a"), ec_key("b")) as issuer:
        for more in ("", f"jwks={issuer.url}/jwks"):
            keys = await KeySource(issuer.setting(more)).fetch()
            assert {kid: set(key.algorithms) for kid, key in keys.items()} == {
                "a": {"RS256"},
                "b": {"ES256"},
            }


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ("html", "not JSON"),
        ("status 500", "status 500"),
        ("redirect", "status 307"),
        ("huge", "larger than"),
        ("no keys", "no key of use"),
        ("weak", "no key of use"),
        ("list", "no JSON object"),
    ],
)
async def test_an_issuer_that_answers_nonsense_is_an_error(mood: Mood, said: str) -> None:
    """[I2.2] HTML, a status other than 200, a redirect, too much, no keys: a reason, no keys."""
    async with local_issuer(rsa_key("a")) as issuer:
        issuer.mood = mood
        with pytest.raises(KeysUnusable, match=said):
            await KeySource(issuer.setting()).fetch()
        assert issuer.asked == 1


async def test_an_issuer_that_is_slow_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """[I2.2] An answer that does not come is given up after ``KEYS_FETCH_TIMEOUT_S``."""
    monkeypatch.setattr("collab.identity.fetching.KEYS_FETCH_TIMEOUT_S", 0.2)
    async with local_issuer(rsa_key("a")) as issuer:
        issuer.mood = "slow"
        with pytest.raises(KeysUnusable, match="no answer within"):
            await KeySource(issuer.setting()).fetch()


async def test_an_issuer_that_is_down_is_an_error() -> None:
    """[I2.2] Nobody at the address, or no such name: a reason, no keys."""
    async with local_issuer(rsa_key("a")) as issuer:
        setting = issuer.setting()
    with pytest.raises(KeysUnusable, match="ConnectError"):
        await KeySource(setting).fetch()

    async def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(KeysUnusable, match="OSError"):
        await KeySource(setting, resolve=nowhere).fetch()


@pytest.mark.parametrize(
    ("jwks_uri", "said"),
    [
        ("http://metadata.example/jwks", "not https"),
        ("ftp://id.example/jwks", "not https"),
        ("https://inside.example/jwks", "private address"),
        ("https://[::1]/jwks", "private address"),
        ("https://169.254.169.254/latest", "private address"),
    ],
)
async def test_discovery_does_not_lead_inside(jwks_uri: str, said: str) -> None:
    """[I2.3] What discovery names must be https and lead to public addresses only."""

    async def resolve(host: str, _port: int) -> list[str]:
        known = {"127.0.0.1": ["127.0.0.1"], "inside.example": ["93.184.216.34", "10.0.0.7"]}
        return known.get(host, [host])

    async with local_issuer(rsa_key("a")) as issuer:
        issuer.jwks_uri = jwks_uri
        with pytest.raises(KeysUnusable, match=said):
            await KeySource(issuer.setting(), resolve=resolve).fetch()


@pytest.mark.parametrize(
    ("named", "jwks_uri", "said"),
    [
        ([], None, "another issuer's"),
        ({"a": 1}, None, "another issuer's"),
        (None, 7, "names no jwks_uri"),
        (None, "https://a.example:99999/", "ValueError|InvalidURL"),
        (None, "https://a.example:port/", "ValueError|InvalidURL"),
        (None, "https://[bad/", "ValueError|InvalidURL"),
        (None, "https://[::1%en\ud800]/".encode("utf-8", "replace").decode(), "Error|InvalidURL"),
        (None, "https://a\u0000b/", "ValueError|InvalidURL"),
        (None, "https://", "Error|InvalidURL|no address"),
    ],
)
async def test_discovery_that_makes_no_sense_is_an_error(
    named: object, jwks_uri: object, said: str
) -> None:
    """[I2.10] Members of another type, addresses that are none: a reason, and no keys."""

    async def resolve(host: str, _port: int) -> list[str]:
        return [host] if host == "127.0.0.1" else []

    async with local_issuer(rsa_key("a")) as issuer:
        issuer.named, issuer.jwks_uri = named, jwks_uri
        with pytest.raises(KeysUnusable, match=said):
            await KeySource(issuer.setting(), resolve=resolve).fetch()


async def test_discovery_of_somebody_else_is_refused() -> None:
    """[I2.3] A discovery document must name the issuer whose it is."""
    async with local_issuer(rsa_key("a")) as issuer:
        setting = parse_issuers(
            [f"oidc issuer=http://localhost:{issuer.url.rpartition(':')[2]} audience=x"]
        )[0]
        with pytest.raises(KeysUnusable, match="another issuer's"):
            await KeySource(setting).fetch()


async def test_a_fetch_that_is_cancelled_leaves_nothing_behind() -> None:
    """[I2.2] A cancelled fetch closes its connection."""
    async with local_issuer(rsa_key("a")) as issuer:
        issuer.mood = "slow"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(KeySource(issuer.setting()).fetch)
            await issuer.was_asked.wait()
            nursery.cancel_scope.cancel()
