"""What an issuer tells reaches those who are connected, and those who come later."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from collab.audit import AuditFilter
from collab.errors import RateLimited
from collab.kind import Caller
from collab.limits import DELIVERY_WINDOW_MS
from collab.requests import Receive
from collab.standing import Change, Delivery, Standings
from collab.standing import kind as standing_kind
from collab.standing.kind import Hear, TellAll
from protocol.errors import CLOSE_UNAUTHENTICATED, WireError
from protocol.gateway import Peer
from protocol.messages import Call, Ended, Error, Events, Reply, Snapshot, Subscribe
from tests.collab.standing.deliveries import NOW_MS, workos, workos_event, workos_membership
from tests.collab.standing.issued import House, a_house, token
from tests.protocol.fakes import FakeClient

BOSS = "workos:user_1"
MEETING = "meeting:m"


async def _scheduled(house: House) -> FakeClient:
    """Return the owner of a meeting of the organisation."""
    owner = await house.client(token("workos:own", role="member"))
    schedule = Call(ref=1, target=MEETING, op="meeting.schedule", args={"title": "t"})
    owner.send(schedule)
    assert isinstance(await owner.receive(), Reply)
    return owner


async def test_a_demotion_ends_the_streams_that_only_the_role_allowed(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[P6.1] In the very turn in which it counts; what is allowed still goes on."""
    async with a_house() as house:
        owner = await _scheduled(house)
        boss = await house.client(token(BOSS))
        boss.send(Call(ref=7, target="chat:own", op="chat.create", args={"title": "mine"}))
        await boss.receive()
        for ref, target in ((1, MEETING), (2, "chat:own")):
            boss.send(Subscribe(ref=ref, target=target, topics=("state",)))
            assert isinstance(await boss.receive(), Snapshot)
        started = trio.current_time()
        await house.tell(workos(workos_membership()))
        ended = await boss.receive()
        assert isinstance(ended, Ended)
        assert trio.current_time() - started < 0.25
        change = {"title": "after"}
        owner.send(Call(ref=2, target=MEETING, op="meeting.update", args=change))
        await owner.receive()
        boss.send(Call(ref=3, target=MEETING, op="meeting.get", args={}))
        boss.send(Call(ref=4, target="chat:own", op="chat.rename", args={"title": "still mine"}))
        got = [await boss.receive() for _ in range(3)]
        (refusal,) = [one for one in got if isinstance(one, Error)]
        assert refusal.code == "permission_denied"
        (event,) = [one for one in got if isinstance(one, Events)]
        assert event.target == "chat:own"


