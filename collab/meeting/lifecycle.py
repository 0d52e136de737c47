"""From plan to end. The table first; everything else follows from it.

::

    (absent) --schedule--> scheduled --start--> live --end--> ended
                               \\--cancel--> cancelled

Whoever may do a thing at all (``permissions``) may do it while the meeting has one of the statuses
that the table lists; otherwise the answer is ``conflict`` and nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from collab.errors import BadRequest, Conflict, LimitExceeded, PermissionDenied
from collab.kind import Context, Outcome, Stamp
from collab.limits import PARTICIPANTS_MAX
from collab.meeting.commands import Cancel, End, Reschedule, Schedule, Start, Update
from collab.meeting.events import (
    MeetingCancelled,
    MeetingEnded,
    MeetingRescheduled,
    MeetingScheduled,
    MeetingStarted,
    MeetingUpdated,
    Seat,
)
from collab.meeting.state import (
    ABSENT,
    CANCELLED,
    ENDED,
    HOST,
    INVITED,
    JOINED,
    LIVE,
    OPEN,
    SCHEDULED,
    MeetingState,
    Person,
)
from collab.transcript import sealing

_EXISTS: Final = frozenset({SCHEDULED, LIVE, ENDED, CANCELLED})

ALLOWED_IN: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "meeting.schedule": frozenset({ABSENT}),
        "meeting.update": OPEN,
        "meeting.reschedule": frozenset({SCHEDULED}),
        "meeting.start": frozenset({SCHEDULED}),
        "meeting.end": frozenset({LIVE}),
        "meeting.cancel": frozenset({SCHEDULED}),
        "meeting.transfer": OPEN,
        "participants.invite": OPEN,
        "participants.join": OPEN,
        "participants.set_role": OPEN,
        "participants.leave": _EXISTS,  # Giving access up, and taking it away, is always possible.
        "participants.remove": _EXISTS,
        "transcript.add": frozenset({LIVE}),
        "transcript.add_many": frozenset({LIVE}),
        "messages.post": OPEN,
        "messages.edit": OPEN,
        "messages.delete": OPEN,
        "messages.delete_any": OPEN,
        "messages.react": OPEN,
        "notes.edit": OPEN,
        "notes.name_version": OPEN,
        "notes.discard_branch": OPEN,
        "notes.undo": OPEN,
        "notes.redo": OPEN,
        "notes.restore": OPEN,
        "notes.merge_branch": OPEN,
        "notes.import": OPEN,
    }
)


def check_status(state: MeetingState, action: str) -> None:
    """Raise ``Conflict`` unless the meeting's status allows *action*."""
    if state.status not in ALLOWED_IN[action]:
        raise Conflict(f"{action} is not possible: the meeting is {state.status or 'not there'}")


# ---------------------------------------------------------------- decide


def schedule(state: MeetingState, command: Schedule, context: Context) -> Outcome:
    """Bring the meeting into being, with its owner and everybody invited in one event.

    Raises:
      Conflict: it exists.
      PermissionDenied: for another organisation than the caller's.
      BadRequest: somebody is named twice.
    """
    check_status(state, command.TAG)
    caller = context.caller
    if command.org_id is not None and command.org_id != caller.org_id:
        raise PermissionDenied(command.TAG, f"organisation {command.org_id}")
    seats = [
        Seat(user_id=invitee.user_id, role=invitee.role)
        for invitee in command.participants
        if invitee.user_id != caller.user_id
    ]
    if len({seat.user_id for seat in seats}) != len(seats):
        raise BadRequest("participants name somebody twice")
    if len(seats) >= PARTICIPANTS_MAX:
        raise LimitExceeded(f"a meeting has at most {PARTICIPANTS_MAX} participants")
    event = MeetingScheduled(
        title=command.title,
        description=command.description,
        planned_start_ms=command.planned_start_ms,
        duration_min=command.duration_min,
        org_id=caller.org_id,
        owner_id=caller.user_id,
        participants=seats,
    )
    return Outcome([event], {"status": SCHEDULED})


def update(state: MeetingState, command: Update, _context: Context) -> Outcome:
    """Change what is given; if that is how it is already, nothing.

    Raises:
      BadRequest: nothing was given.
    """
    check_status(state, command.TAG)
    if command.title is None and command.description is None:
        raise BadRequest("give a title or a description")
    title = state.title if command.title is None else command.title
    description = state.description if command.description is None else command.description
    value = {"status": state.status}
    if (title, description) == (state.title, state.description):
        return Outcome(value=value)
    return Outcome([MeetingUpdated(title=title, description=description)], value)


def reschedule(state: MeetingState, command: Reschedule, _context: Context) -> Outcome:
    """Plan another time; the planned one again changes nothing."""
    check_status(state, command.TAG)
    duration_min = state.duration_min if command.duration_min is None else command.duration_min
    value = {"status": state.status}
    if (command.planned_start_ms, duration_min) == (state.planned_start_ms, state.duration_min):
        return Outcome(value=value)
    event = MeetingRescheduled(planned_start_ms=command.planned_start_ms, duration_min=duration_min)
    return Outcome([event], value)


def start(state: MeetingState, command: Start, _context: Context) -> Outcome:
    """Go live."""
    check_status(state, command.TAG)
    return Outcome([MeetingStarted()], {"status": LIVE})


def end(state: MeetingState, command: End, _context: Context) -> Outcome:
    """Seal the transcript, then end: in one write, so that the record is whole."""
    check_status(state, command.TAG)
    return Outcome([*sealing.seal_all(state.transcript), MeetingEnded()], {"status": ENDED})


def cancel(state: MeetingState, command: Cancel, _context: Context) -> Outcome:
    """Call it off."""
    check_status(state, command.TAG)
    return Outcome([MeetingCancelled()], {"status": CANCELLED})


# ---------------------------------------------------------------- evolve


def scheduled(state: MeetingState, event: MeetingScheduled, stamp: Stamp) -> None:
    """Fill in everything; the owner has joined."""
    state.status = SCHEDULED
    state.title = event.title
    state.description = event.description
    state.planned_start_ms = event.planned_start_ms
    state.duration_min = event.duration_min
    state.org_id = event.org_id
    state.owner_id = event.owner_id
    state.created_at_ms = stamp.at_ms
    state.people[event.owner_id] = Person(HOST, JOINED, stamp.at_ms)
    for seat in event.participants:
        state.people[seat.user_id] = Person(
            seat.role, INVITED, stamp.at_ms, invited_by=event.owner_id, inviter_org=event.org_id
        )


def updated(state: MeetingState, event: MeetingUpdated, _stamp: Stamp) -> None:
    """Take over title and description."""
    state.title = event.title
    state.description = event.description


def rescheduled(state: MeetingState, event: MeetingRescheduled, _stamp: Stamp) -> None:
    """Take over the planned time."""
    state.planned_start_ms = event.planned_start_ms
    state.duration_min = event.duration_min


def started(state: MeetingState, _event: MeetingStarted, stamp: Stamp) -> None:
    """It is live from the event's time on."""
    state.status = LIVE
    state.started_at_ms = stamp.at_ms


def ended(state: MeetingState, _event: MeetingEnded, stamp: Stamp) -> None:
    """It is over; the transcript needs no memory of segments any more."""
    state.status = ENDED
    state.ended_at_ms = stamp.at_ms
    sealing.close(state.transcript)


def cancelled(state: MeetingState, _event: MeetingCancelled, stamp: Stamp) -> None:
    """It will not take place."""
    state.status = CANCELLED
    state.ended_at_ms = stamp.at_ms
