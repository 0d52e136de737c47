"""Who takes part: invitations, joining and leaving, roles, ownership.

* There is exactly one owner while the meeting exists: joined, and a host. Ownership moves in one
  event; the owner neither leaves nor is removed nor changes role in any other way.
* Only the owner (or an admin of the organisation) makes, unmakes and shuts out hosts.
* Joining gives access and leaving takes it in that very event, in the order of all others.
* Whoever was removed comes back only by invitation; whoever left may come back.
"""

from __future__ import annotations

from collab.errors import Conflict, LimitExceeded, NotFound, PermissionDenied
from collab.kind import Context, Outcome, Stamp
from collab.limits import PARTICIPANTS_MAX
from collab.meeting.commands import Dismiss, Invite, Join, Leave, SetRole, Transfer
from collab.meeting.events import (
    OwnershipTransferred,
    ParticipantInvited,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantRemoved,
    RoleChanged,
)
from collab.meeting.lifecycle import check_status
from collab.meeting.state import (
    HOST,
    INVITED,
    JOINED,
    LEFT,
    REMOVED,
    SPEAKER,
    MeetingState,
    Person,
    is_org_admin,
)

# ---------------------------------------------------------------- decide


def invite(state: MeetingState, command: Invite, context: Context) -> Outcome:
    """Invite somebody, or again somebody who left or was removed.

    Raises:
      Conflict: already invited or joined, with another role.
      PermissionDenied: as a host, by somebody who is not the owner.
      LimitExceeded: the meeting knows ``PARTICIPANTS_MAX`` people.
    """
    check_status(state, command.TAG)
    user_id, role = command.user_id, command.role
    person = state.people.get(user_id)
    role_before = person.role if person is not None and person.standing == LEFT else role
    _check_rank(state, command.TAG, context, role, role_before)
    if person is None and len(state.people) >= PARTICIPANTS_MAX:
        raise LimitExceeded(f"a meeting knows at most {PARTICIPANTS_MAX} people")
    if person is not None and person.standing in (INVITED, JOINED):
        if person.role != role:
            raise Conflict(f"{user_id} is {person.standing} already: use participants.set_role")
        return Outcome(value=_answer(user_id, role, person.standing))
    event = ParticipantInvited(user_id=user_id, role=role, by_org=context.caller.org_id)
    return Outcome([event], _answer(user_id, role, INVITED))


def join(state: MeetingState, command: Join, context: Context) -> Outcome:
    """Let an invited person in; somebody who is in stays in.

    Raises:
      Conflict: never invited (an admin of the organisation who wants in).
    """
    check_status(state, command.TAG)
    user_id = context.caller.user_id
    person = state.people.get(user_id)
    if person is None or person.standing == REMOVED:
        raise Conflict("you are not invited")
    value = _answer(user_id, person.role, JOINED)
    if person.standing == JOINED:
        return Outcome(value=value)
    return Outcome([ParticipantJoined(user_id=user_id, role=person.role)], value)


def leave(state: MeetingState, command: Leave, context: Context) -> Outcome:
    """Let somebody go, or take their refusal.

    Raises:
      Conflict: the owner, who has to transfer the meeting first.
    """
    check_status(state, command.TAG)
    user_id = context.caller.user_id
    _check_not_owner(state, user_id)
    value = _answer(user_id, state.people[user_id].role, LEFT)
    return Outcome([ParticipantLeft(user_id=user_id)], value)


def dismiss(state: MeetingState, command: Dismiss, context: Context) -> Outcome:
    """Shut somebody out; somebody who is out stays out.

    Raises:
      NotFound: the meeting does not know them.
      Conflict: the owner.
      PermissionDenied: a host, by somebody who is not the owner.
    """
    check_status(state, command.TAG)
    person = _find(state, command.user_id)
    value = _answer(command.user_id, person.role, REMOVED)
    if person.standing == REMOVED:
        return Outcome(value=value)
    _check_not_owner(state, command.user_id)
    _check_rank(state, command.TAG, context, person.role)
    return Outcome([ParticipantRemoved(user_id=command.user_id)], value)


