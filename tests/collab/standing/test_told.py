"""What is kept of an issuer's word: which of two counts, for how long, and what follows it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio.testing

from collab.identity.claims import ISSUED_AT, SESSION
from collab.kind import Caller, Context, Stamp
from collab.limits import (
    STANDING_ORGS_PER_USER_MAX,
    STANDING_PEOPLE_MAX,
    STANDING_REMOVED_MAX,
    STANDING_SESSIONS_PER_USER_MAX,
)
from collab.standing import Change, Standings
from collab.standing.kind import Hear, StandingState, hear, was_heard
from collab.user.profile.commands import GetProfile, SetProfile, StandingTold
from collab.user.profile.rules import hear_standing
from collab.user.profile.shapes import Account
from collab.user.state import UserState
from protocol.errors import CLOSE_UNAUTHENTICATED, WireError
from protocol.gateway import Peer
from tests.collab.standing.deliveries import NOW_MS, workos, workos_event, workos_membership
from tests.collab.standing.issued import House, a_house, token

BOSS = "workos:user_1"
ORG = "workos:org_1"


def told(*changes: Change) -> tuple[StandingState, Standings]:
    """Have *changes* heard, each by itself; return what the actor and what memory has of them."""
    state, standings = StandingState("workos"), Standings()
    for number, change in enumerate(changes):
        context = Context(Caller("webhook"), 1_000, "standing:workos", number, lambda: "id")
        command = Hear(delivery=f"d{number}", until_ms=1_000, changes=[change])
        for event in hear(state, command, context).events:
            was_heard(state, event, Stamp(number + 1, 1_000, "webhook"))
            standings.apply(event.changes)
    return state, standings


def role_of(standings: Standings, user_id: str = BOSS) -> str | None:
    return standings.corrected(Caller(user_id, org_id=ORG, org_role="other"), {}).org_role


def at(ms: int, role: str | None, user_id: str = BOSS, org_id: str = ORG) -> Change:
    return Change(user_id=user_id, at_ms=ms, org_id=org_id, role=role)


# ---------------------------------------------------------------- which counts


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ("admin", None, None),
        (None, "admin", None),
        ("member", None, None),
        ("admin", "member", "member"),
        ("member", "admin", "member"),
        ("member", "guest", "member"),
    ],
)
def test_of_two_changes_at_once_the_stricter_counts(
    first: str | None, second: str | None, counts: str | None
) -> None:
    """[P6.10] In whichever order they come; of two that are as strict, the first."""
    state, standings = told(at(5, first), at(5, second), at(4, "admin"))
    assert role_of(standings) == counts
    assert state.told[BOSS][ORG].role == counts
    assert role_of(told(at(5, first), at(5, second), at(6, "admin"))[1]) == "admin"


# ---------------------------------------------------------------- bounds


def removed(number: int) -> Change:
    return Change(user_id=f"workos:r{number}", at_ms=number)


def moved(number: int) -> Change:
    return at(number, "member", f"workos:m{number}")


def known(changes: Sequence[Change]) -> Standings:
    standings = Standings()
    standings.apply(changes)
    return standings


def test_people_in_memory_are_as_bounded_as_on_disk() -> None:
    """[P6.11] Who changed longest ago goes; who was removed goes last, and not for ever."""
    extra = 20
    moves = [moved(n) for n in range(STANDING_PEOPLE_MAX - 10 + extra)]
    standings = known([*(removed(n) for n in range(10)), *moves])
    assert len(standings) == STANDING_PEOPLE_MAX
    assert all(standings.is_void(f"workos:r{n}", {}) for n in range(10))
    assert role_of(standings, f"workos:m{extra - 1}") == "other"
    assert role_of(standings, f"workos:m{extra}") == "member"
    standings = known([removed(n) for n in range(STANDING_PEOPLE_MAX)])
    standings.apply([at(9, "member")])
    assert role_of(standings) == "member", "the newest always counts"
    standings.apply([moved(1)])
    assert role_of(standings) == "member", "removals take part of the room only"
    assert not standings.is_void("workos:r1", {})
    assert standings.is_void(f"workos:r{STANDING_REMOVED_MAX}", {})


def test_one_issuers_people_push_out_nobody_elses() -> None:
    """[P6.11] Each issuer has the room of its own actor."""
    standings = known([Change(user_id="clerk:u", at_ms=1), *map(moved, range(STANDING_PEOPLE_MAX))])
    assert len(standings) == STANDING_PEOPLE_MAX + 1
    assert standings.is_void("clerk:u", {})


def test_a_removal_is_not_pushed_out_by_what_goes_with_it() -> None:
    """[P6.11] An issuer tells of each membership that ends with the user."""
    orgs = [at(20 + n, None, org_id=f"workos:o{n}") for n in range(STANDING_ORGS_PER_USER_MAX + 5)]
    state, standings = told(Change(user_id=BOSS, at_ms=10), *orgs)
    assert len(state.told[BOSS]) == STANDING_ORGS_PER_USER_MAX + 1
    assert standings.is_void(BOSS, {ISSUED_AT: 10})
    assert standings.corrected(Caller(BOSS, org_id="workos:o5"), {ISSUED_AT: 15}).org_id is None


def test_a_session_that_is_pushed_out_does_not_come_back() -> None:
    """[P6.12] Beyond the bound every token from before the oldest is void."""
    ends = [
        Change(user_id=BOSS, at_ms=100 + n, session_id=f"s{n}")
        for n in range(STANDING_SESSIONS_PER_USER_MAX + 1)
    ]
    state, standings = told(at(1, "member"), *ends)
    assert len(state.told[BOSS]) == 1 + STANDING_SESSIONS_PER_USER_MAX + 1
    assert standings.is_void(BOSS, {ISSUED_AT: 100, SESSION: "s0"})
    assert not standings.is_void(BOSS, {ISSUED_AT: 101, SESSION: "new"})
    assert standings.is_void(BOSS, {ISSUED_AT: 101, SESSION: "s1"})
    assert role_of(standings) == "member"


# ---------------------------------------------------------------- sessions and accounts


async def test_the_end_of_a_session_ends_that_session(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[P6.12] Other sessions go on, one begun in the same second too; who says none is in doubt."""
    async with a_house() as house:
        this = await house.client(token(BOSS, session="s1"))
        other = await house.client(token(BOSS, session="s2"))
        await house.tell(workos(workos_event("session.revoked", {"id": "s1", "user_id": "user_1"})))
        assert this.socket.closed_with is not None
        assert this.socket.closed_with[0] == CLOSE_UNAUTHENTICATED
        assert other.socket.closed_with is None
        whole_second = NOW_MS // 1000 * 1000
        await house.client(token(BOSS, session="s3", issued_ms=whole_second))
        for refused in (
            token(BOSS, session="s1", issued_ms=NOW_MS + 9_000),
            token(BOSS, issued_ms=whole_second),
        ):
            with pytest.raises(WireError, match="unauthenticated"):
                await house.app.gateway.authenticate(refused, Peer("x"))
        await house.app.gateway.authenticate(token(BOSS, issued_ms=NOW_MS + 1), Peer("x"))


