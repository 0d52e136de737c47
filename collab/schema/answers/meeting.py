"""Answers about meetings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypedDict

from collab.kind import Tagged
from collab.meeting import commands

Status = Literal["", "scheduled", "live", "ended", "cancelled"]
Role = Literal["host", "speaker", "attendee", "transcriber"]
Standing = Literal["invited", "joined", "left", "removed"]


class Meeting(TypedDict):
    """A meeting: title, status, times and owner. Times are Unix milliseconds."""

    status: Status
    title: str
    description: str
    planned_start_ms: int | None
    duration_min: int | None
    org_id: str | None
    owner_id: str
    created_at_ms: int | None
    started_at_ms: int | None
    ended_at_ms: int | None


class MeetingAndRole(Meeting):
    """A meeting, and the caller's own role in it."""

    role: str


class MeetingStatus(TypedDict):
    """How the meeting stands after the command."""

    status: Status


class MeetingOwner(TypedDict):
    """Who owns the meeting now."""

    owner_id: str


class ParticipantStanding(TypedDict):
    """A person's role, and whether they are in."""

    user_id: str
    role: Role
    standing: Standing


class Participant(ParticipantStanding):
    """A person who is invited or has joined, and since when."""

    since_ms: int


class ParticipantsSnapshot(TypedDict):
    """Who is invited or has joined."""

    owner_id: str
    participants: list[Participant]


class ParticipantsPage(TypedDict):
    """One page of them, by user id."""

    participants: list[Participant]
    has_more: bool


ANSWERS: Final[Mapping[type[Tagged], Any]] = MappingProxyType(
    {
        commands.Schedule: MeetingStatus,
        commands.Update: MeetingStatus,
        commands.Reschedule: MeetingStatus,
        commands.Start: MeetingStatus,
        commands.End: MeetingStatus,
        commands.Cancel: MeetingStatus,
        commands.Transfer: MeetingOwner,
        commands.Invite: ParticipantStanding,
        commands.Join: ParticipantStanding,
        commands.Leave: ParticipantStanding,
        commands.Dismiss: ParticipantStanding,
        commands.SetRole: ParticipantStanding,
        commands.Get: MeetingAndRole,
        commands.ListPeople: ParticipantsPage,
    }
)
