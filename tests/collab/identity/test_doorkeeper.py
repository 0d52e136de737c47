"""The one door: which kind of token goes where, tickets, services, and the brake on guessing."""

# ruff: noqa: ARG001 -- virtual time is asked for by naming its fixture

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from collab.errors import RateLimited
from collab.identity import LocalAuthenticator, OwnKey, Signer, caller_of, open_doorkeeper
from collab.identity.authenticator import Doorkeeper
from collab.identity.guests import guest_of, sign_guest
from collab.identity.limits import (
    ADDRESSES_MAX,
    FAILURES_BURST,
    FAILURES_PER_S,
    GUEST_TTL_S,
    TICKET_TTL_S,
    TICKETS_MAX,
    TICKETS_OF_GUESTS_MAX,
    TICKETS_PER_GUEST_MAX,
    TICKETS_PER_USER_MAX,
)
from collab.identity.tickets import TicketLedger
from collab.identity.tokens import TokenRefused
from protocol.errors import WireError
from protocol.gateway import Identity, Peer
from tests.collab.identity.issuer import Clock, claims_of, ec_key, local_issuer, rsa_key, sign

PEER = Peer("192.0.2.1:5")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Doorkeeper:
    return Doorkeeper(LocalAuthenticator(Signer(OwnKey.ephemeral(), clock), is_dev=False))


async def code_of(door: Doorkeeper, token: str, peer: Peer = PEER) -> str:
    try:
        await door.authenticate(token, peer)
    except WireError as error:
        has_time = (error.retry_after_ms or 0) > 0
        return error.code if has_time or error.code == "unauthenticated" else "no time given"
    return "ok"


# ---------------------------------------------------------------- issuers, for real


