"""Who takes part, command by command; each group opens with what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from collab.errors import Conflict, LimitExceeded, NotFound, PermissionDenied
from collab.kind import Caller
from collab.limits import PARTICIPANTS_MAX
from collab.meeting.commands import (
    Dismiss,
    Get,
    Invite,
    Join,
    Leave,
    ListPeople,
    SetRole,
    Transfer,
)
from collab.meeting.state import MeetingState, Person
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.meeting.people import (
    ADA,
    ANN,
    BOT,
    EVE,
    HUGO,
    IVY,
    LEO,
    MALLORY,
    OLIVIA,
    SAM,
    alone,
    live,
    scheduled,
)
from tests.collab.messages.stage import Stage


def standing(meeting: Stage[MeetingState], user_id: str) -> tuple[str, str]:
    person = meeting.state.people[user_id]
    return person.role, person.standing


def unchanged(meeting: Stage[MeetingState], who: Caller, command: Any) -> bool:
    seq = meeting.seq
    meeting.do(who, command)
    return meeting.seq == seq


@pytest.mark.parametrize(
    ("shape", "args"),
    [
        (Invite, {"user_id": "x"}),
        (Invite, {"user_id": "x", "role": "king"}),
        (Invite, {"user_id": "", "role": "host"}),
        (Invite, {"user_id": "a/b", "role": "host"}),
        (Invite, {"user_id": "x" * 129, "role": "host"}),
        (SetRole, {"user_id": "x", "role": 1}),
        (Dismiss, {}),
        (Transfer, {"user_id": None}),
        (ListPeople, {"limit": 0}),
        (ListPeople, {"limit": True}),
        (ListPeople, {"after": 1}),
    ],
)
def test_malformed_arguments_are_a_bad_request(shape: type[Any], args: dict[str, Any]) -> None:
    """[M2.1] Shape and bounds are checked before any rule."""
    with pytest.raises(WireError) as refusal:
        structure(args, shape, encoding=JSON)
    assert refusal.value.code == "bad_request"


# ---------------------------------------------------------------- given participants.invite


def test_an_invitation_is_refused_to_those_who_do_not_run_the_meeting() -> None:
    """[M2.2] Hosts and the organisation's admins invite."""
    for who in (SAM, ANN, BOT, IVY, LEO, MALLORY, EVE):
        with pytest.raises(PermissionDenied):
            live().do(who, Invite(user_id="new", role="attendee"))


def test_an_invitation_does_not_change_the_role_of_who_is_there() -> None:
    """[M2.2] Another role for who is invited or joined is a conflict; the same one no event."""
    meeting = live()
    for user_id in ("ivy", "sam"):
        with pytest.raises(Conflict):
            meeting.do(OLIVIA, Invite(user_id=user_id, role="transcriber"))
    assert unchanged(meeting, HUGO, Invite(user_id="ivy", role="attendee"))
    assert unchanged(meeting, HUGO, Invite(user_id="sam", role="speaker"))


def test_a_meeting_knows_a_bounded_number_of_people() -> None:
    """[M2.2] Beyond ``PARTICIPANTS_MAX`` invitations are refused; nobody is forgotten."""
    meeting = live()
    for number in range(PARTICIPANTS_MAX - len(meeting.state.people)):
        meeting.state.people[f"p{number}"] = Person("attendee", "joined", 0)
    with pytest.raises(LimitExceeded):
        meeting.do(OLIVIA, Invite(user_id="one-more", role="attendee"))
    assert meeting.do(OLIVIA, Invite(user_id="leo", role="attendee"))["standing"] == "invited"


# ---------------------------------------------------------------- given participants.join


def test_nobody_joins_uninvited() -> None:
    """[M2.3] Outsiders are denied; an admin of the organisation is told to be invited first."""
    meeting = live()
    for who in (MALLORY, EVE):
        with pytest.raises(PermissionDenied):
            meeting.do(who, Join())
    with pytest.raises(Conflict):
        meeting.do(ADA, Join())


def test_joining_gives_access_with_the_role_of_the_invitation() -> None:
    """[M2.3] At once; joining again changes nothing."""
    meeting = live()
    with pytest.raises(PermissionDenied):
        meeting.snapshot(IVY, "transcript")
    answer = meeting.do(IVY, Join())
    assert answer == {"user_id": "ivy", "role": "attendee", "standing": "joined"}
    assert meeting.snapshot(IVY, "transcript")
    assert unchanged(meeting, IVY, Join())


