"""What happened to a meeting. Journaled: tags and fields never change."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen


@frozen(kw_only=True)
class Seat:
    """A person and the role they are meant to have."""

    user_id: str
    role: str


@frozen(kw_only=True)
class MeetingScheduled:
    """The meeting came into being. Its owner has joined, the others are invited."""

    TAG: ClassVar[str] = "meeting.scheduled"

    title: str
    description: str
    planned_start_ms: int | None
    duration_min: int | None
    org_id: str | None
    owner_id: str
    participants: list[Seat] = field(factory=list)  # Without the owner.


@frozen(kw_only=True)
class MeetingUpdated:
    """Title and description as they are now."""

    TAG: ClassVar[str] = "meeting.updated"

    title: str
    description: str


@frozen(kw_only=True)
class MeetingRescheduled:
    """Planned time as it is now."""

    TAG: ClassVar[str] = "meeting.rescheduled"

    planned_start_ms: int | None
    duration_min: int | None


@frozen(kw_only=True)
class MeetingStarted:
    """It is live. When: the event's own time."""

    TAG: ClassVar[str] = "meeting.started"


@frozen(kw_only=True)
class MeetingEnded:
    """It is over: nothing is written any more. All transcript buckets were sealed just before."""

    TAG: ClassVar[str] = "meeting.ended"


@frozen(kw_only=True)
class MeetingCancelled:
    """It will not take place."""

    TAG: ClassVar[str] = "meeting.cancelled"


@frozen(kw_only=True)
class ParticipantInvited:
    """May join with *role*; also somebody who had left or was removed."""

    TAG: ClassVar[str] = "participant.invited"

    user_id: str
    role: str
    by_org: str | None = None  # The organisation of whoever invited them.


@frozen(kw_only=True)
class ParticipantJoined:
    """Sees everything from here on."""

    TAG: ClassVar[str] = "participant.joined"

    user_id: str
    role: str


@frozen(kw_only=True)
class ParticipantLeft:
    """Sees nothing from here on; may join again."""

    TAG: ClassVar[str] = "participant.left"

    user_id: str


@frozen(kw_only=True)
class ParticipantRemoved:
    """Sees nothing from here on; joins again only by invitation."""

    TAG: ClassVar[str] = "participant.removed"

    user_id: str


@frozen(kw_only=True)
class RoleChanged:
    """A person's role is another one; *was* tells which access ends."""

    TAG: ClassVar[str] = "participant.role_changed"

    user_id: str
    role: str
    was: str


@frozen(kw_only=True)
class OwnershipTransferred:
    """One owner gave way to another, who is a host now; the old one is a speaker."""

    TAG: ClassVar[str] = "meeting.transferred"

    from_id: str
    to_id: str
