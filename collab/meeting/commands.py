"""What people ask of a meeting. Tags are on the wire: they never change."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from attrs import field, frozen
from attrs.validators import in_, max_len

from collab.limits import (
    DESCRIPTION_LEN_MAX,
    DURATION_MIN_MAX,
    ID_LEN_MAX,
    PAGE_LIMIT_DEFAULT,
    PAGE_LIMIT_MAX,
    PARTICIPANTS_MAX,
    TITLE_LEN_MAX,
)
from collab.meeting.state import ROLES
from collab.messages.checks import SEQ_MAX, identifier, number, words
from collab.names import KEY_PATTERN, is_key
from protocol.stated import stated

Role = Literal["host", "speaker", "attendee", "transcriber"]
TIME_MS_MAX: Final = SEQ_MAX  # Unix time, milliseconds.


def _is_user_id(_made: object, attribute: Any, value: object) -> None:
    if not isinstance(value, str) or len(value) > ID_LEN_MAX or not is_key(value):
        raise ValueError(f"{attribute.name} is not a user id")


def _user_id() -> Any:
    return field(validator=_is_user_id, metadata=stated(pattern=KEY_PATTERN, maxLength=ID_LEN_MAX))


@frozen(kw_only=True)
class Invitee:
    """Somebody to invite, and as what."""

    user_id: str = _user_id()
    role: Role = field(validator=in_(ROLES))


# ---------------------------------------------------------------- lifecycle


@frozen(kw_only=True)
class Schedule:
    """Create the meeting; the caller becomes its owner and first host, the others are invited.

    ``org_id``: the caller's organisation (default), whose admins then have a say. The caller
    among the participants is ignored: an owner is a host. Answered with ``{"status"}``.
    """

    TAG: ClassVar[str] = "meeting.schedule"

    title: str = words(TITLE_LEN_MAX, len_min=1)
    description: str = words(DESCRIPTION_LEN_MAX, default="")
    planned_start_ms: int | None = number(0, TIME_MS_MAX, default=None)
    duration_min: int | None = number(1, DURATION_MIN_MAX, default=None)
    participants: list[Invitee] = field(factory=list, validator=max_len(PARTICIPANTS_MAX - 1))
    org_id: str | None = identifier(default=None)


@frozen(kw_only=True)
class Update:
    """Change title or description; what is absent stays. Answered with ``{"status"}``."""

    TAG: ClassVar[str] = "meeting.update"

    title: str | None = words(TITLE_LEN_MAX, len_min=1, default=None)
    description: str | None = words(DESCRIPTION_LEN_MAX, default=None)


@frozen(kw_only=True)
class Reschedule:
    """Plan another time; an absent duration stays. Answered with ``{"status"}``."""

    TAG: ClassVar[str] = "meeting.reschedule"

    planned_start_ms: int = number(0, TIME_MS_MAX)
    duration_min: int | None = number(1, DURATION_MIN_MAX, default=None)


@frozen(kw_only=True)
class Start:
    """Go live. Answered with ``{"status"}``."""

    TAG: ClassVar[str] = "meeting.start"


@frozen(kw_only=True)
class End:
    """End it for everybody; the record stays readable. Answered with ``{"status"}``."""

    TAG: ClassVar[str] = "meeting.end"


@frozen(kw_only=True)
class Cancel:
    """Call it off before its start. Answered with ``{"status"}``."""

    TAG: ClassVar[str] = "meeting.cancel"


@frozen(kw_only=True)
class Transfer:
    """Make a joined participant the owner; the owner until now becomes a speaker.

    By the owner, or by an admin of the organisation. Answered with ``{"owner_id"}``.
    """

    TAG: ClassVar[str] = "meeting.transfer"

    user_id: str = _user_id()


# ---------------------------------------------------------------- people


@frozen(kw_only=True)
class Invite:
    """Let somebody join. Answered with ``{"user_id", "role", "standing"}``.

    The same invitation again changes nothing. Only the owner invites hosts.
    """

    TAG: ClassVar[str] = "participants.invite"

    user_id: str = _user_id()
    role: Role = field(validator=in_(ROLES))


@frozen(kw_only=True)
class Join:
    """Take part, with the role of the invitation. Answered with the person; may be repeated."""

    TAG: ClassVar[str] = "participants.join"


@frozen(kw_only=True)
class Leave:
    """Take part no more, or decline; coming back is possible. Not for the owner."""

    TAG: ClassVar[str] = "participants.leave"


@frozen(kw_only=True)
class Dismiss:
    """Shut somebody out until they are invited again. Only the owner shuts out hosts."""

    TAG: ClassVar[str] = "participants.remove"

    user_id: str = _user_id()


@frozen(kw_only=True)
class SetRole:
    """Give somebody another role. Only the owner makes and unmakes hosts."""

    TAG: ClassVar[str] = "participants.set_role"

    user_id: str = _user_id()
    role: Role = field(validator=in_(ROLES))


# ---------------------------------------------------------------- queries


@frozen(kw_only=True)
class Get:
    """Read title, status, times and owner, and one's own role."""

    TAG: ClassVar[str] = "meeting.get"


@frozen(kw_only=True)
class ListPeople:
    """List who is invited or has joined, by user id, after ``after``.

    Answered with ``{"participants", "has_more"}``.
    """

    TAG: ClassVar[str] = "participants.list"

    after: str | None = identifier(default=None)
    limit: int = number(1, PAGE_LIMIT_MAX, default=PAGE_LIMIT_DEFAULT)
