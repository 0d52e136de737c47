"""A meeting with everybody in it, for tests."""

from __future__ import annotations

from typing import Final

from collab.kind import Caller
from collab.meeting import MEETING
from collab.meeting.commands import Cancel, End, Invitee, Join, Leave, Role, Schedule, Start
from collab.meeting.state import MeetingState
from tests.collab.messages.stage import Stage

OLIVIA: Final = Caller("olivia", org_id="acme")  # Owner, hence host.
HUGO: Final = Caller("hugo")  # Another host.
SAM: Final = Caller("sam")  # Speaker.
ANN: Final = Caller("ann")  # Attendee.
BOT: Final = Caller("bot")  # Transcriber.
IVY: Final = Caller("ivy")  # Invited only.
LEO: Final = Caller("leo")  # Has left.
MALLORY: Final = Caller("mallory")  # Outsider.
ADA: Final = Caller("ada", org_id="acme", org_role="admin")
EVE: Final = Caller("eve", org_id="other", org_role="admin")

SEATS: Final[tuple[tuple[Caller, Role], ...]] = (
    (HUGO, "host"),
    (SAM, "speaker"),
    (ANN, "attendee"),
    (BOT, "transcriber"),
    (IVY, "attendee"),
    (LEO, "speaker"),
)


def absent() -> Stage[MeetingState]:
    return Stage(MEETING, "m")


def scheduled() -> Stage[MeetingState]:
    meeting = absent()
    meeting.do(
        OLIVIA,
        Schedule(
            title="Plan",
            planned_start_ms=5_000_000,
            duration_min=30,
            participants=[Invitee(user_id=who.user_id, role=role) for who, role in SEATS],
        ),
    )
    for who in (HUGO, SAM, ANN, BOT, LEO):
        meeting.do(who, Join())
    meeting.do(LEO, Leave())
    return meeting


def live() -> Stage[MeetingState]:
    meeting = scheduled()
    meeting.do(OLIVIA, Start())
    return meeting


def ended() -> Stage[MeetingState]:
    meeting = live()
    meeting.do(OLIVIA, End())
    return meeting


def cancelled() -> Stage[MeetingState]:
    meeting = scheduled()
    meeting.do(OLIVIA, Cancel())
    return meeting


def alone() -> Stage[MeetingState]:
    """A live meeting with nobody but its owner."""
    meeting = absent()
    meeting.do(OLIVIA, Schedule(title="Plan"))
    meeting.do(OLIVIA, Start())
    return meeting
