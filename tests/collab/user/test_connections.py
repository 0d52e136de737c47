"""Connections as a person uses them, on one side: what may be asked for when, bounds, views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from collab.errors import BadRequest, Conflict, LimitExceeded, PermissionDenied
from collab.user import USER
from collab.user.claiming import BeClaimed
from collab.user.commands import SetDoor
from collab.user.connections.commands import (
    AcceptConnection,
    BlockPerson,
    DeclineConnection,
    LinkTold,
    PageConnections,
    RemoveConnection,
    RequestConnection,
    UnblockPerson,
    WithdrawConnection,
)
from collab.user.profile.commands import SignedIn
from collab.user.state import UserState
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.messages.stage import Stage

ALL = (
    RequestConnection,
    AcceptConnection,
    DeclineConnection,
    WithdrawConnection,
    RemoveConnection,
    BlockPerson,
    UnblockPerson,
)


@pytest.fixture
def ann() -> Stage[UserState]:
    return Stage(USER, "ann")


def asks(who: str, *, attempt: int = 5) -> tuple[LinkTold, str]:
    """Return the signal of somebody who asks to connect."""
    return LinkTold(attempt=attempt, wants=True, heard=0), f"user:{who}"


def stand(stage: Stage[UserState], standing: str, who: str = "bob") -> None:
    """Bring *who* to *standing*."""
    if standing in ("received", "connected"):
        stage.receive(*asks(who))
    if standing == "connected":
        stage.do("ann", AcceptConnection(user_id=who))
    elif standing == "sent":
        stage.do("ann", RequestConnection(user_id=who))
    elif standing == "blocked":
        stage.do("ann", BlockPerson(user_id=who))


AFTER: Final[Mapping[str, tuple[Any, ...]]] = {
    # from:       request       accept        decline     withdraw    remove      block      unblock
    "none": ("sent", Conflict, "none", "none", "none", "blocked", "none"),
    "sent": ("sent", Conflict, Conflict, "none", Conflict, "blocked", "sent"),
    "received": ("connected", "connected", "none", Conflict, Conflict, "blocked", "received"),
    "connected": ("connected", "connected", Conflict, Conflict, "none", "blocked", "connected"),
    "blocked": (Conflict, Conflict, "blocked", "blocked", "blocked", "blocked", "none"),
}


@pytest.mark.parametrize("standing", AFTER)
@pytest.mark.parametrize("n", range(len(ALL)))
def test_what_may_be_done_with_a_connection(standing: str, n: int) -> None:
    """[U2.10] Every command from every standing; what is so already changes nothing."""
    stage: Stage[UserState] = Stage(USER, "ann")
    stand(stage, standing)
    command, expected = ALL[n](user_id="bob"), AFTER[standing][n]
    seq = stage.seq
    if not isinstance(expected, str):
        with pytest.raises(expected):
            stage.do("ann", command)
        assert stage.seq == seq
        return
    answer = stage.do("ann", command)
    assert (answer["user_id"], answer["standing"]) == ("bob", expected)
    assert stage.state.link_to("bob").standing == expected
    assert (stage.seq == seq) == (expected == standing)
    again = stage.seq
    if expected != "connected" or not isinstance(command, RemoveConnection):
        assert stage.do("ann", command) == answer
        assert stage.seq == again
    assert stage.replayed() == stage.state == stage.restored()


@pytest.mark.parametrize("shape", ALL)
def test_bad_connections_do_not_reach_the_rules(shape: type) -> None:
    """[U2.10] A command names somebody, by an id that a user can have, and not oneself."""
    for args in ({}, {"user_id": ""}, {"user_id": "a b"}, {"user_id": 5}):
        with pytest.raises(WireError):
            structure(args, shape, encoding=JSON)
    with pytest.raises(BadRequest):
        Stage(USER, "ann").do("ann", shape(user_id="ann"))


def test_nobody_else_connects_for_me(ann: Stage[UserState]) -> None:
    """[U2.10] Only oneself, whoever asks."""
    stand(ann, "connected", "bob")
    for shape in ALL:
        for who in ("bob", "eve"):
            with pytest.raises(PermissionDenied):
                ann.do(who, shape(user_id="carl"))


def test_the_other_side_is_told_once_for_each_change(ann: Stage[UserState]) -> None:
    """[U2.11] By a signal with the whole register, in one slot; blocking a stranger tells none."""
    ann.do("ann", RequestConnection(user_id="bob"))
    ann.do("ann", WithdrawConnection(user_id="bob"))
    assert [(s.target, s.command.wants, s.slot) for s in ann.signals] == [
        ("user:bob", True, "link"),
        ("user:bob", False, "link"),
    ]
    assert ann.signals[1].command.attempt > ann.signals[0].command.attempt
    ann.signals.clear()
    ann.do("ann", BlockPerson(user_id="eve"))
    ann.do("ann", UnblockPerson(user_id="eve"))
    assert ann.signals == []


def test_registers_come_from_people_only(ann: Stage[UserState]) -> None:
    """[U2.11] A chat, or oneself, tells nothing about connections."""
    for source in ("chat:bob", "user:ann", "bob"):
        with pytest.raises(BadRequest):
            ann.receive(LinkTold(attempt=1, wants=True, heard=0), source)


def test_a_blocked_person_is_not_heard_and_not_answered(ann: Stage[UserState]) -> None:
    """[U2.14] No notice, no change to be seen, no signal; unblocking ends what they asked."""
    stand(ann, "blocked", "bob")
    seen = len(ann.history)
    ann.receive(*asks("bob"))
    assert [type(e).__name__ for _s, e in ann.history[seen:]] == ["LinkMoved"]
    assert ann.signals == []
    assert ann.state.notices == []
    assert ann.snapshot("ann", "connections")["received"]["people"] == []
    ann.do("ann", UnblockPerson(user_id="bob"))
    assert ann.state.link_to("bob").standing == "none"
    (told,) = ann.signals
    assert not told.command.wants


def test_requests_and_connections_are_bounded(
    ann: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U2.15] Beyond the bound asking is refused; of those who ask the first gives way."""
    bounds = {"connected": 1, "sent": 2, "received": 2, "blocked": 1}
    monkeypatch.setattr("collab.user.connections.rules._BOUNDS", bounds)
    monkeypatch.setattr("collab.user.connections.rules.REQUESTS_RECEIVED_MAX", 2)
    for who in ("a", "b"):
        ann.do("ann", RequestConnection(user_id=who))
    with pytest.raises(LimitExceeded):
        ann.do("ann", RequestConnection(user_id="c"))
    for who in ("w", "x", "y"):
        ann.now_ms += 1
        ann.receive(*asks(who))
    assert ann.state.count_of("received") == 2
    assert ann.state.link_to("w").standing == "none"
    told = ann.signals[-1]
    assert (told.target, told.command.wants) == ("user:w", False)
    ann.do("ann", AcceptConnection(user_id="x"))
    with pytest.raises(LimitExceeded):
        ann.do("ann", AcceptConnection(user_id="y"))
    ann.do("ann", BlockPerson(user_id="y"))
    with pytest.raises(LimitExceeded):
        ann.do("ann", BlockPerson(user_id="z"))


