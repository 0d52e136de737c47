"""From plan to end, command by command; each group opens with what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from collab.errors import BadRequest, Conflict, PermissionDenied
from collab.kind import Caller
from collab.limits import DESCRIPTION_LEN_MAX, DURATION_MIN_MAX, TITLE_LEN_MAX
from collab.meeting.commands import (
    Cancel,
    Dismiss,
    End,
    Get,
    Invite,
    Invitee,
    Join,
    Leave,
    Reschedule,
    Schedule,
    SetRole,
    Start,
    Transfer,
    Update,
)
from collab.meeting.events import MeetingEnded, MeetingScheduled
from collab.meeting.state import MeetingState
from collab.messages import DeleteAnyMessage, DeleteMessage, EditMessage, PostMessage, React
from collab.transcript.commands import AddChunk, AddChunks
from collab.transcript.events import BucketSealed
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.meeting.people import (
    ADA,
    ANN,
    BOT,
    HUGO,
    MALLORY,
    OLIVIA,
    SAM,
    absent,
    cancelled,
    ended,
    live,
    scheduled,
)
from tests.collab.messages.stage import Stage
from tests.collab.transcript.chunks import chunk

MakeMeeting = Callable[[], Stage[MeetingState]]
FOUND_IN: Mapping[str, MakeMeeting] = MappingProxyType(
    {
        "absent": absent,
        "scheduled": scheduled,
        "live": live,
        "ended": ended,
        "cancelled": cancelled,
    }
)
SPOKEN = chunk("s1", 1_000, 2_000, speaker="olivia")

# Everything that changes a meeting, and the statuses in which it does not conflict.
TRANSITIONS: tuple[tuple[Any, str], ...] = (
    (Schedule(title="Plan"), "absent"),
    (Update(title="New"), "scheduled live"),
    (Reschedule(planned_start_ms=7), "scheduled"),
    (Start(), "scheduled"),
    (End(), "live"),
    (Cancel(), "scheduled"),
    (Transfer(user_id="sam"), "scheduled live"),
    (Invite(user_id="mallory", role="attendee"), "scheduled live"),
    (SetRole(user_id="sam", role="attendee"), "scheduled live"),
    (Dismiss(user_id="sam"), "scheduled live ended cancelled"),
    (SPOKEN, "live"),
    (AddChunks(chunks=[SPOKEN]), "live"),
    (PostMessage(text="hi"), "scheduled live"),
)


@pytest.mark.parametrize("status", FOUND_IN)
@pytest.mark.parametrize(("command", "allowed"), TRANSITIONS, ids=lambda v: getattr(v, "TAG", ""))
def test_a_status_allows_what_the_table_says_and_refuses_the_rest_without_a_trace(
    command: Any, allowed: str, status: str
) -> None:
    """[M1.1] The owner gets an answer or a conflict; a refusal changes nothing."""
    meeting = FOUND_IN[status]()
    assert meeting.state.status == (status if status != "absent" else "")
    before, seq = meeting.dump(), meeting.seq
    if status in allowed.split():
        meeting.do(OLIVIA, command)
        assert meeting.seq > seq
        return
    # Before a meeting exists its future owner may do nothing but schedule it.
    with pytest.raises(PermissionDenied if status == "absent" else Conflict):
        meeting.do(OLIVIA, command)
    assert (meeting.dump(), meeting.seq) == (before, seq)


@pytest.mark.parametrize("status", ["ended", "cancelled"])
def test_an_invitation_cannot_be_taken_up_after_the_end(status: str) -> None:
    """[M1.1] Joining needs an open meeting; leaving is always possible."""
    meeting = FOUND_IN[status]()
    with pytest.raises(Conflict):
        meeting.do("ivy", Join())
    with pytest.raises(Conflict):
        meeting.do("sam", Join())
    assert meeting.do("sam", Leave())["standing"] == "left"


# ---------------------------------------------------------------- given meeting.schedule


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"title": ""},
        {"title": "x" * (TITLE_LEN_MAX + 1)},
        {"title": 7},
        {"title": "a", "description": "x" * (DESCRIPTION_LEN_MAX + 1)},
        {"title": "a", "planned_start_ms": -1},
        {"title": "a", "planned_start_ms": "soon"},
        {"title": "a", "duration_min": 0},
        {"title": "a", "duration_min": DURATION_MIN_MAX + 1},
        {"title": "a", "participants": [{"user_id": "b"}]},
        {"title": "a", "participants": [{"user_id": "b", "role": "owner"}]},
        {"title": "a", "participants": [{"user_id": "not an id", "role": "host"}]},
        {"title": "a", "participants": "everybody"},
    ],
)
def test_a_malformed_plan_is_a_bad_request(args: dict[str, Any]) -> None:
    """[M1.2] Shape and bounds are checked before any rule."""
    with pytest.raises(WireError) as refusal:
        structure(args, Schedule, encoding=JSON)
    assert refusal.value.code == "bad_request"


def test_nobody_is_invited_twice_in_one_plan() -> None:
    """[M1.2] A participant named twice is a bad request."""
    twice = [Invitee(user_id="sam", role="speaker"), Invitee(user_id="sam", role="host")]
    meeting = absent()
    with pytest.raises(BadRequest):
        meeting.do(OLIVIA, Schedule(title="Plan", participants=twice))
    assert meeting.seq == 0


def test_a_meeting_is_not_scheduled_for_another_organisation() -> None:
    """[M1.2] The organisation is the caller's own, or none."""
    meeting = absent()
    with pytest.raises(PermissionDenied):
        meeting.do(OLIVIA, Schedule(title="Plan", org_id="other"))
    with pytest.raises(PermissionDenied):
        meeting.do(SAM, Schedule(title="Plan", org_id="acme"))
    meeting.do(OLIVIA, Schedule(title="Plan", org_id="acme"))
    assert meeting.state.org_id == "acme"


