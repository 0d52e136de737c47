"""When keys are fetched, how often, and who waits: in virtual time, with an issuer by hand."""

# ruff: noqa: ARG001 -- virtual time is asked for by naming its fixture

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

from collab.identity.key_keeper import KeyKeeper, KeysUnavailable, KeyUnknown
from collab.identity.key_set import KeysUnusable, VerifyKey
from collab.identity.limits import (
    KEYS_FRESH_S,
    KEYS_RETRY_MAX_S,
    KEYS_STALE_MAX_S,
    UNKNOWN_KID_FETCH_S,
    UNKNOWN_KID_S,
    UNKNOWN_KIDS_MAX,
)
from tests.collab.identity.issuer import ec_key


@define
class ByHand:
    """An issuer that takes ``takes_s`` to answer, and may be down."""

    kids: set[str] = field(factory=lambda: {"a"})
    is_down: bool = False
    takes_s: float = 0.1
    fault: Exception | None = None

    async def fetch(self) -> Mapping[str, VerifyKey]:
        answered = set(self.kids)  # When it is asked; the answer is under way for a while.
        await trio.sleep(self.takes_s)
        if self.is_down:
            raise KeysUnusable("down")
        if self.fault is not None:
            raise self.fault
        return {kid: VerifyKey(ec_key("x"), frozenset({"ES256"})) for kid in answered}


@pytest.fixture
def issuer() -> ByHand:
    return ByHand()


@pytest.fixture
def keeper(issuer: ByHand, nursery: trio.Nursery) -> KeyKeeper:
    return KeyKeeper("id", issuer.fetch, nursery)


async def elapsed_s(keeper: KeyKeeper, kid: str) -> float:
    began_s = trio.current_time()
    await keeper.find(kid)
    return trio.current_time() - began_s


async def refused_for_s(keeper: KeyKeeper, kid: str) -> float:
    with pytest.raises(KeysUnavailable) as caught:
        await keeper.find(kid)
    return caught.value.retry_after_s


async def test_many_who_come_at_once_make_one_fetch(
    autojump_clock: MockClock, keeper: KeyKeeper
) -> None:
    """[I2.4] However many wait for keys, they are fetched once; who gives up stops nobody."""
    found = []

    async def find() -> None:
        found.append(await keeper.find("a"))

    async def give_up() -> None:
        with trio.move_on_after(0.01):
            await keeper.find("a")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_up)
        for _ in range(200):
            nursery.start_soon(find)
    assert len(found) == 200
    assert keeper.fetches == 1


async def test_who_presents_a_known_key_waits_for_nobody(
    autojump_clock: MockClock, keeper: KeyKeeper, issuer: ByHand
) -> None:
    """[I2.5] Stale keys are used at once and fetched meanwhile, also while the issuer is down."""
    await keeper.find("a")
    await trio.sleep(KEYS_FRESH_S + 1)
    assert await elapsed_s(keeper, "a") == 0
    await trio.sleep(1)
    assert keeper.fetches == 2
    issuer.is_down = True
    await trio.sleep(KEYS_FRESH_S + 1)
    for _ in range(50):
        assert await elapsed_s(keeper, "a") == 0
        await trio.sleep(10)
    assert 3 < keeper.fetches < 20  # It is asked again, further and further apart.


async def test_stale_keys_end(autojump_clock: MockClock, keeper: KeyKeeper, issuer: ByHand) -> None:
    """[I2.6] After ``KEYS_STALE_MAX_S`` without an answer sign-in is unavailable, with a time."""
    await keeper.find("a")
    issuer.is_down = True
    await trio.sleep(KEYS_STALE_MAX_S - 60)
    await keeper.find("a")
    await trio.sleep(61)
    assert 0 < await refused_for_s(keeper, "a") <= KEYS_RETRY_MAX_S
    issuer.is_down = False
    await trio.sleep(KEYS_RETRY_MAX_S)
    assert await elapsed_s(keeper, "a") > 0


async def test_a_new_key_is_found_by_one_fetch(
    autojump_clock: MockClock, keeper: KeyKeeper, issuer: ByHand
) -> None:
    """[I2.7] After a rotation the first token with the new key causes one fetch."""
    await keeper.find("a")
    issuer.kids = {"a", "b"}
    await trio.sleep(UNKNOWN_KID_FETCH_S)
    await keeper.find("b")
    await keeper.find("a")
    assert keeper.fetches == 2