def set_role(state: MeetingState, command: SetRole, context: Context) -> Outcome:
    """Change a role, for invited people and for those who left too.

    Raises:
      NotFound: the meeting does not know them, or they were removed.
      Conflict: the owner.
      PermissionDenied: to or from host, by somebody who is not the owner.
    """
    check_status(state, command.TAG)
    user_id, role = command.user_id, command.role
    person = _find(state, user_id)
    if person.standing == REMOVED:
        raise NotFound(f"{user_id} was removed: invite them again")
    value = _answer(user_id, role, person.standing)
    if person.role == role:
        return Outcome(value=value)
    _check_not_owner(state, user_id)
    _check_rank(state, command.TAG, context, person.role, role)
    return Outcome([RoleChanged(user_id=user_id, role=role, was=person.role)], value)


def transfer(state: MeetingState, command: Transfer, context: Context) -> Outcome:
    """Hand the meeting over to a participant, in one event.

    Raises:
      NotFound: the meeting does not know them.
      Conflict: they have not joined.
      PermissionDenied: by a host who is not the owner.
    """
    check_status(state, command.TAG)
    _check_rank(state, command.TAG, context, HOST)
    person = _find(state, command.user_id)
    if person.standing != JOINED:
        raise Conflict(f"{command.user_id} has not joined")
    value = {"owner_id": command.user_id}
    if command.user_id == state.owner_id:
        return Outcome(value=value)
    return Outcome([OwnershipTransferred(from_id=state.owner_id, to_id=command.user_id)], value)


def _find(state: MeetingState, user_id: str) -> Person:
    person = state.people.get(user_id)
    if person is None:
        raise NotFound(f"the meeting does not know {user_id}")
    return person


def _check_not_owner(state: MeetingState, user_id: str) -> None:
    if user_id == state.owner_id:
        raise Conflict("the owner has to transfer the meeting first")


def _check_rank(state: MeetingState, action: str, context: Context, *roles: str) -> None:
    """Hosts are above hosts only if they own the meeting or administer its organisation."""
    caller = context.caller
    if HOST in roles and caller.user_id != state.owner_id and not is_org_admin(state, caller):
        raise PermissionDenied(f"{action} for a host", context.target)


def _answer(user_id: str, role: str, standing: str) -> dict[str, str]:
    return {"user_id": user_id, "role": role, "standing": standing}


# ---------------------------------------------------------------- evolve


def invited(state: MeetingState, event: ParticipantInvited, stamp: Stamp) -> None:
    """They may join."""
    state.people[event.user_id] = Person(
        event.role, INVITED, stamp.at_ms, invited_by=stamp.by, inviter_org=event.by_org
    )
    state.messages.note_seen(event.user_id)


def joined(state: MeetingState, event: ParticipantJoined, stamp: Stamp) -> None:
    """They are in."""
    person = state.people.get(event.user_id)
    if person is None or person.standing != INVITED:
        state.messages.note_seen(event.user_id)
    person = person or Person(event.role, JOINED, stamp.at_ms)
    person.role, person.standing, person.since_ms = event.role, JOINED, stamp.at_ms
    state.people[event.user_id] = person


def left(state: MeetingState, event: ParticipantLeft, stamp: Stamp) -> None:
    """They are out, and may come back."""
    person = state.people[event.user_id]
    person.standing = LEFT
    person.since_ms = stamp.at_ms


def removed(state: MeetingState, event: ParticipantRemoved, stamp: Stamp) -> None:
    """They are out."""
    person = state.people[event.user_id]
    person.standing = REMOVED
    person.since_ms = stamp.at_ms


def role_changed(state: MeetingState, event: RoleChanged, _stamp: Stamp) -> None:
    """They have another role."""
    state.people[event.user_id].role = event.role


def transferred(state: MeetingState, event: OwnershipTransferred, _stamp: Stamp) -> None:
    """One owner before, one owner after."""
    state.people[event.from_id].role = SPEAKER
    state.people[event.to_id].role = HOST
    state.owner_id = event.to_id
