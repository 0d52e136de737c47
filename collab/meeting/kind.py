"""The kind ``meeting``: everything put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import MappingProxyType
from typing import Any, Final

from collab import messages, notes
from collab.kind import Caller, Context, Kind, Outcome, Put, Remove, Stamp, Topic
from collab.limits import PARTICIPANTS_MAX
from collab.meeting import lifecycle, lists, people, speech, view
from collab.meeting.commands import (
    Cancel,
    Dismiss,
    End,
    Get,
    Invite,
    Join,
    Leave,
    ListPeople,
    Reschedule,
    Schedule,
    SetRole,
    Start,
    Transfer,
    Update,
)
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
from collab.meeting.permissions import MEETING as PERMISSIONS
from collab.meeting.state import (
    ABSENT,
    INVITED,
    OPEN,
    SPEAKER,
    MeetingState,
    new_state,
    role_of,
)
from collab.messages.counting import MessagesCounted, Ring
from collab.permission import noteworthy
from collab.transcript.commands import AddChunk, AddChunks, PageTranscript, RangeTranscript
from collab.transcript.events import BucketSealed, ChunkAdded
from collab.user.profile.cards import GetCards
from collab.user.still_guest import if_still_guest

Decide = Callable[[MeetingState, Any, Context], Outcome]


def _while_open(decide: Decide) -> Decide:
    """Put the meeting's own rule before a rule of the messages or the notes."""

    @wraps(decide)
    def guarded(state: MeetingState, command: Any, context: Context) -> Outcome:
        lifecycle.check_status(state, command.TAG)
        return decide(state, command, context)

    return guarded


_ROWS: Final[Mapping[type, Callable[[MeetingState, Any, Stamp], Sequence[Put | Remove]]]] = (
    MappingProxyType(
        {
            BucketSealed: lambda _state, event, _stamp: speech.rows(event),
            **dict.fromkeys(messages.EVENTS, messages.rows),
            **dict.fromkeys(notes.EVENTS, notes.rows),
        }
    )
)


def _rows(state: MeetingState, event: Any, stamp: Stamp) -> Sequence[Put | Remove]:
    rows = _ROWS.get(type(event))
    return () if rows is None else rows(state, event, stamp)


def welcome(state: MeetingState, caller: Caller, context: Context) -> Sequence[Any]:
    """Let a developer in who is new here: the first one as owner of a live meeting.

    Everybody else becomes a speaker, or what they were invited as. Whoever left, was removed or
    comes after the end is not let in: these are rules that developers want to see at work.
    """
    if not caller.is_dev:
        return ()
    user_id = caller.user_id
    if state.status == ABSENT:
        created = MeetingScheduled(
            title=context.target.partition(":")[2],
            description="",
            planned_start_ms=None,
            duration_min=None,
            org_id=caller.org_id,
            owner_id=user_id,
        )
        return (created, MeetingStarted())
    person = state.people.get(user_id)
    if state.status not in OPEN or (person is not None and person.standing != INVITED):
        return ()
    if person is None and len(state.people) >= PARTICIPANTS_MAX:
        return ()
    role = SPEAKER if person is None else person.role
    return (ParticipantJoined(user_id=user_id, role=role),)


MEETING: Final[Kind[MeetingState]] = Kind(
    name="meeting",
    new_state=new_state,
    commands={
        Schedule: if_still_guest(lifecycle.schedule),
        Update: lifecycle.update,
        Reschedule: lifecycle.reschedule,
        Start: lifecycle.start,
        End: lifecycle.end,
        Cancel: lifecycle.cancel,
        Invite: if_still_guest(people.invite),
        Join: people.join,
        Leave: people.leave,
        Dismiss: people.dismiss,
        SetRole: people.set_role,
        Transfer: people.transfer,
        AddChunk: speech.add,
        AddChunks: speech.add_many,
        **{command: _while_open(decide) for command, decide in messages.COMMANDS.items()},
        **{command: _while_open(decide) for command, decide in notes.COMMANDS.items()},
    },
    immediate=frozenset({AddChunk, AddChunks}),
    quiet=frozenset({ChunkAdded}),
    idempotent=frozenset({AddChunk, AddChunks, notes.EditNotes}),
    presence_with="participants",
    concludes=lambda event: isinstance(event, MeetingEnded),
    redacts=messages.redacts,
    redacted=messages.redacted,
    queries={
        Get: view.get,
        ListPeople: view.list_people,
        GetCards: view.cards,
        PageTranscript: speech.page,
        RangeTranscript: speech.between,
        **messages.QUERIES,
        **notes.QUERIES,
    },
    events={
        MeetingScheduled: lifecycle.scheduled,
        MeetingUpdated: lifecycle.updated,
        MeetingRescheduled: lifecycle.rescheduled,
        MeetingStarted: lifecycle.started,
        MeetingEnded: lifecycle.ended,
        MeetingCancelled: lifecycle.cancelled,
        ParticipantInvited: people.invited,
        ParticipantJoined: people.joined,
        ParticipantLeft: people.left,
        ParticipantRemoved: people.removed,
        RoleChanged: people.role_changed,
        OwnershipTransferred: people.transferred,
        ChunkAdded: speech.added,
        BucketSealed: speech.sealed,
        MessagesCounted: messages.counting.counted,
        **messages.EVENTS,
        **notes.EVENTS,
    },
    topics={
        "state": Topic(
            events=(
                MeetingScheduled,
                MeetingUpdated,
                MeetingRescheduled,
                MeetingStarted,
                MeetingEnded,
                MeetingCancelled,
            ),
            snapshot=view.describe,
        ),
        "participants": Topic(
            events=(
                ParticipantInvited,
                ParticipantJoined,
                ParticipantLeft,
                ParticipantRemoved,
                RoleChanged,
                OwnershipTransferred,
            ),
            snapshot=view.participants,
        ),
        "transcript": Topic(
            events=(ChunkAdded, BucketSealed), snapshot=speech.snapshot, is_batched=True
        ),
        "messages": Topic(events=messages.TOPIC_EVENTS, snapshot=messages.snapshot),
        "notes": Topic(events=notes.TOPIC_EVENTS, snapshot=notes.snapshot),
    },
    role_of=role_of,
    permissions=PERMISSIONS,
    rows=_rows,
    signals_of=lists.signals_of,
    needs=messages.needs,
    load=messages.load,
    study=notes.study,
    settle=notes.settle,
    welcome=welcome,
    revokes=lists.revokes,
    signals={Ring: lists.ring},
    wakes_at=lists.wakes_at,
    audited=noteworthy.MEETING,
)
