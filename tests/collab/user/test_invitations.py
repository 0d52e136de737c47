"""Who may bring a person into meetings and chats, and what they are told of it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from attrs import evolve

from collab.errors import NotFound, PermissionDenied
from collab.user import USER
from collab.user.commands import (
    CountItem,
    GetInbox,
    ListItem,
    PageList,
    Pin,
    SetDoor,
    UnlistItem,
    Welcome,
)
from collab.user.connections.commands import AcceptConnection, BlockPerson, LinkTold, UnblockPerson
from collab.user.notices.commands import PageNotices, SeeNotices
from collab.user.profile.commands import SignedIn
from collab.user.state import UserState
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.messages.stage import Stage


@pytest.fixture
def ann() -> Stage[UserState]:
    """Ann of acme, connected with carl."""
    stage: Stage[UserState] = Stage(USER, "ann")
    stage.receive(SignedIn(org_id="acme", at_ms=1), "identity")
    stage.receive(LinkTold(attempt=5, wants=True, heard=0), "user:carl")
    stage.do("ann", AcceptConnection(user_id="carl"))
    stage.do("ann", SeeNotices())  # That carl asked.
    return stage


def invitation(
    by: str,
    *,
    org: str | None = None,
    target: str = "meeting:m",
    version: int = 1,
    standing: Literal["invited", "joined"] = "invited",
    status: str = "scheduled",
    role: str = "speaker",
    caused_by: str | None = None,
    at_ms: int | None = None,
) -> ListItem:
    return ListItem(
        kind="meeting" if target.startswith("meeting") else "chat",
        target=target,
        title="Plan",
        status=status,
        role=role,
        at_ms=version if at_ms is None else at_ms,
        version=version,
        standing=standing,
        by=caused_by or by,
        invited_by=by,
        inviter_org=org,
    )


def told(stage: Stage[UserState]) -> list[tuple[str, str | None]]:
    seen_id = stage.state.seen_id
    return [(notice.about, notice.user_id) for notice in stage.state.notices if notice.id > seen_id]


@pytest.mark.parametrize(
    ("by", "org", "is_request"),
    [("carl", None, False), ("dora", "acme", False), ("eve", "other", True), ("eve", None, True)],
)
def test_strangers_make_requests_others_invitations(
    ann: Stage[UserState], by: str, org: str | None, is_request: bool
) -> None:
    """[U6.7] Connected people and colleagues invite; anybody else's invitation is a request."""
    for target in ("meeting:m", "chat:c"):
        standing: Literal["invited", "joined"] = "invited" if target == "meeting:m" else "joined"
        ann.receive(invitation(by, org=org, target=target, standing=standing))
        assert ann.state.items[target].is_request == is_request
    assert told(ann) == [("invited", by), ("added", by)]
    assert ann.replayed().items == ann.state.items == ann.restored().items


def test_taking_a_request_up_makes_it_an_item_like_others(ann: Stage[UserState]) -> None:
    """[U6.7] By joining the meeting, or by welcoming it; news do not make it a request again."""
    ann.receive(invitation("eve"))
    ann.receive(invitation("eve", version=2, status="live"))
    assert ann.state.requests == {"meeting:m"}
    ann.receive(invitation("eve", version=3, standing="joined", caused_by="ann"))
    ann.receive(invitation("eve", target="chat:c", standing="joined"))
    answer = ann.do("ann", Welcome(target="chat:c"))
    assert not answer["is_request"]
    assert ann.do("ann", Welcome(target="chat:c")) == answer
    ann.receive(invitation("eve", target="chat:c", standing="joined", version=2))
    assert ann.state.requests == set()
    with pytest.raises(NotFound):
        ann.do("ann", Welcome(target="chat:d"))


def test_requests_are_bounded_and_pins_stay(
    ann: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U6.8] The oldest request gives way to a new one, never an invitation by somebody known."""
    monkeypatch.setattr("collab.user.invitations.USER_REQUESTS_MAX", 3)
    ann.receive(invitation("carl", target="meeting:known", at_ms=0))
    for n in range(3):
        ann.receive(invitation("eve", target=f"meeting:{n}", at_ms=n))
    ann.do("ann", Pin(target="meeting:0"))
    ann.receive(invitation("eve", target="meeting:3"))
    assert set(ann.state.items) == {"meeting:known", "meeting:0", "meeting:2", "meeting:3"}


def test_a_closed_door_lets_known_people_in_only(ann: Stage[UserState]) -> None:
    """[U6.9] With the door at known a stranger's invitation leaves no trace."""
    assert ann.do("ann", SetDoor(who="known")) == {"who": "known"}
    ann.do("ann", SetDoor(who="known"))
    seq = ann.seq
    ann.receive(invitation("eve"))
    ann.receive(invitation("eve", target="chat:c", standing="joined"))
    assert ann.seq == seq
    ann.receive(invitation("carl", target="meeting:k"))
    ann.receive(invitation("dora", org="acme", target="meeting:l"))
    assert set(ann.state.items) == {"meeting:k", "meeting:l"}
    assert ann.snapshot("ann", "profile")["door"] == "known"