# ---------------------------------------------------------------- given participants.leave


def test_the_owner_does_not_leave() -> None:
    """[M2.4] The meeting has to be transferred first."""
    meeting = live()
    with pytest.raises(Conflict):
        meeting.do(OLIVIA, Leave())
    meeting.do(OLIVIA, Transfer(user_id="hugo"))
    assert meeting.do(OLIVIA, Leave())["standing"] == "left"


def test_leaving_takes_access_and_coming_back_is_possible() -> None:
    """[M2.4] Leaving, or declining, ends in ``left``; from there one may join again."""
    meeting = live()
    for who in (SAM, IVY):
        meeting.do(who, Leave())
        assert meeting.shut_out[-1] == who.user_id
        with pytest.raises(PermissionDenied):
            meeting.snapshot(who, "state")
        with pytest.raises(PermissionDenied):
            meeting.do(who, Leave())
        assert meeting.do(who, Join())["standing"] == "joined"


# ---------------------------------------------------------------- given participants.remove


def test_removal_is_refused_for_owners_strangers_and_by_others() -> None:
    """[M2.5] Hosts remove; the owner stays; somebody unknown is not found."""
    meeting = live()
    with pytest.raises(Conflict):
        meeting.do(HUGO, Dismiss(user_id="olivia"))
    with pytest.raises(Conflict):
        meeting.do(ADA, Dismiss(user_id="olivia"))
    with pytest.raises(NotFound):
        meeting.do(HUGO, Dismiss(user_id="nobody"))
    for who in (SAM, ANN, BOT, IVY, MALLORY):
        with pytest.raises(PermissionDenied):
            meeting.do(who, Dismiss(user_id="sam"))


def test_a_removed_person_comes_back_only_by_invitation() -> None:
    """[M2.5] Out in that very event, for good unless invited again."""
    meeting = live()
    meeting.do(HUGO, Dismiss(user_id="sam"))
    assert meeting.shut_out[-1] == "sam"
    assert unchanged(meeting, HUGO, Dismiss(user_id="sam"))
    for command in (Join(), Leave()):
        with pytest.raises(PermissionDenied):
            meeting.do(SAM, command)
    with pytest.raises(NotFound):
        meeting.do(HUGO, SetRole(user_id="sam", role="attendee"))
    meeting.do(HUGO, Invite(user_id="sam", role="attendee"))
    assert meeting.do(SAM, Join())["role"] == "attendee"


# ---------------------------------------------------------------- given participants.set_role


def test_a_role_is_not_changed_for_owners_strangers_or_by_others() -> None:
    """[M2.6] Hosts change roles; the owner's moves by transfer only."""
    meeting = live()
    with pytest.raises(Conflict):
        meeting.do(OLIVIA, SetRole(user_id="olivia", role="attendee"))
    with pytest.raises(NotFound):
        meeting.do(OLIVIA, SetRole(user_id="nobody", role="attendee"))
    for who in (SAM, ANN, BOT, IVY, LEO, MALLORY):
        with pytest.raises(PermissionDenied):
            meeting.do(who, SetRole(user_id="ann", role="speaker"))


def test_a_new_role_counts_at_once() -> None:
    """[M2.6] For the joined, the invited and those who left; the same role is no event."""
    meeting = live()
    meeting.do(HUGO, SetRole(user_id="ann", role="speaker"))
    meeting.do(HUGO, SetRole(user_id="ivy", role="speaker"))
    meeting.do(HUGO, SetRole(user_id="leo", role="attendee"))
    assert standing(meeting, "ann") == ("speaker", "joined")
    assert standing(meeting, "ivy") == ("speaker", "invited")
    assert standing(meeting, "leo") == ("attendee", "left")
    assert unchanged(meeting, HUGO, SetRole(user_id="ann", role="speaker"))


def test_only_a_role_that_reads_less_shuts_out() -> None:
    """[M3.3] A new transcriber loses the messages, so the subscription ends; others go on."""
    meeting = live()
    meeting.do(OLIVIA, SetRole(user_id="sam", role="attendee"))
    meeting.do(OLIVIA, SetRole(user_id="sam", role="host"))
    meeting.do(OLIVIA, SetRole(user_id="bot", role="speaker"))
    assert meeting.shut_out == ["leo"]
    meeting.do(OLIVIA, SetRole(user_id="ann", role="transcriber"))
    assert meeting.shut_out == ["leo", "ann"]


