"""Stretches of editing: who wrote when, for a list that people can read.

A moment is one author's edits without a pause longer than ``NOTES_MOMENT_PAUSE_MS``. It is kept in
memory while it goes on and becomes a row, at the seq of its first edit, when somebody edits after
its end. Time comes from the events, so a replay ends the same moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import asdict

from collab.kind import Answer, Context, Put, Reader, Stamp
from collab.limits import NOTES_MOMENT_PAUSE_MS, NOTES_MOMENT_SPAN_MS, NOTES_MOMENTS_OPEN_MAX
from collab.notes.commands import PageMoments
from collab.notes.state import HasNotes, Moment, NotesLog
from protocol.structure import pack, unpack

MOMENTS: Final = "notes_moments"  # Listing; position = seq of the first edit.


def extend(log: NotesLog, stamp: Stamp) -> None:
    """Evolve: one more edit; end the moments that its time shows to be over."""
    at_ms = stamp.at_ms
    log.closed = [
        moment
        for moment in log.moments.values()
        if at_ms - moment.until_ms > NOTES_MOMENT_PAUSE_MS
        or (moment.by == stamp.by and at_ms - moment.from_ms > NOTES_MOMENT_SPAN_MS)
    ]
    for moment in log.closed:
        del log.moments[moment.by]
    mine = log.moments.get(stamp.by)
    if mine is not None:
        mine.last_seq = stamp.seq
        mine.until_ms = at_ms
        mine.edits += 1
        return
    if len(log.moments) >= NOTES_MOMENTS_OPEN_MAX:
        log.closed.append(log.moments.pop(next(iter(log.moments))))
    log.moments[stamp.by] = Moment(stamp.by, stamp.seq, stamp.seq, at_ms, at_ms)


def rows(log: NotesLog) -> Sequence[Put]:
    """Return the moments that the newest edit ended."""
    return [Put(MOMENTS, moment.first_seq, pack(moment)) for moment in log.closed]


def page(state: HasNotes, query: PageMoments, context: Context) -> Answer:
    """Return the newest moments before one, those that go on included."""
    before, limit, owner = query.before, query.limit, context.target
    going_on = [
        asdict(moment)
        for moment in state.notes.moments.values()
        if before is None or moment.first_seq < before
    ]

    async def read(reader: Reader) -> object:
        items = await reader.page(owner, MOMENTS, before=before, limit=limit + 1)
        found: list[dict[str, Any]] = [asdict(unpack(item.value, Moment)) for item in items]
        found = sorted(found + going_on, key=_place)
        return {"moments": found[-limit:], "more": len(found) > limit}

    return Answer(read=read)


def _place(moment: dict[str, Any]) -> int:
    first_seq: int = moment["first_seq"]
    return first_seq