@pytest.mark.parametrize("args", [{}, {"who": "nobody"}, {"who": None}])
def test_bad_doors_do_not_reach_the_rules(args: dict[str, Any]) -> None:
    """[U6.9] There are two ways to have it; only oneself sets it."""
    with pytest.raises(WireError):
        structure(args, SetDoor, encoding=JSON)
    with pytest.raises(PermissionDenied):
        Stage(USER, "ann").do("eve", SetDoor(who="known"))


def test_a_blocked_persons_invitations_reach_nobody(ann: Stage[UserState]) -> None:
    """[U6.10] Not of a meeting, not into a chat, colleague or not; nothing is even written."""
    ann.do("ann", BlockPerson(user_id="eve"))
    seq = ann.seq
    ann.receive(invitation("eve", org="acme"))
    ann.receive(invitation("eve", target="chat:c", standing="joined"))
    ann.receive(invitation("eve", version=2, status="live"))
    assert (ann.seq, ann.state.items, told(ann)) == (seq, {}, [])
    ann.do("ann", UnblockPerson(user_id="eve"))
    ann.receive(invitation("eve", version=3))
    assert list(ann.state.items) == ["meeting:m"]


def test_what_one_takes_part_in_oneself_is_listed_whoever_invited(ann: Stage[UserState]) -> None:
    """[U6.10] Joining is one's own act: a block does not hide it."""
    ann.do("ann", BlockPerson(user_id="eve"))
    ann.receive(invitation("eve", standing="joined", caused_by="ann"))
    assert list(ann.state.items) == ["meeting:m"]


def test_open_invitations_go_with_the_block(ann: Stage[UserState]) -> None:
    """[U6.10] What one takes part in stays, and so do other people's invitations."""
    ann.receive(invitation("eve", target="meeting:open"))
    ann.receive(invitation("eve", target="meeting:mine", standing="joined", caused_by="ann"))
    ann.receive(invitation("eve", target="chat:request", standing="joined"))
    ann.receive(invitation("eve", target="chat:taken", standing="joined"))
    ann.do("ann", Welcome(target="chat:taken"))
    ann.receive(invitation("fay", target="meeting:other"))
    ann.do("ann", BlockPerson(user_id="eve"))
    assert set(ann.state.items) == {"meeting:mine", "chat:taken", "meeting:other"}
    assert ann.replayed() == ann.state