async def test_a_removal_ends_the_connections_of_the_user_and_of_nobody_else(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[P6.2] Idle ones too, within 250 ms; the token that opened them opens none any more."""
    async with a_house() as house:
        ben = await house.client(token("workos:ben"))
        reading, idle = [await house.client(token(BOSS)) for _ in range(2)]
        reading.send(Call(ref=1, target="chat:c", op="chat.create", args={}))
        await reading.receive()
        reading.send(Subscribe(ref=2, target="chat:c", topics=("state",)))
        await reading.receive()
        started = trio.current_time()
        await house.tell(workos(workos_event("user.deleted", {"id": "user_1"})))
        for client in (reading, idle):
            assert client.socket.closed_with is not None
            assert client.socket.closed_with[0] == CLOSE_UNAUTHENTICATED
        assert trio.current_time() - started < 0.25
        ben.send(Call(ref=5, target="chat:ben", op="chat.create", args={}))
        assert isinstance(await ben.receive(), Reply)
        with pytest.raises(WireError, match="unauthenticated"):
            await house.app.gateway.authenticate(token(BOSS), Peer("x"))
        later = token(BOSS, issued_ms=NOW_MS + 1)
        await house.app.gateway.authenticate(later, Peer("x"))


async def test_who_leaves_an_organisation_keeps_what_is_their_own(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[P6.3] Nothing of the organisation counts; the connection, and their own chats, stay."""
    async with a_house() as house:
        await _scheduled(house)
        boss = await house.client(token(BOSS))
        boss.send(Call(ref=1, target=MEETING, op="meeting.get", args={}))
        assert isinstance(await boss.receive(), Reply)
        await house.tell(workos(workos_membership(event="deleted")))
        boss.send(Call(ref=2, target=MEETING, op="meeting.get", args={}))
        assert isinstance(await boss.receive(), Error)
        boss.send(Call(ref=3, target="chat:own", op="chat.create", args={}))
        assert isinstance(await boss.receive(), Reply)


async def test_what_was_told_counts_after_a_restart(tmp_path: Path) -> None:
    """[P6.4] The ledger too: what was heard before is heard before."""
    post = workos(workos_event("user.deleted", {"id": "user_1"}))
    async with a_house(tmp_path) as house:
        await house.tell(post)
    async with a_house(tmp_path) as house:
        with pytest.raises(WireError, match="unauthenticated"):
            await house.app.gateway.authenticate(token(BOSS), Peer("x"))
        assert await house.is_heard_before(post)


async def test_a_delivery_counts_once_and_an_old_one_undoes_nothing() -> None:
    """[P6.5] The same one again, the same event sent later, and an older one that comes late."""
    async with a_house() as house:
        promoted = workos_membership(role="admin", at_ms=NOW_MS - 9_000, event_id="event_a")
        demoted = workos(workos_membership(at_ms=NOW_MS - 5_000, event_id="event_b"))
        await house.tell(demoted)
        assert await house.is_heard_before(demoted)
        await house.tell(workos(promoted))
        house.clock[0] = NOW_MS + 2 * DELIVERY_WINDOW_MS
        await house.tell(workos(promoted, sent_ms=house.clock[0]))
        assert await house.is_heard_before(workos(promoted, sent_ms=house.clock[0] + 1))
        await _scheduled(house)
        boss = await house.client(token(BOSS))
        boss.send(Call(ref=1, target=MEETING, op="meeting.get", args={}))
        assert isinstance(await boss.receive(), Error)


async def test_a_token_from_after_the_change_knows_better() -> None:
    """[P6.6] What was told counts against older tokens only."""
    async with a_house() as house:
        await _scheduled(house)
        await house.tell(workos(workos_membership()))
        for told, kind in ((token(BOSS), Error), (token(BOSS, issued_ms=NOW_MS + 5), Reply)):
            boss = await house.client(told)
            boss.send(Call(ref=1, target=MEETING, op="meeting.get", args={}))
            assert isinstance(await boss.receive(), kind)


async def test_what_an_issuer_changes_is_in_the_audit_log() -> None:
    """[P6.7] Who told it, of whom, which role; in the transaction in which it counts."""
    async with a_house() as house:
        await house.tell(workos(workos_membership()))
        (record,) = await house.app.store.audit_page(AuditFilter(action="standing.change"))
        entry = record.entry
        assert (entry.user_id, entry.target) == ("issuer:workos", f"user:{BOSS}")
        assert (entry.org_id, entry.seq) == ("workos:org_1", 1)
        assert '"role":"member"' in entry.detail


async def test_the_ledger_is_bounded_and_forgets_only_what_time_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[P6.8] Full, it takes nothing more; when windows have passed it is empty again."""
    monkeypatch.setattr(standing_kind, "DELIVERIES_MAX", 50)
    async with a_house() as house:
        ref = house.app.system.ref("standing", "workos")
        change = Change(user_id=BOSS, at_ms=1, org_id="workos:o", role="member")
        for number in range(50):
            heard = Hear(delivery=f"d{number}", until_ms=NOW_MS + 9, changes=[change])
            await ref.ask(Receive("webhook", heard), timeout_s=5)
        delivery = Delivery(id="more", until_ms=NOW_MS + 9, changes=[change])
        with pytest.raises(RateLimited):
            await house.app.standing.take("workos", delivery)
        house.clock[0] += 10
        await house.app.standing.take("workos", delivery)


async def test_nobody_reaches_it_over_the_wire() -> None:
    """[P6.9] It has no operation, and its messages are none."""
    async with a_house() as house:
        boss = await house.client(token(BOSS))
        for number, op in enumerate((Hear.TAG, TellAll.TAG, "standing.heard")):
            boss.send(Call(ref=number, target="standing:workos", op=op, args={}))
            refusal = await boss.receive()
            assert isinstance(refusal, Error)
            assert refusal.code == "unknown_op"
        boss.send(Subscribe(ref=9, target="standing:workos", topics=("state",)))
        assert isinstance(await boss.receive(), Error)


def test_a_person_without_an_organisation_is_left_alone() -> None:
    """[P6.3] A role somewhere else is none here."""
    standings = Standings()
    standings.apply([Change(user_id="a", at_ms=5, org_id="o", role="admin")])
    plain, other = Caller("a"), Caller("a", org_id="p", org_role="member")
    assert standings.corrected(plain, {}) is plain
    assert standings.corrected(other, {}) is other
    assert standings.corrected(Caller("a", org_id="o"), {}).org_role == "admin"
    assert not standings.is_void("a", {})
