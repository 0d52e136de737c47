"""What participants' own lists (``user:ID``) are told, and whom an event shuts out.

A person's list shows the meetings that they are invited to or have joined: title, status, planned
start and their role there. Signals carry the causing event's seq as ``version``, so that late and
doubled ones do no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from collab.kind import Context, Outcome, Signal, Stamp
from collab.meeting.events import (
    MeetingCancelled,
    MeetingEnded,
    MeetingRescheduled,
    MeetingScheduled,
    MeetingStarted,
    MeetingUpdated,
    OwnershipTransferred,
    ParticipantInvited,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantRemoved,
    RoleChanged,
)
from collab.meeting.permissions import MEETING
from collab.meeting.state import INVITED, JOINED, MeetingState
from collab.messages import counting
from collab.messages.counting import MessagesCounted, Ring
from collab.user.commands import LIST_SLOT, ListItem, UnlistItem

_FOR_ALL: Final = (
    MeetingScheduled,
    MeetingUpdated,
    MeetingRescheduled,
    MeetingStarted,
    MeetingEnded,
    MeetingCancelled,
)
_SEEN_IN_LISTS: Final = frozenset(
    {
        *_FOR_ALL,
        ParticipantInvited,
        ParticipantJoined,
        ParticipantLeft,
        ParticipantRemoved,
        RoleChanged,
        OwnershipTransferred,
    }
)


def signals_of(state: MeetingState, event: Any, stamp: Stamp) -> Sequence[Signal]:
    """Return what the lists of those affected must show now."""
    if type(event) not in _SEEN_IN_LISTS:
        if type(event) is MessagesCounted:
            return counting.signals(state.messages, state.target, present(state))
        return ()  # Nearly all: speech and messages.
    if isinstance(event, _FOR_ALL):
        return _listed(state, state.people, stamp)
    if isinstance(event, ParticipantInvited | ParticipantJoined | RoleChanged):
        return _listed(state, (event.user_id,), stamp)
    if isinstance(event, OwnershipTransferred):
        return _listed(state, (event.from_id, event.to_id), stamp)
    command = UnlistItem(target=state.target, at_ms=stamp.at_ms, version=stamp.seq, by=stamp.by)
    return (Signal(f"user:{event.user_id}", command, LIST_SLOT),)


def present(state: MeetingState) -> list[str]:
    """Return who has joined."""
    return [user_id for user_id, person in state.people.items() if person.standing == JOINED]


def ring(state: MeetingState, _ring: Ring, context: Context) -> Outcome:
    """Tell the participants how many messages there are, if it is time."""
    return counting.count(state.messages, len(state.people), context)


def wakes_at(state: MeetingState) -> int | None:
    """Return when they are to be told."""
    return counting.wakes_at(state.messages, len(state.people))


def _listed(state: MeetingState, user_ids: Iterable[str], stamp: Stamp) -> list[Signal]:
    people = state.people
    return [
        Signal(f"user:{user_id}", _item(state, user_id, stamp), LIST_SLOT)
        for user_id in user_ids
        if people[user_id].standing in (INVITED, JOINED)
    ]


def _item(state: MeetingState, user_id: str, stamp: Stamp) -> ListItem:
    person = state.people[user_id]
    return ListItem(
        kind="meeting",
        target=state.target,
        title=state.title,
        status=state.status,
        role=person.role,
        planned_start_ms=state.planned_start_ms,
        at_ms=stamp.at_ms,
        version=stamp.seq,
        standing="invited" if person.standing == INVITED else "joined",
        by=stamp.by,
        invited_by=person.invited_by,
        inviter_org=person.inviter_org,
        count=state.messages.count,
        seen=state.messages.seen.get(user_id, 0),
    )


def revokes(_state: MeetingState, event: Any) -> Sequence[str]:
    """Return who may not read on what they read before.

    With a role that reads less, too: that person subscribes again to what is left.
    """
    if isinstance(event, ParticipantLeft | ParticipantRemoved):
        return (event.user_id,)
    if isinstance(event, RoleChanged) and _reads(event.was) - _reads(event.role):
        return (event.user_id,)
    return ()


def _reads(role: str) -> frozenset[str]:
    return frozenset(action for action in MEETING[role] if action.startswith("read:"))
