"""The document as it was: from a stored state and the journal's updates after it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
import trio
from attrs import frozen

from collab.errors import LimitExceeded, NotFound
from collab.kind import Answer, Context, Reader
from collab.limits import NOTES_REPLAY_EVENTS_MAX, NOTES_REPLAY_PAGE, NOTES_SHOWN_BYTES_MAX
from collab.notes.commands import NotesAt, NotesHalved
from collab.notes.document import EMPTY, no_panic
from collab.notes.halving import grouped, halve
from collab.notes.markdown import to_text
from collab.notes.misplaced import readable
from collab.notes.playing import replayed
from collab.notes.state import HasNotes
from collab.notes.writing import STATES
from protocol.yjs import Id


class Step(NamedTuple):
    """One change of the document: the seq of its event, who caused it, its update."""

    seq: int
    by: str
    update: bytes


@frozen
class Past:
    """A stored state, and the updates after it, oldest first."""

    base: bytes
    updates: list[Step]

    def before(self, seq: int) -> bytes:
        """Return the whole state before event *seq*. Raises: DocumentFault."""
        return replayed(self.base, [step.update for step in self.updates if step.seq < seq])


async def load(reader: Reader, owner: str, *, first: int, last: int) -> Past:
    """Read what is needed to see the document before event *first*, and all updates up to *last*.

    Raises:
      LimitExceeded: too much happened between the stored state and *last*.
      JournalError: the history cannot be read.

    Cancelled: nothing happened.
    """
    stored = await reader.page(owner, STATES, before=first, limit=1)
    base, after = (stored[0].value, stored[0].position) if stored else (EMPTY, 0)
    if last - after > NOTES_REPLAY_EVENTS_MAX:
        raise LimitExceeded(f"more than {NOTES_REPLAY_EVENTS_MAX} events to read back")
    updates: list[Step] = []
    cuts: set[Id] = set()
    while after < last:
        limit = min(NOTES_REPLAY_PAGE, last - after)
        page = await reader.events(owner, after=after, limit=limit)
        updates += [
            Step(past.stamp.seq, past.stamp.by, past.event.update)
            for past in page
            if hasattr(past.event, "update")
        ]
        for past in page:
            if type(past.event) is NotesHalved:
                cuts.update((client, clock) for client, clock in past.event.cuts)
        if len(page) < limit:
            break
        after = page[-1].stamp.seq
    if not cuts:
        return Past(base, updates)
    return await trio.to_thread.run_sync(_halved, Past(base, updates), cuts)


def _halved(past: Past, cuts: set[Id]) -> Past:
    """Return *past* with the characters that its updates cut in two cut from the beginning."""
    by_client = grouped(cuts)
    steps = [step._replace(update=halve(step.update, by_client)) for step in past.updates]
    return Past(halve(past.base, by_client), steps)


def at(state: HasNotes, query: NotesAt, context: Context) -> Answer:
    """Return the document after event ``seq``, and what its roots read.

    Raises:
      NotFound: ``seq`` is not reached yet.
    """
    seq, owner, newest = query.seq, context.target, state.notes.seq
    if seq > context.seq:
        raise NotFound(f"the newest event is {context.seq}")

    async def read(reader: Reader) -> object:
        past = await load(reader, owner, first=min(seq, newest) + 1, last=min(seq, newest))
        return await trio.to_thread.run_sync(_shown, past, seq)

    return Answer(read=read)


def _shown(past: Past, seq: int) -> Mapping[str, Any]:
    update = past.before(seq + 1)
    return with_texts({"seq": seq, "update": update}, text=texts_of(update))


def with_texts(shown: Mapping[str, Any], **texts: Mapping[str, str]) -> Mapping[str, Any]:
    """Return *shown*, whose ``update`` is a document, with what its roots read.

    Of a document so long that no message could carry both, the texts are empty and ``is_long`` is
    true: whoever wants them reads them from the update.
    """
    room = NOTES_SHOWN_BYTES_MAX - len(base64.b64encode(shown["update"]))
    is_long = sum(len(orjson.dumps(text)) for text in texts.values()) > room
    told: Mapping[str, Mapping[str, str]] = {name: {} for name in texts} if is_long else texts
    return {**shown, **told, "is_long": is_long}


def texts_of(update: bytes) -> Mapping[str, str]:
    """Return what every root of the document *update* reads. Raises: DocumentFault."""
    doc = readable(update, is_judging_roots=False)
    with no_panic():
        return {root: to_text(doc, root) for root in sorted(doc.keys())}