async def account_of(house: House) -> tuple[str | None, str | None]:
    await trio.testing.wait_all_tasks_blocked()  # In memory: what waits is under way by itself.
    shown = await house.app.look(f"user:{BOSS}", GetProfile(), user_id=BOSS)
    account = shown["account"]  # type: ignore[index]
    return account["org_id"], account["org_role"]


async def test_an_account_follows_what_the_issuer_tells() -> None:
    """[P6.13] Whoever left is nobody's colleague any more; a token from before changes nothing."""
    async with a_house() as house:
        authenticate = house.app.gateway.authenticate
        await authenticate(token(BOSS), Peer("x"))
        await house.app.do(f"user:{BOSS}", SetProfile(name="Vera"), user_id=BOSS)
        assert await account_of(house) == (ORG, "admin")
        await house.tell(workos(workos_membership(at_ms=NOW_MS - 900, event_id="a")))
        assert await account_of(house) == (ORG, "member")
        left = workos_membership(event="deleted", at_ms=NOW_MS - 800, event_id="b")
        await house.tell(workos(left))
        assert await account_of(house) == (None, None)
        await authenticate(token(BOSS), Peer("x"))
        assert await account_of(house) == (None, None)
        await authenticate(token(BOSS, issued_ms=NOW_MS - 700), Peer("x"))
        assert await account_of(house) == (ORG, "admin"), "a token from after it says so"
        back = workos_membership(event="deleted", at_ms=NOW_MS - 750, event_id="c")
        await house.tell(workos(back))
        assert await account_of(house) == (ORG, "admin"), "the token knows better"
        await house.tell(workos(workos_event("user.deleted", {"id": "user_1"}, event_id="d")))
        assert await account_of(house) == (None, None)


async def test_the_same_sign_in_again_after_a_change_is_told() -> None:
    """[P6.13] What was told of it last is forgotten with the change."""
    async with a_house() as house:
        await house.app.gateway.authenticate(token(BOSS), Peer("x"))
        left = workos_membership(event="deleted", at_ms=NOW_MS - 800)
        await house.tell(workos(left))
        assert await account_of(house) == (None, None)
        await house.app.gateway.authenticate(token(BOSS, issued_ms=NOW_MS), Peer("x"))
        assert await account_of(house) == (ORG, "admin")


def test_what_is_told_of_whoever_is_not_there_makes_no_account() -> None:
    """[P6.13] Nor does a role count in an organisation that the person has not signed in to."""
    state = UserState(BOSS)
    context = Context(Caller("standing:workos"), NOW_MS, f"user:{BOSS}", 0, lambda: "id")
    gone, elsewhere = StandingTold(at_ms=NOW_MS), StandingTold(org_id="o", role="r", at_ms=NOW_MS)
    assert not hear_standing(state, gone, context).events
    state.account = Account(org_id=ORG, org_role="admin", signed_in_ms=NOW_MS)
    assert not hear_standing(state, elsewhere, context).events
    assert not hear_standing(state, StandingTold(at_ms=NOW_MS - 1), context).events
    (event,) = hear_standing(state, gone, context).events
    assert (event.org_id, event.org_role, event.at_ms) == (None, None, NOW_MS)