def test_a_block_strikes_so_many_at_once(
    ann: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U6.10] The rest goes when it is said again; then there is nothing to say."""
    monkeypatch.setattr("collab.user.invitations.STRUCK_MAX", 2)
    for n in range(3):
        ann.receive(invitation("eve", target=f"meeting:{n}"))
    for left in (1, 0, 0):
        answer = ann.do("ann", BlockPerson(user_id="eve"))
        assert (answer["standing"], len(ann.state.items)) == ("blocked", left)
    assert ann.replayed() == ann.state


def test_a_room_that_a_blocked_person_brought_me_into_is_silent(ann: Stage[UserState]) -> None:
    """[U6.11] It stays, counts nothing, does not move, and what they do is no notice."""
    ann.receive(invitation("eve", target="chat:c", standing="joined", at_ms=5))
    ann.do("ann", Welcome(target="chat:c"))
    ann.do("ann", BlockPerson(user_id="eve"))
    before = told(ann)
    ann.receive(CountItem(target="chat:c", count=9))
    ann.receive(
        invitation("eve", target="chat:c", standing="joined", version=9, role="viewer", at_ms=99)
    )
    entry = ann.state.items["chat:c"]
    assert (entry.unread, entry.at_ms, entry.role) == (0, 5, "viewer")
    assert told(ann) == before
    seq = ann.seq
    again = invitation("eve", target="chat:c", standing="joined", role="viewer", version=12)
    ann.receive(evolve(again, at_ms=100, title="An insult", count=12))
    assert ann.seq == seq, "a new name, and messages, do not even make an event"
    ann.receive(evolve(again, version=13, title="Another", count=13, role="editor"))
    assert (entry := ann.state.items["chat:c"]).role == "editor"
    assert (entry.title, entry.unread, entry.at_ms) == ("Plan", 0, 5)
    ann.do("ann", UnblockPerson(user_id="eve"))
    ann.receive(evolve(again, version=14, title="Fine", count=14))
    assert (ann.state.items["chat:c"].title, ann.state.items["chat:c"].unread) == ("Fine", 14)


# ---------------------------------------------------------------- notices


def test_what_others_do_is_noticed_once(ann: Stage[UserState]) -> None:
    """[U6.17] Invitation, start, role, end and removal by others; the same again is no news."""
    ann.receive(invitation("carl", version=1))
    for _ in range(2):
        ann.receive(invitation("carl", version=2, standing="joined", caused_by="ann"))
    ann.receive(invitation("carl", version=3, standing="joined", status="live"))
    ann.receive(invitation("carl", version=4, standing="joined", status="live", role="host"))
    ann.receive(invitation("carl", version=5, standing="joined", status="ended", role="host"))
    ann.receive(UnlistItem(target="meeting:m", at_ms=6, version=6, by="carl"))
    assert told(ann) == [
        (about, "carl") for about in ("invited", "started", "role_changed", "ended", "removed")
    ]
    assert ann.state.notices[3].role == "host"


def test_what_one_does_oneself_is_no_news(ann: Stage[UserState]) -> None:
    """[U6.17] Nor what nobody in particular did."""
    own = invitation("ann", target="meeting:mine", standing="joined")
    ann.receive(own)
    ann.receive(invitation("ann", target="meeting:mine", version=2, status="live"))
    ann.receive(UnlistItem(target="meeting:mine", at_ms=3, version=3, by="ann"))
    ann.receive(UnlistItem(target="meeting:never", at_ms=3, version=3, by="carl"))
    assert told(ann) == []


async def test_notices_are_paged_bounded_and_seen(
    ann: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U6.18] Newest first; the oldest go; seeing never goes back."""
    monkeypatch.setattr("collab.user.notices.rules.NOTICES_MAX", 4)
    for n in range(6):
        ann.receive(invitation("carl", target=f"meeting:{n}"))
    page: Any = await ann.look("ann", PageNotices(limit=3))
    assert [notice["target"] for notice in page["notices"]] == [f"meeting:{n}" for n in (5, 4, 3)]
    assert (page["more"], page["unseen"]) == (True, 4)
    oldest = page["notices"][-1]["id"]
    rest: Any = await ann.look("ann", PageNotices(before=oldest))
    assert [notice["target"] for notice in rest["notices"]] == ["meeting:2"]
    assert not rest["more"]
    assert ann.do("ann", SeeNotices(up_to=oldest)) == {"unseen": 2}
    seq = ann.seq
    assert ann.do("ann", SeeNotices(up_to=1)) == {"unseen": 2}
    assert ann.seq == seq
    assert ann.do("ann", SeeNotices()) == {"unseen": 0}
    assert ann.do("ann", SeeNotices(up_to=2**40)) == {"unseen": 0}
    assert ann.snapshot("ann", "notices")["unseen"] == 0
    with pytest.raises(PermissionDenied):
        await ann.look("carl", PageNotices())


async def test_the_inbox_counts_what_waits(ann: Stage[UserState]) -> None:
    """[U6.16] Messages, invitations, requests, notices, and people who ask."""
    ann.receive(invitation("carl", target="meeting:a"))
    ann.receive(invitation("eve", target="meeting:b"))
    ann.receive(invitation("carl", target="chat:c", standing="joined"))
    ann.receive(CountItem(target="chat:c", count=3))
    ann.receive(LinkTold(attempt=9, wants=True, heard=0), "user:fay")
    assert await ann.look("ann", GetInbox()) == {
        "unread": 3,
        "unread_items": 1,
        "invitations": 2,
        "requests": 1,
        "unseen": 4,
        "asking": 1,
        "door": "everybody",
    }
    for query, found in (
        (PageList(is_unread=True), ["chat:c"]),
        (PageList(is_request=True), ["meeting:b"]),
        (PageList(standing="joined"), ["chat:c"]),
    ):
        page: Any = await ann.look("ann", query)
        assert [entry["target"] for entry in page["items"]] == found
    with pytest.raises(PermissionDenied):
        await ann.look("carl", GetInbox())
