"""What participants' own lists are told."""

from __future__ import annotations

from typing import Any

import pytest

from collab.kind import Signal
from collab.meeting.commands import (
    Cancel,
    Dismiss,
    End,
    Invite,
    Join,
    Leave,
    Reschedule,
    SetRole,
    Start,
    Transfer,
    Update,
)
from collab.meeting.state import MeetingState
from collab.messages import PostMessage
from collab.names import parse_target
from collab.user.commands import LIST_SLOT, ListItem, UnlistItem
from tests.collab.meeting.people import ANN, BOT, HUGO, IVY, LEO, OLIVIA, SAM, live, scheduled
from tests.collab.messages.stage import Stage
from tests.collab.transcript.chunks import chunk

LISTED = ("user:olivia", "user:hugo", "user:sam", "user:ann", "user:bot", "user:ivy")


def told_by(meeting: Stage[MeetingState], who: Any, command: Any) -> list[Signal]:
    meeting.signals.clear()
    meeting.do(who, command)
    return meeting.signals


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (Update(title="New"), {"title": "New"}),
        (Reschedule(planned_start_ms=77), {"planned_start_ms": 77}),
        (Start(), {"status": "live"}),
        (Cancel(), {"status": "cancelled"}),
    ],
)
def test_everybody_listed_is_told_what_all_lists_show(
    command: Any, shown: dict[str, object]
) -> None:
    """[M4.1] Title, planned start and status, to the invited and joined, with their own role."""
    meeting = scheduled()
    signals = told_by(meeting, OLIVIA, command)
    assert tuple(signal.target for signal in signals) == LISTED
    for signal in signals:
        assert signal.slot == LIST_SLOT
        item = signal.command
        assert isinstance(item, ListItem)
        assert parse_target(signal.target)[0] == "user"
        assert (item.kind, item.target, item.version) == ("meeting", "meeting:m", meeting.seq)
        assert {name: getattr(item, name) for name in shown} == shown
    roles = [signal.command.role for signal in signals]
    assert roles == ["host", "host", "speaker", "attendee", "transcriber", "attendee"]


def test_scheduling_and_ending_are_told_to_everybody() -> None:
    """[M4.1] From the first event to the last one."""
    first = [signal for signal in scheduled().signals if signal.command.version == 1]
    assert [signal.target for signal in first] == [*LISTED, "user:leo"]
    assert {signal.command.status for signal in told_by(live(), OLIVIA, End())} == {"ended"}


@pytest.mark.parametrize(
    ("who", "command", "told"),
    [
        (IVY, Join(), {"user:ivy": "attendee"}),
        (LEO, Join(), {"user:leo": "speaker"}),
        (HUGO, Invite(user_id="new", role="speaker"), {"user:new": "speaker"}),
        (HUGO, SetRole(user_id="ann", role="speaker"), {"user:ann": "speaker"}),
        (OLIVIA, Transfer(user_id="sam"), {"user:olivia": "speaker", "user:sam": "host"}),
    ],
)
def test_a_person_is_told_what_only_their_list_shows(
    who: Any, command: Any, told: dict[str, str]
) -> None:
    """[M4.1] Invitation, joining, role and ownership."""
    signals = told_by(live(), who, command)
    assert {signal.target: signal.command.role for signal in signals} == told


@pytest.mark.parametrize(
    ("who", "command", "target"),
    [
        (SAM, Leave(), "user:sam"),
        (IVY, Leave(), "user:ivy"),
        (HUGO, Dismiss(user_id="ann"), "user:ann"),
    ],
)
def test_who_is_out_is_told_to_strike_the_meeting(who: Any, command: Any, target: str) -> None:
    """[M4.2] Leaving, declining and removal take it off the list, and nothing more comes."""
    meeting = live()
    signals = told_by(meeting, who, command)
    expected = UnlistItem(
        target="meeting:m", at_ms=meeting.now_ms, version=meeting.seq, by=who.user_id
    )
    assert signals == [Signal(target, expected, LIST_SLOT)]
    assert target not in [s.target for s in told_by(meeting, OLIVIA, Update(title="Later"))]


def test_what_no_list_shows_tells_nobody() -> None:
    """[M4.3] Speech and messages cost no signal, nor does the role of somebody who left."""
    meeting = live()
    assert not told_by(meeting, BOT, chunk("s1", 0, 900))
    assert not told_by(meeting, ANN, PostMessage(text="hi"))
    assert not told_by(meeting, HUGO, SetRole(user_id="leo", role="attendee"))