# ---------------------------------------------------------------- given meeting.transfer


def test_a_meeting_is_transferred_by_its_owner_to_a_participant_only() -> None:
    """[M2.7] Not by other hosts, not to the invited, the unknown or those who left."""
    meeting = live()
    with pytest.raises(PermissionDenied):
        meeting.do(HUGO, Transfer(user_id="hugo"))
    for user_id in ("ivy", "leo"):
        with pytest.raises(Conflict):
            meeting.do(OLIVIA, Transfer(user_id=user_id))
    with pytest.raises(NotFound):
        meeting.do(OLIVIA, Transfer(user_id="nobody"))
    assert unchanged(meeting, OLIVIA, Transfer(user_id="olivia"))


def test_ownership_moves_in_one_event() -> None:
    """[M2.7] The new owner is a host, the old one a speaker; never two owners, never none."""
    meeting, seq = live(), live().seq
    assert meeting.do(OLIVIA, Transfer(user_id="ann")) == {"owner_id": "ann"}
    assert meeting.seq == seq + 1
    assert standing(meeting, "ann") == ("host", "joined")
    assert standing(meeting, "olivia") == ("speaker", "joined")
    with pytest.raises(PermissionDenied):
        meeting.do(OLIVIA, Transfer(user_id="olivia"))


def test_an_admin_of_the_organisation_can_hand_over_an_abandoned_meeting() -> None:
    """[M2.7] Somebody can always do it."""
    assert live().do(ADA, Transfer(user_id="sam")) == {"owner_id": "sam"}


# ---------------------------------------------------------------- hosts


def test_only_the_owner_makes_unmakes_and_removes_hosts() -> None:
    """[M2.8] A host is not above hosts; the owner and the organisation's admins are."""
    commands: list[Any] = [
        Invite(user_id="new", role="host"),
        SetRole(user_id="sam", role="host"),
        SetRole(user_id="hugo", role="speaker"),
        Dismiss(user_id="hugo"),
    ]
    for command in commands:
        with pytest.raises(PermissionDenied):
            live().do(HUGO, command)
        live().do(OLIVIA, command)
        live().do(ADA, command)


def test_a_host_who_left_is_not_demoted_by_a_new_invitation() -> None:
    """[M2.8] Inviting them with less is unmaking a host."""
    meeting = live()
    meeting.do(OLIVIA, SetRole(user_id="sam", role="host"))
    meeting.do(SAM, Leave())
    with pytest.raises(PermissionDenied):
        meeting.do(HUGO, Invite(user_id="sam", role="attendee"))
    meeting.do(OLIVIA, Invite(user_id="sam", role="attendee"))


# ---------------------------------------------------------------- queries


async def test_people_are_listed_page_by_page_without_those_who_are_out() -> None:
    """[M2.9] By user id; who left or was removed is not listed."""
    meeting = live()
    first = await meeting.look(BOT, ListPeople(limit=4))
    assert [who["user_id"] for who in first["participants"]] == ["ann", "bot", "hugo", "ivy"]
    assert first["has_more"]
    second = await meeting.look(BOT, ListPeople(limit=4, after="ivy"))
    assert [who["user_id"] for who in second["participants"]] == ["olivia", "sam"]
    assert not second["has_more"]
    shown = meeting.snapshot(BOT, "participants")
    assert shown["owner_id"] == "olivia"
    assert {who["user_id"] for who in shown["participants"]} == {
        *("ann", "bot", "hugo", "ivy", "olivia", "sam")
    }


async def test_everybody_is_told_their_own_role() -> None:
    """[M2.9] Also the invited, who decide by it, and admins."""
    meeting = scheduled()
    for who, role in ((OLIVIA, "host"), (ANN, "attendee"), (IVY, "invited"), (ADA, "org_admin")):
        assert (await meeting.look(who, Get()))["role"] == role
    for who in (LEO, MALLORY):
        with pytest.raises(PermissionDenied):
            await meeting.look(who, Get())


def test_a_meeting_without_organisation_has_no_admins() -> None:
    """[M2.10] No organisation is not the same as everybody's."""
    meeting = alone()
    meeting.state.org_id = None
    with pytest.raises(PermissionDenied):
        meeting.do(Caller("root", org_id=None, org_role="admin"), Invite(user_id="x", role="host"))