async def test_people_sign_in_through_rotations_and_outages(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[I2.7] With a real issuer: a new key works at once, and an outage stops nobody known."""
    monkeypatch.setattr("collab.identity.key_keeper.UNKNOWN_KID_FETCH_S", 0.0)
    local = LocalAuthenticator(Signer(OwnKey.ephemeral(), clock), is_dev=False)
    async with local_issuer(rsa_key("a")) as issuer, trio.open_nursery() as nursery:
        door = open_doorkeeper(local, [issuer.setting()], nursery)
        old = sign(rsa_key("a"), claims_of(iss=issuer.url))
        new = sign(ec_key("b"), claims_of(iss=issuer.url))
        assert await code_of(door, old) == "ok"
        issuer.keys.append(ec_key("b").as_dict(private=False))
        assert await code_of(door, new) == "ok"
        issuer.mood = "status 500"
        assert [await code_of(door, token) for token in (old, new)] == ["ok", "ok"]
        unknown = sign(rsa_key("c"), claims_of(iss=issuer.url))
        assert await code_of(door, unknown) == "unavailable"
        assert await code_of(door, local.signer.sign("ann", ttl_s=60)) == "ok"
        nursery.cancel_scope.cancel()


async def test_a_slow_issuer_holds_nobody_up_who_needs_it_not(clock: Clock) -> None:
    """[I2.5] While one waits for keys, holders of other tokens come in; all wait for one fetch."""
    local = LocalAuthenticator(Signer(OwnKey.ephemeral(), clock), is_dev=False)
    async with local_issuer(rsa_key("a")) as issuer, trio.open_nursery() as nursery:
        issuer.mood = "slow"
        door = open_doorkeeper(local, [issuer.setting()], nursery)
        token = sign(rsa_key("a"), claims_of(iss=issuer.url))
        outcomes: list[str] = []

        async def sign_in() -> None:
            outcomes.append(await code_of(door, token))

        async with trio.open_nursery() as waiting:
            for _ in range(20):
                waiting.start_soon(sign_in)
            await issuer.was_asked.wait()
            assert await code_of(door, local.signer.sign("ann", ttl_s=60)) == "ok"
            assert not outcomes
            issuer.may_answer.set()
        assert outcomes == ["ok"] * 20
        assert issuer.asked == 1
        nursery.cancel_scope.cancel()


# ---------------------------------------------------------------- services and guests


async def test_a_service_token_carries_its_scopes(door: Doorkeeper) -> None:
    """[I4.1] Scopes come with the identity; a person has none."""
    signer = door.local.signer
    scopes = ["meeting:transcript.append", "meeting:read:transcript", "chat:*"]
    token = signer.sign("bot", scopes=scopes, ttl_s=60)
    assert caller_of(await door.authenticate(token, PEER)).scopes == frozenset(scopes)
    assert caller_of(await door.authenticate(signer.sign("ann", ttl_s=60), PEER)).scopes is None


@pytest.mark.parametrize(
    "scopes",
    [[], ["meeting"], ["*"], ["*:*"], ["meeting:"], ["Meeting:x"], ["a:b c"], ["a:*"] * 65],
)
def test_scopes_name_a_kind_and_an_action(door: Doorkeeper, scopes: list[str]) -> None:
    """[I4.2] No scope is for every kind, and none of them, or too many, are refused."""
    with pytest.raises(ValueError, match="scopes"):
        door.local.signer.sign("bot", scopes=scopes, ttl_s=60)


async def test_a_guest_has_a_random_id_and_nothing_else(door: Doorkeeper) -> None:
    """[I5.1] A guest's token speaks for ``guest:`` and 128 random bits, for 30 days; no role."""
    signer = door.local.signer
    first, second = sign_guest(signer), sign_guest(signer)
    assert first.user_id != second.user_id
    identity = await door.authenticate(first.token, PEER)
    assert identity.user_id == first.user_id
    assert identity.expires_at_ms == first.expires_at_ms == signer.clock_ms() + GUEST_TTL_S * 1000
    caller = caller_of(identity)
    assert (caller.is_guest, caller.org_id, caller.scopes) == (True, None, None)
    assert guest_of(signer, first.token) == first.user_id
    with pytest.raises(TokenRefused):
        guest_of(signer, signer.sign("ann", ttl_s=60))
    with pytest.raises(ValueError, match="guest"):
        signer.sign(first.user_id, org_id="acme", ttl_s=60)


# ---------------------------------------------------------------- tickets


async def test_a_ticket_works_once_and_for_thirty_seconds(
    door: Doorkeeper, autojump_clock: MockClock
) -> None:
    """[I6.1] A ticket speaks for its user with all claims, one time, within 30 s."""
    given = await door.authenticate(door.local.signer.sign("ann", org_id="acme", ttl_s=60), PEER)
    ticket = door.tickets.issue(given)
    assert await door.authenticate(ticket, PEER) == given
    assert await code_of(door, ticket) == "unauthenticated"
    late = door.tickets.issue(given)
    await trio.sleep(TICKET_TTL_S)
    assert await code_of(door, late) == "unauthenticated"
    assert await code_of(door, "ticket_" + "A" * 32) == "unauthenticated"


async def test_many_who_use_one_ticket_at_once_are_one(door: Doorkeeper) -> None:
    """[I6.1] Of any number of connections with one ticket one is let in."""
    ticket = door.tickets.issue(Identity("ann"))
    outcomes: list[str] = []

    async def use() -> None:
        outcomes.append(await code_of(door, ticket))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(use)
    assert sorted(outcomes) == ["ok"] + ["unauthenticated"] * 9


async def test_a_ticket_does_not_outlive_its_token(door: Doorkeeper, clock: Clock) -> None:
    """[I6.2] It ends with the token that it was got with."""
    given = await door.authenticate(door.local.signer.sign("ann", ttl_s=10), PEER)
    ticket = door.tickets.issue(given)
    clock.now_s += 11
    assert await code_of(door, ticket) == "unauthenticated"


async def test_tickets_are_bounded(autojump_clock: MockClock) -> None:
    """[I6.3] One user and all users have so many unused tickets; then later, with a time."""
    ledger = TicketLedger()
    for _ in range(TICKETS_PER_USER_MAX):
        ledger.issue(Identity("ann"))
    with pytest.raises(RateLimited) as caught:
        ledger.issue(Identity("ann"))
    assert 0 < (caught.value.retry_after_ms or 0) <= TICKET_TTL_S * 1000
    for n in range(TICKETS_MAX - 1):  # The last of them take the place of hers, but for one.
        ledger.issue(Identity(f"u{n}"))
    assert len(ledger) == TICKETS_MAX
    with pytest.raises(RateLimited):
        ledger.issue(Identity("bob"))
    autojump_clock.jump(TICKET_TTL_S)
    ledger.issue(Identity("ann"))
    assert len(ledger) == 1


async def test_whoever_holds_most_tickets_gives_way() -> None:
    """[I6.3] To whoever holds two fewer, with their oldest one; nobody uses everybody's up."""
    ledger = TicketLedger()
    first = ledger.issue(Identity("honest"))
    crowd = TICKETS_MAX // TICKETS_PER_USER_MAX
    oldest = ledger.issue(Identity("u0"))
    for n in range(1, TICKETS_MAX - 1):
        ledger.issue(Identity(f"u{n % crowd}"))
    late = ledger.issue(Identity("late"))
    assert len(ledger) == TICKETS_MAX
    assert ledger.redeem(oldest) is None
    for ticket, user in ((first, "honest"), (late, "late")):
        assert ledger.redeem(ticket) == Identity(user)


async def test_guests_have_tickets_of_their_own() -> None:
    """[I6.3] Fewer each, and however many guests there are people get theirs."""
    ledger = TicketLedger()
    for n in range(TICKETS_OF_GUESTS_MAX):
        ledger.issue(Identity(f"guest:{n // TICKETS_PER_GUEST_MAX}"))
    with pytest.raises(RateLimited):
        ledger.issue(Identity("guest:0"))
    ticket = ledger.issue(Identity("guest:new"))
    assert len(ledger) == TICKETS_OF_GUESTS_MAX
    for n in range(TICKETS_MAX):
        ledger.issue(Identity(f"u{n}"))
    assert ledger.redeem(ticket) == Identity("guest:new")


# ---------------------------------------------------------------- brute force


async def test_an_address_that_guesses_is_slowed(
    door: Doorkeeper, autojump_clock: MockClock
) -> None:
    """[I7.1] After ``FAILURES_BURST`` bad tokens an address waits, whatever it brings."""
    for n in range(FAILURES_BURST):
        assert await code_of(door, f"guess{n}") == "unauthenticated"
    good = door.local.signer.sign("ann", ttl_s=60)
    assert await code_of(door, "guess") == "rate_limited"
    assert await code_of(door, good) == "rate_limited"
    assert await code_of(door, "x" * 10_000) == "rate_limited"
    assert await code_of(door, good, Peer("192.0.2.2:5")) == "ok"
    await trio.sleep(1 / FAILURES_PER_S)
    assert await code_of(door, "guess") == "unauthenticated"
    assert await code_of(door, "guess") == "rate_limited"


async def test_tokens_that_were_good_before_are_let_in(door: Doorkeeper, clock: Clock) -> None:
    """[I7.2] Who signed in before comes back, however much is guessed from the same address."""
    good = door.local.signer.sign("ann", ttl_s=60)
    assert await code_of(door, good) == "ok"
    for n in range(FAILURES_BURST + 1):
        await code_of(door, f"guess{n}")
    assert await code_of(door, good) == "ok"
    clock.now_s += 1000  # Known or not, it is judged anew.
    assert await code_of(door, good) == "unauthenticated"


async def test_good_tokens_and_outages_are_not_counted(clock: Clock) -> None:
    """[I7.3] Only bad tokens count: neither good ones nor those that nobody can judge now."""
    local = LocalAuthenticator(Signer(OwnKey.ephemeral(), clock), is_dev=False)
    async with local_issuer(rsa_key("a")) as issuer:
        setting = issuer.setting()
    async with trio.open_nursery() as nursery:
        door = open_doorkeeper(local, [setting], nursery)
        for n in range(FAILURES_BURST * 2):
            token = sign(ec_key("e"), claims_of(f"u{n}", iss=next(iter(setting.issuers))))
            assert await code_of(door, token) == "unavailable"
            assert await code_of(door, local.signer.sign(f"u{n}", ttl_s=60)) == "ok"
        nursery.cancel_scope.cancel()


async def test_tries_at_once_count_as_many(door: Doorkeeper) -> None:
    """[I7.1] Guessing in parallel gains nothing."""
    outcomes: list[str] = []

    async def guess(n: int) -> None:
        outcomes.append(await code_of(door, f"guess{n}"))

    async with trio.open_nursery() as nursery:
        for n in range(FAILURES_BURST * 3):
            nursery.start_soon(guess, n)
    assert outcomes.count("unauthenticated") == FAILURES_BURST


async def test_an_ipv6_site_is_one_address(door: Doorkeeper) -> None:
    """[I7.4] One subscriber's many addresses count as one; the table of them is bounded."""
    for n in range(FAILURES_BURST + 1):
        await code_of(door, f"guess{n}", Peer(f"[2001:db8::{n:x}]:5"))
    assert await code_of(door, "guess", Peer("[2001:db8::ffff]:9")) == "rate_limited"
    assert await code_of(door, "guess", Peer("[2001:db8:1::1]:9")) == "unauthenticated"
    for n in range(ADDRESSES_MAX + 10):
        door._failures.take(f"a{n}")
    assert len(door._failures) == ADDRESSES_MAX
