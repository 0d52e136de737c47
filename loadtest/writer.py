"""One author of a recording: a client of its own with a document of its own.

What others write is held back until one of its own edits has seen it, and applied then, no more
and no less; so every edit happens in the text in which it was recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio
from attrs import define, field
from pycrdt import Doc, Text, TransactionEvent

from collab.client import Event, Meeting, SharedText, SnapshotItem
from loadtest.trace_file import Edit, Trace

ROOT = "text"
# Of two words put into one place at the same time, the lower client id's comes first; the
# recordings were made with the agents in this order.
CLIENT_ID_FIRST = 1_000
SENT_AT_ONCE_MAX = 16  # Unacknowledged edits of one author; editors do not wait either.


class Disturbed(Exception):
    """The server made a writer start over: what it has seen can no longer be told exactly."""


@define
class Tally:
    """What all writers of a run count together."""

    saved: int = 0
    delivered: int = 0
    saved_after_s: list[float] = field(factory=list)
    delivered_after_s: list[float] = field(factory=list)
    sent_at: dict[tuple[int, int], float] = field(factory=dict)  # (agent, number) -> trio time


def user_of(agent: int) -> str:
    """Return who *agent* signs in as."""
    return f"writer-{agent}"


class Writer:
    """One agent of a trace."""

    def __init__(self, agent: int, trace: Trace, meeting: Meeting, tally: Tally) -> None:
        self._agent = agent
        self._trace = trace
        self._meeting = meeting
        self._tally = tally
        self._doc = Doc[Text](client_id=CLIENT_ID_FIRST + agent)
        self._doc.observe(self._note)
        self._made: list[bytes] = []
        self._is_applying = False
        self._received: list[tuple[int, int, bytes]] = []  # (agent, number of its edits, update)
        self._counts = [0] * trace.agents  # Edits received of each agent;
        self._seen = [0] * trace.agents  # and applied.
        self._arrived = trio.lowlevel.ParkingLot()
        self._agents = {user_of(n): n for n in range(trace.agents)}
        self.is_following = trio.Event()

    @property
    def text(self) -> str:
        """What this replica says."""
        return str(self._shared)

    @property
    def _shared(self) -> SharedText:
        return SharedText(lambda: self._doc, ROOT)

    # ------------------------------------------------------------ receiving

    async def follow(self) -> None:
        """Take what comes, and hold it back. Raises: Disturbed."""
        async with self._meeting.follow(topics=["notes"]) as follower:
            while items := await follower.batch():
                for item in items:
                    if isinstance(item, Event) and "update" in item.data:
                        self._hold(item)
                    elif isinstance(item, SnapshotItem):
                        if self.is_following.is_set():
                            raise Disturbed(item.reset_reason)
                        self.is_following.set()
                self._arrived.unpark_all()

    def _hold(self, event: Event) -> None:
        agent = self._agents[event.by]
        self._counts[agent] += 1
        if agent == self._agent:
            return
        number = self._counts[agent]
        self._received.append((agent, number, event.data["update"]))
        self._tally.delivered += 1
        sent_at = self._tally.sent_at[agent, number]
        self._tally.delivered_after_s.append(trio.current_time() - sent_at)

    async def see(self, wanted: Sequence[int]) -> None:
        """Apply exactly so many edits of each agent, waiting for them. Cancelled: some of them."""
        others = [agent for agent in range(self._trace.agents) if agent != self._agent]
        while any(self._counts[agent] < wanted[agent] for agent in others):
            await self._arrived.park()
        if all(self._seen[agent] == wanted[agent] for agent in others):
            return
        held = []
        self._is_applying = True
        with self._doc.transaction():
            for agent, number, update in self._received:
                if number <= wanted[agent]:
                    self._doc.apply_update(update)
                    self._seen[agent] = number
                else:
                    held.append((agent, number, update))
        self._is_applying = False
        self._received = held

    # ------------------------------------------------------------ writing

    async def write(self) -> None:
        """Do all edits of this agent, each in the text that it was recorded in."""
        limit = trio.CapacityLimiter(SENT_AT_ONCE_MAX)
        async with trio.open_nursery() as nursery:
            for number, edit in enumerate(self._trace.of(self._agent), start=1):
                await self.see(edit.seen)
                update = self._perform(edit)
                self._seen[self._agent] = number
                token = object()
                await limit.acquire_on_behalf_of(token)
                self._tally.sent_at[self._agent, number] = trio.current_time()
                # Returns when this edit is in the client's queue, so that they keep their order.
                await nursery.start(self._save, update, limit, token)

    def _perform(self, edit: Edit) -> bytes:
        with self._doc.transaction():
            for patch in edit.patches:
                until = patch.position + patch.deleted
                self._shared.replace(patch.position, until, patch.inserted)
        (update,) = self._made
        self._made.clear()
        return update

    def _note(self, event: TransactionEvent) -> None:
        if not self._is_applying:
            self._made.append(event.update)

    async def _save(
        self,
        update: bytes,
        limit: trio.CapacityLimiter,
        token: object,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        start = trio.current_time()
        task_status.started()
        await self._meeting.notes.edit(update)
        self._tally.saved_after_s.append(trio.current_time() - start)
        self._tally.saved += 1
        limit.release_on_behalf_of(token)