def test_scheduling_makes_the_caller_owner_and_invites_the_others_in_one_event() -> None:
    """[M1.3] One event; the owner has joined as host, also if the plan names them otherwise."""
    meeting = absent()
    seats = [Invitee(user_id="sam", role="speaker"), Invitee(user_id="olivia", role="attendee")]
    assert meeting.do(OLIVIA, Schedule(title="Plan", participants=seats)) == {"status": "scheduled"}
    assert [type(event) for _, event in meeting.history] == [MeetingScheduled]
    state = meeting.state
    assert (state.owner_id, state.org_id, state.status) == ("olivia", "acme", "scheduled")
    people = {user_id: (who.role, who.standing) for user_id, who in state.people.items()}
    assert people == {"olivia": ("host", "joined"), "sam": ("speaker", "invited")}


# ---------------------------------------------------------------- given the others


@pytest.mark.parametrize("command", [Update(), Update(title=None, description=None)])
def test_an_update_of_nothing_is_a_bad_request(command: Update) -> None:
    """[M1.4] Something has to be given."""
    with pytest.raises(BadRequest):
        scheduled().do(OLIVIA, command)


@pytest.mark.parametrize(
    ("shape", "args"),
    [
        (Update, {"title": ""}),
        (Update, {"description": 1}),
        (Reschedule, {}),
        (Reschedule, {"planned_start_ms": None}),
        (Reschedule, {"planned_start_ms": 1, "duration_min": 0}),
    ],
)
def test_a_malformed_change_is_a_bad_request(shape: type[Any], args: dict[str, Any]) -> None:
    """[M1.4] Shape and bounds are checked before any rule."""
    with pytest.raises(WireError) as refusal:
        structure(args, shape, encoding=JSON)
    assert refusal.value.code == "bad_request"


def test_what_is_absent_stays_and_what_is_the_same_makes_no_event() -> None:
    """[M1.4] Update and reschedule change what is given, once."""
    meeting = scheduled()
    meeting.do(HUGO, Update(description="why"))
    meeting.do(HUGO, Reschedule(planned_start_ms=9))
    state, seq = meeting.state, meeting.seq
    assert (state.title, state.description) == ("Plan", "why")
    assert (state.planned_start_ms, state.duration_min) == (9, 30)
    assert meeting.do(HUGO, Update(title="Plan")) == {"status": "scheduled"}
    assert meeting.do(HUGO, Reschedule(planned_start_ms=9)) == {"status": "scheduled"}
    assert meeting.seq == seq


def test_start_and_end_are_stamped_with_the_events_own_time() -> None:
    """[M1.5] Times come from outside the rules."""
    meeting = scheduled()
    meeting.now_ms = 2_000_000
    assert meeting.do(HUGO, Start()) == {"status": "live"}
    meeting.now_ms = 3_000_000
    assert meeting.do(HUGO, End()) == {"status": "ended"}
    assert (meeting.state.started_at_ms, meeting.state.ended_at_ms) == (2_000_000, 3_000_000)


def test_ending_seals_the_open_transcript_in_the_same_write() -> None:
    """[M1.6] The record is whole the moment that the meeting is over."""
    meeting = live()
    meeting.do(BOT, chunk("s1", 1_000, 2_000))
    meeting.do(OLIVIA, End())
    assert [type(event) for _, event in meeting.history[-2:]] == [BucketSealed, MeetingEnded]
    assert not meeting.state.transcript.lines


async def test_participants_read_on_after_the_end_and_write_nothing() -> None:
    """[M1.7] Reading stays; messages and speech are refused with conflict."""
    meeting = live()
    message_id = meeting.do(ANN, PostMessage(text="hi"))["id"]
    meeting.do(OLIVIA, End())
    assert (await meeting.look(ANN, Get()))["status"] == "ended"
    assert meeting.snapshot(ANN, "messages")
    writes: list[tuple[Caller, Any]] = [
        (ANN, PostMessage(text="late")),
        (ANN, EditMessage(id=message_id, text="late")),
        (ANN, DeleteMessage(id=message_id)),
        (ANN, React(id=message_id, emoji="+1", on=True)),
        (OLIVIA, DeleteAnyMessage(id=message_id)),
        (SAM, chunk("s9", 0, 1, speaker="sam")),
    ]
    for who, command in writes:
        with pytest.raises(Conflict):
            meeting.do(who, command)


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("command", [Update(title="x"), Reschedule(planned_start_ms=1), Start()])
def test_only_hosts_run_a_meeting(command: Any) -> None:
    """[M1.8] Speakers, attendees, transcribers, admins and outsiders are refused."""
    for who in (SAM, ANN, BOT, ADA, MALLORY):
        with pytest.raises(PermissionDenied):
            scheduled().do(who, command)
    scheduled().do(HUGO, command)


def test_an_admin_of_the_organisation_may_end_and_cancel() -> None:
    """[M1.8] Somebody can always put an end to a meeting."""
    assert scheduled().do(ADA, Cancel()) == {"status": "cancelled"}
    assert live().do(ADA, End()) == {"status": "ended"}
    for who in (SAM, ANN, BOT, MALLORY):
        with pytest.raises(PermissionDenied):
            live().do(who, End())


def test_the_wire_shape_of_a_chunk_is_flat() -> None:
    """[R1.1] A chunk's fields are the call's arguments."""
    args = {"provider": "p", "segment": "s", "speaker": "x", "start_ms": 0, "end_ms": 1, "text": ""}
    assert structure(args, AddChunk, encoding=JSON).revision == 0
