"""Everything that a meeting's rules need. Plain attrs: snapshots are made of it generically."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from collab.kind import Caller
from collab.messages import MessageLog
from collab.notes import NotesLog
from collab.transcript.state import TranscriptState

# Status of a meeting. "" is a meeting that does not exist.
ABSENT: Final = ""
SCHEDULED: Final = "scheduled"
LIVE: Final = "live"
ENDED: Final = "ended"
CANCELLED: Final = "cancelled"
OPEN: Final = frozenset({SCHEDULED, LIVE})

# Roles of participants; the owner is always a host.
HOST: Final = "host"
SPEAKER: Final = "speaker"
ATTENDEE: Final = "attendee"
TRANSCRIBER: Final = "transcriber"
ROLES: Final = (HOST, SPEAKER, ATTENDEE, TRANSCRIBER)

# Where a person stands; only who has joined is a participant.
INVITED: Final = "invited"
JOINED: Final = "joined"
LEFT: Final = "left"
REMOVED: Final = "removed"  # Remembered, so that only an invitation lets them in again.


@define
class Person:
    """Somebody whom the meeting knows."""

    role: str
    standing: str
    since_ms: int  # Of the standing.
    invited_by: str | None = None  # None: they came by themselves.
    inviter_org: str | None = None


@define
class MeetingState:
    """One meeting."""

    target: str  # "meeting:key"
    status: str = ABSENT
    title: str = ""
    description: str = ""
    planned_start_ms: int | None = None
    duration_min: int | None = None
    org_id: str | None = None
    owner_id: str = ""  # Exactly one while the meeting exists: joined, and a host.
    created_at_ms: int | None = None
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    people: dict[str, Person] = field(factory=dict)  # By user id, in order of invitation.
    transcript: TranscriptState = field(factory=TranscriptState)
    messages: MessageLog = field(factory=MessageLog)
    notes: NotesLog = field(factory=NotesLog)


def new_state(key: str) -> MeetingState:
    """Return the meeting *key* before its first event."""
    return MeetingState(target=f"meeting:{key}")


def role_of(state: MeetingState, caller: Caller) -> str:
    """Return the role under which *caller* is permitted; see ``permissions``."""
    if state.status == ABSENT:
        return "founder"
    person = state.people.get(caller.user_id)
    if person is not None and person.standing == JOINED:
        return person.role
    if is_org_admin(state, caller):
        return "org_admin" if state.status in OPEN else "archivist"
    if person is None or person.standing == REMOVED:
        return "outsider"
    return person.standing


def is_org_admin(state: MeetingState, caller: Caller) -> bool:
    """Say whether *caller* administers the organisation that the meeting belongs to."""
    is_same_org = state.org_id is not None and caller.org_id == state.org_id
    return is_same_org and caller.org_role == "admin"
