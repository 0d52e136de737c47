"""The transcript's rules behind the meeting's own: only while live, nobody speaks as another.

A transcriber writes down what anybody says. Hosts and speakers bring their own speech, under
their own id or under a name that is nobody's here (a provisional label).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collab.errors import PermissionDenied
from collab.kind import Answer, Caller, Context, Outcome, Put, Stamp
from collab.meeting.lifecycle import check_status
from collab.meeting.state import TRANSCRIBER, MeetingState
from collab.transcript import rules, sealing, view
from collab.transcript.commands import AddChunk, AddChunks, Chunk, PageTranscript, RangeTranscript
from collab.transcript.events import BucketSealed, ChunkAdded


def add(state: MeetingState, command: AddChunk, context: Context) -> Outcome:
    """Add one chunk; see ``collab.transcript.rules.add``.

    Raises:
      Conflict: the meeting is not live.
      PermissionDenied: another person's speech.
    """
    check_status(state, command.TAG)
    _check_speakers(state, (command,), context)
    return rules.add(state.transcript, command, context.seq)


def add_many(state: MeetingState, command: AddChunks, context: Context) -> Outcome:
    """Add several; another person's speech among them refuses the call as a whole."""
    check_status(state, command.TAG)
    _check_speakers(state, command.chunks, context)
    return rules.add_many(state.transcript, command.chunks, context.seq)


def _check_speakers(state: MeetingState, chunks: Iterable[Chunk], context: Context) -> None:
    user_id = context.caller.user_id
    if state.people[user_id].role == TRANSCRIBER:
        return
    for chunk in chunks:
        if chunk.speaker != user_id and chunk.speaker in state.people:
            raise PermissionDenied("to write down another's speech", context.target)


def added(state: MeetingState, event: ChunkAdded, stamp: Stamp) -> None:
    """Take the chunk in."""
    rules.evolve_added(state.transcript, event, stamp)


def sealed(state: MeetingState, event: BucketSealed, stamp: Stamp) -> None:
    """Let the bucket go."""
    sealing.evolve_sealed(state.transcript, event, stamp)


def rows(event: object) -> Sequence[Put]:
    """Return the row of a bucket that was sealed just now."""
    return sealing.rows(event) if type(event) is BucketSealed else ()


def snapshot(state: MeetingState, _caller: Caller) -> object:
    """Return the live tail."""
    return view.snapshot(state.transcript)


def page(state: MeetingState, query: PageTranscript, context: Context) -> Answer:
    """Return a page of bucket parts."""
    return view.page(state.transcript, query, context.target)


def between(state: MeetingState, query: RangeTranscript, context: Context) -> Answer:
    """Return what was said in a range of time."""
    return view.between(state.transcript, query, context.target)