def test_a_closed_door_is_closed_to_strangers_requests(ann: Stage[UserState]) -> None:
    """[U2.18] Declined by itself, without a notice; colleagues ask as ever."""
    ann.receive(SignedIn(org_id="acme", at_ms=1), "identity")
    ann.do("ann", SetDoor(who="known"))
    for org_id in (None, "other"):
        ann.receive(LinkTold(attempt=5, wants=True, heard=0, org_id=org_id), "user:eve")
        assert ann.state.link_to("eve").standing == "none"
        assert not ann.signals[-1].command.wants
    assert ann.state.notices == []
    ann.receive(LinkTold(attempt=5, wants=True, heard=0, org_id="acme"), "user:dora")
    assert ann.state.link_to("dora").standing == "received"
    ann.do("ann", RequestConnection(user_id="fay"))
    ann.receive(LinkTold(attempt=ann.state.link_to("fay").attempt, wants=True, heard=1), "user:fay")
    assert ann.state.link_to("fay").standing == "connected", "whom one asks oneself is no stranger"


def test_guests_ask_nobody_to_connect() -> None:
    """[U2.19] Nor does the guest that somebody was change anything after signing in."""
    guest: Stage[UserState] = Stage(USER, "guest:g")
    with pytest.raises(PermissionDenied):
        guest.do("guest:g", RequestConnection(user_id="ann"))
    guest.do("guest:g", SetDoor(who="known"))
    guest.receive(BeClaimed(user_id="bob"), "identity")
    for command in (SetDoor(who="everybody"), BlockPerson(user_id="ann")):
        with pytest.raises(PermissionDenied):
            guest.do("guest:g", command)
    guest.snapshot("guest:g", "list")


