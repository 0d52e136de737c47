"""Whatever people do, in whatever order: what always holds of a meeting."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Refused
from collab.kind import Caller
from collab.meeting.commands import (
    Cancel,
    Dismiss,
    End,
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
from collab.meeting.state import ABSENT, HOST, JOINED, ROLES, MeetingState
from collab.messages import PostMessage
from protocol.structure import pack
from tests.collab.meeting.people import absent
from tests.collab.messages.stage import Stage
from tests.collab.transcript.chunks import chunk

NAMES = ("ann", "bob", "cleo", "dan")
user_ids = st.sampled_from(NAMES)
roles = st.sampled_from(ROLES)
callers = st.builds(
    Caller,
    user_ids,
    org_id=st.sampled_from([None, "acme"]),
    org_role=st.sampled_from([None, "admin"]),
)
invitees = st.lists(st.builds(Invitee, user_id=user_ids, role=roles), max_size=3)
speech = st.builds(
    lambda number, late_s: chunk(f"s{number}", late_s * 1_000, late_s * 1_000 + 500),
    st.integers(0, 5),
    st.integers(0, 200),
)
commands: st.SearchStrategy[Any] = st.one_of(
    st.builds(Schedule, title=st.just("Plan"), participants=invitees),
    st.builds(Update, title=st.sampled_from(["a", "b"])),
    st.builds(Reschedule, planned_start_ms=st.integers(0, 3)),
    st.builds(Start),
    st.builds(End),
    st.builds(Cancel),
    st.builds(Transfer, user_id=user_ids),
    st.builds(Invite, user_id=user_ids, role=roles),
    st.builds(Join),
    st.builds(Leave),
    st.builds(Dismiss, user_id=user_ids),
    st.builds(SetRole, user_id=user_ids, role=roles),
    st.builds(PostMessage, text=st.just("hi")),
    speech,
)
plays = st.lists(st.tuples(callers, commands), max_size=40)


def play(steps: list[tuple[Caller, Any]]) -> Stage[MeetingState]:
    """Play *steps* on a meeting that exists; Stage proves that a refusal changed nothing."""
    meeting = absent()
    meeting.do("ann", Schedule(title="Plan", org_id=None))
    meeting.do("ann", Start())
    for who, command in steps:
        meeting.now_ms += 1_000
        try:
            meeting.do(who, command)
        except Refused:
            continue
        check_owner(meeting.state)
    return meeting


def check_owner(state: MeetingState) -> None:
    owner = state.people[state.owner_id]
    assert (owner.role, owner.standing) == (HOST, JOINED)


@given(plays)
@settings(max_examples=100, deadline=None)
def test_whatever_happens_there_is_one_owner_and_history_gives_the_same_state(
    steps: list[tuple[Caller, Any]],
) -> None:
    """[M7.1] One owner throughout; replay and snapshot are equal to the state that lived."""
    meeting = play(steps)
    assert pack(meeting.replayed()) == meeting.dump()
    assert pack(meeting.restored()) == meeting.dump()


@given(plays)
@settings(max_examples=50, deadline=None)
def test_from_nothing_too(steps: list[tuple[Caller, Any]]) -> None:
    """[M7.1] The same for a meeting that nobody has scheduled yet."""
    meeting = absent()
    for who, command in steps:
        try:
            meeting.do(who, command)
        except Refused:
            continue
    if meeting.state.status != ABSENT:
        check_owner(meeting.state)
    assert pack(meeting.replayed()) == meeting.dump()


@given(plays, callers)
@settings(max_examples=50, deadline=None)
def test_who_is_not_in_reads_nothing_that_is_said(
    steps: list[tuple[Caller, Any]], who: Caller
) -> None:
    """[M3.5] While the meeting is open, transcript and messages are for participants alone."""
    meeting = play([step for step in steps if not isinstance(step[1], End | Cancel)])
    person = meeting.state.people.get(who.user_id)
    is_in = person is not None and person.standing == JOINED
    role = meeting.kind.role_of(meeting.state, who)
    reads = meeting.kind.permissions.get(role, frozenset()) & {"read:transcript", "read:messages"}
    assert is_in or not reads