async def test_a_key_made_while_a_fetch_is_under_way_works_at_once(
    autojump_clock: MockClock, keeper: KeyKeeper, issuer: ByHand
) -> None:
    """[I2.9] An answer from before it does not say no to it: one more fetch does, or yes."""
    await keeper.find("a")
    issuer.takes_s = 3
    await trio.sleep(KEYS_FRESH_S + 1)
    await keeper.find("a")  # Begins a fetch, and waits for nobody.
    await trio.sleep(1)
    issuer.kids = {"a", "b"}
    found = []

    async def find() -> None:
        found.append(await keeper.find("b"))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(find)
    assert len(found) == 20
    assert keeper.fetches == 3
    with pytest.raises(KeysUnavailable):  # "Not now": it was looked for just before.
        await keeper.find("z")


async def test_a_fault_while_keys_are_fetched_ends_nothing(
    autojump_clock: MockClock,
    keeper: KeyKeeper,
    issuer: ByHand,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[I2.10] Whatever a fetch raises is a failed fetch, logged by its class, tried again."""
    issuer.fault = TypeError("https://quoted.example")
    assert await refused_for_s(keeper, "a") > 0
    assert "TypeError" in caplog.text
    assert "quoted" not in caplog.text
    issuer.fault = None
    await trio.sleep(KEYS_RETRY_MAX_S)
    await keeper.find("a")


async def test_a_key_that_was_withdrawn_is_refused(
    autojump_clock: MockClock, keeper: KeyKeeper, issuer: ByHand
) -> None:
    """[I2.7] What a fetch does not bring any more is not used any more."""
    await keeper.find("a")
    issuer.kids = {"b"}
    await trio.sleep(UNKNOWN_KID_FETCH_S)
    await keeper.find("b")
    await trio.sleep(UNKNOWN_KID_FETCH_S)
    with pytest.raises(KeyUnknown):
        await keeper.find("a")


async def test_an_unknown_key_is_looked_for_once(
    autojump_clock: MockClock, keeper: KeyKeeper, issuer: ByHand
) -> None:
    """[I2.8] A key id looked for in vain is refused for a minute, then looked for again."""
    with pytest.raises(KeyUnknown):
        await keeper.find("z")
    assert keeper.fetches == 1
    for _ in range(100):
        with pytest.raises(KeyUnknown):
            await keeper.find("z")
    assert keeper.fetches == 1
    await trio.sleep(UNKNOWN_KID_S + 1)
    issuer.kids = {"a", "z"}
    await keeper.find("z")
    assert keeper.fetches == 2


async def test_invented_keys_do_not_make_us_hammer_the_issuer(
    autojump_clock: MockClock, keeper: KeyKeeper
) -> None:
    """[I2.8] Different unknown ids cause a fetch each ``UNKNOWN_KID_FETCH_S`` at most."""
    await keeper.find("a")
    began_s = trio.current_time()
    refusals = 0
    for n in range(UNKNOWN_KIDS_MAX * 2):
        try:
            await keeper.find(f"z{n}")
        except (KeyUnknown, KeysUnavailable):
            refusals += 1
        await trio.sleep(0.01)
    assert refusals == UNKNOWN_KIDS_MAX * 2
    assert keeper.fetches <= 2 + (trio.current_time() - began_s) / UNKNOWN_KID_FETCH_S
    assert await elapsed_s(keeper, "a") == 0


async def test_an_issuer_that_is_down_is_asked_less_and_less(
    autojump_clock: MockClock, keeper: KeyKeeper, issuer: ByHand
) -> None:
    """[I2.6] Without keys the answer is "not now", and attempts are further and further apart."""
    issuer.is_down = True
    assert await refused_for_s(keeper, "a") > 0
    for _ in range(600):
        await refused_for_s(keeper, "a")
        await trio.sleep(1)
    assert keeper.fetches < 20
    issuer.is_down = False
    await trio.sleep(KEYS_RETRY_MAX_S)
    await keeper.find("a")
