"""One edit of a Yjs client, from message to outcome; and which events are a client's own.

Yjs clients have no answer that says "later". So while the owner of the document says so, with a
time, the edit is sent again from here; its client waits, as for any edit, and nothing is lost if
it leaves meanwhile: what was never accepted is in its own document.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from protocol.errors import WireError
from protocol.gateway import EventFrame
from protocol.yjs.limits import DOOR_CALLS_MAX, DOOR_EDIT_TRIES_MAX

if TYPE_CHECKING:
    from protocol.yjs.door_visit import Visit

_NOTHING: Final = object()  # Equal to no update.
_LATER: Final = frozenset({"rate_limited", "overloaded"})


class Edit:
    """See the module. *answer*: which of our questions it answers, if one."""

    __slots__ = ("_answer", "_tries", "_update", "_visit")

    def __init__(self, visit: Visit, update: bytes, answer: int | None) -> None:
        self._visit = visit
        self._update = update
        self._answer = answer
        self._tries = 0

    def send(self) -> None:
        """Ask the owner to take it."""
        self._tries += 1
        self._visit.call_edit(self._update, self._done, self._refused)

    def _done(self, _value: object, seq: int | None) -> None:
        self._visit.edit_accepted(self._update, seq, self._answer)

    def _refused(self, error: WireError) -> None:
        again_ms = error.retry_after_ms if error.code in _LATER else None
        if again_ms is None or self._tries == DOOR_EDIT_TRIES_MAX:
            self._visit.edit_refused(error, self._answer)
        else:
            self._visit.start_child(partial(self._again, again_ms / 1000))

    async def _again(self, delay_s: float) -> None:
        """Cancelled: the connection is ending."""
        with self._visit.waiting():
            await trio.sleep(delay_s)
        if not self._visit.is_over:
            self.send()


class OwnUpdates:
    """What a client sent and has yet to pass by among the events: it has that already."""

    __slots__ = ("_by_seq",)

    def __init__(self) -> None:
        self._by_seq: dict[int, bytes] = {}

    @property
    def is_empty(self) -> bool:
        """True if nothing is to be left out."""
        return not self._by_seq

    def add(self, seq: int, update: bytes) -> None:
        """The client's *update* became event *seq*, or was known by then."""
        self._by_seq[seq] = update
        if len(self._by_seq) > DOOR_CALLS_MAX:
            del self._by_seq[next(iter(self._by_seq))]

    def left_out_of(self, frame: EventFrame) -> EventFrame:
        """Return *frame* without the updates that the client sent; itself if it has none."""
        own, events = self._by_seq, frame.events
        if not own:
            return frame
        others = [e for e in events if own.get(e["seq"], _NOTHING) != e["data"].get("update")]
        for seq in [seq for seq in own if seq <= frame.seq]:
            del own[seq]
        if len(others) == len(events):
            return frame
        return EventFrame(frame.target, frame.after, frame.seq, others)