def test_strangers_push_out_nobody_elses_notices(
    ann: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U6.18] Of strangers' notices the newest few are kept; the others' stay."""
    monkeypatch.setattr("collab.user.notices.rules.NOTICES_MAX", 6)
    monkeypatch.setattr("collab.user.notices.rules.NOTICES_OF_STRANGERS_MAX", 3)
    ann.do("ann", RequestConnection(user_id="carl"))
    attempt = ann.state.link_to("carl").attempt
    ann.receive(LinkTold(attempt=attempt, wants=True, heard=attempt), "user:carl")
    for n in range(20):
        ann.receive(*asks(f"stranger-{n}"))
    assert [(n.about, n.user_id) for n in ann.state.notices] == [
        ("connected", "carl"),
        *(("connection_requested", f"stranger-{n}") for n in (17, 18, 19)),
    ]


def test_connections_that_are_over_are_forgotten_in_the_end(
    ann: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U2.16] The oldest ends go first; those that are not over stay."""
    monkeypatch.setattr("collab.user.state.LINKS_CLOSED_MAX", 2)
    stand(ann, "connected", "bob")
    for who in ("a", "b", "c"):
        stand(ann, "received", who)
        ann.do("ann", DeclineConnection(user_id=who))
    assert list(ann.state.closed_links) == ["b", "c"]
    assert list(ann.state.links) == ["bob"]


async def test_connections_are_paged_by_standing(ann: Stage[UserState]) -> None:
    """[U2.17] By user id, so that nothing is shown twice or missed; others see nothing."""
    for who in ("carl", "ben", "dora"):
        stand(ann, "connected", who)
    stand(ann, "received", "eve")
    first: Any = await ann.look("ann", PageConnections(limit=2))
    assert [person["user_id"] for person in first["people"]] == ["ben", "carl"]
    assert first["more"]
    rest: Any = await ann.look("ann", PageConnections(after="carl"))
    assert [person["user_id"] for person in rest["people"]] == ["dora"]
    assert not rest["more"]
    asking: Any = await ann.look("ann", PageConnections(standing="received"))
    assert [person["user_id"] for person in asking["people"]] == ["eve"]
    shown = ann.snapshot("ann", "connections")
    assert [person["user_id"] for person in shown["connected"]["people"]] == ["ben", "carl", "dora"]
    for stranger in ("ben", "zoe"):
        with pytest.raises(PermissionDenied):
            await ann.look(stranger, PageConnections())


def test_asking_and_agreeing_are_noticed_once(ann: Stage[UserState]) -> None:
    """[U6.17] Who asks, and who said yes; what comes again is no news."""
    ann.receive(*asks("bob"))
    ann.receive(*asks("bob"))
    ann.do("ann", RequestConnection(user_id="carl"))
    ann.receive(*asks("carl", attempt=ann.now_ms))
    assert [(n.about, n.user_id) for n in ann.state.notices] == [
        ("connection_requested", "bob"),
        ("connected", "carl"),
    ]
