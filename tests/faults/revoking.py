"""One person shut out of a meeting while they and others write, through all three doors.

The *victim* has a client of our own wire that follows and posts, a y-websocket and a Hocuspocus
client that type. The *crew* posts and types beside them. The owner removes the victim, and follows
the meeting: the order of what it is told is the order of the journal.
"""

from __future__ import annotations

from typing import Any, Final

import trio
import trio_websocket
from attrs import define, field

from collab.client import CollabClient, connect
from protocol.client import Event, SubscriptionEnded
from protocol.errors import CallFailed
from protocol.yjs import PermissionDenied, SyncUpdate
from protocol.yjs.hocuspocus import Close
from tests.crash.ledger import Lost
from tests.crash.yjs_client import HocuspocusClient, YjsClient, hocuspocus_client, yjs_client

OWNER: Final = "own"
CREW: Final = ("ann", "bob")
CREW_EDITOR: Final = "yan"
PAUSE_S: Final = 0.01  # Between the writes of one client.
DOORS: Final = ("v1", "yjs", "hocuspocus")
REFUSED_TRIES: Final = 3  # Calls that the victim goes on with after the first refusal.
CLOSED_FORBIDDEN: Final = 4403
OPEN_S_MAX: Final = 30.0


@define(eq=False)
class Victim:
    """Somebody about to be removed: what they were shown, and when each door shut."""

    user: str
    shut_at: dict[str, float] = field(factory=dict)  # Door -> trio time.
    told_seqs: list[int] = field(factory=list)
    shown: set[str] = field(factory=set)  # Texts and words of the crew.
    written: int = 0
    refused: int = 0
    ready: dict[str, trio.Event] = field(factory=lambda: {door: trio.Event() for door in DOORS})
    wrote: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)
    shut: dict[str, trio.Event] = field(factory=lambda: {door: trio.Event() for door in DOORS})

    def shut_out(self, door: str) -> None:
        """Note that *door* has shut."""
        self.shut_at.setdefault(door, trio.current_time())
        self.shut[door].set()

    def text(self) -> str:
        """Return what they write next."""
        self.written += 1
        self.wrote.unpark_all()
        return f"{self.user}-{self.written}"


async def be(victim: Victim, port: int, meeting: str) -> None:
    """Be the victim at every door, until all are shut.

    Raises:
      Lost: a door shut in another way than it should.
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_at_wire, victim, port, meeting)
        nursery.start_soon(_at_yjs, victim, port, meeting)
        nursery.start_soon(_at_hocuspocus, victim, port, meeting)


async def _at_wire(victim: Victim, port: int, meeting: str) -> None:
    async with (
        connect(f"http://127.0.0.1:{port}", token=f"dev:{victim.user}") as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_follow, victim, client, meeting)
        while victim.refused < REFUSED_TRIES:
            try:
                await client.meeting(meeting).messages.post(victim.text())
            except CallFailed as refusal:
                if refusal.code != "permission_denied":
                    raise Lost(f"a call of {victim.user} was answered {refusal.code}") from None
                victim.refused += 1
            victim.ready["v1"].set()
            await trio.sleep(PAUSE_S)


async def _follow(victim: Victim, client: CollabClient, meeting: str) -> None:
    try:
        async for item in client.meeting(meeting).follow(
            topics=["participants", "messages", "notes"]
        ):
            if isinstance(item, Event):
                victim.told_seqs.append(item.seq)
                if item.topic == "messages":
                    victim.shown.add(item.data["parts"][0]["text"])
    except SubscriptionEnded as end:
        if end.code != "permission_denied":
            raise Lost(f"the subscription of {victim.user} ended with {end.code}") from None
        victim.shut_out("v1")


async def _at_yjs(victim: Victim, port: int, meeting: str) -> None:
    async with yjs_client(port, meeting, victim.user) as client:
        victim.ready["yjs"].set()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_type, client, victim)
            try:
                while True:
                    await client.receive()
            except trio_websocket.ConnectionClosed as closed:
                _check_code(victim, "yjs", closed)
            nursery.cancel_scope.cancel()
        victim.shown.update(client.words.all())


async def _at_hocuspocus(victim: Victim, port: int, meeting: str) -> None:
    async with hocuspocus_client(port, meeting, victim.user) as client:
        victim.ready["hocuspocus"].set()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_type, client, victim)
            try:
                while not isinstance(await client.receive(), PermissionDenied | Close):
                    pass
                victim.shut_out("hocuspocus")
            except trio_websocket.ConnectionClosed as closed:
                _check_code(victim, "hocuspocus", closed)
            nursery.cancel_scope.cancel()
        victim.shown.update(client.words.all())


def _check_code(victim: Victim, door: str, closed: Any) -> None:
    code = closed.reason.code if closed.reason is not None else None
    if code != CLOSED_FORBIDDEN:
        raise Lost(f"{door} of {victim.user} was closed with {code}")
    victim.shut_out(door)


async def _type(client: YjsClient | HocuspocusClient, victim: Victim) -> None:
    """Write words without waiting for an answer, until cancelled or closed."""
    try:
        while True:
            await client.send(SyncUpdate(client.words.write(victim.text())))
            await trio.sleep(PAUSE_S)
    except trio_websocket.ConnectionClosed:
        return  # The reader says how.


# ---------------------------------------------------------------- those who stay


@define(eq=False)
class Crew:
    """Those who write on, and what the owner sees of the history."""

    meeting: str
    sent: dict[str, int] = field(factory=dict)  # User -> number of what they wrote last.
    removed_at: dict[str, int] = field(factory=dict)  # User -> seq of their removal.
    late: list[str] = field(factory=list)  # Events by those already removed.
    seq: int = 0
    heard: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)
    is_watching: trio.Event = field(factory=trio.Event)

    def text(self, user: str) -> str:
        """Return what *user* writes next: a name that is never used again."""
        number = self.sent[user] = self.sent.get(user, 0) + 1
        return f"{user}-{number}"

    def later_than(self, marks: dict[str, int], shown: set[str]) -> list[str]:
        """Return what of *shown* the crew wrote after they had written as much as *marks* says."""
        late = []
        for text in shown:
            user, _, number = text.rpartition("-")
            if user in self.sent and int(number) > marks.get(user, 0):
                late.append(text)
        return late


async def write_on(crew: Crew, port: int) -> None:
    """Have the crew write until cancelled."""
    async with trio.open_nursery() as nursery:
        for user in CREW:
            nursery.start_soon(_post, crew, port, user)
        nursery.start_soon(_edit, crew, port)


async def _post(crew: Crew, port: int, user: str) -> None:
    async with connect(f"http://127.0.0.1:{port}", token=f"dev:{user}") as client:
        while True:
            await client.meeting(crew.meeting).messages.post(crew.text(user))
            await trio.sleep(PAUSE_S)


async def _edit(crew: Crew, port: int) -> None:
    async with (
        yjs_client(port, crew.meeting, CREW_EDITOR) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_take_all, client)
        while True:
            await client.send(SyncUpdate(client.words.write(crew.text(CREW_EDITOR))))
            await trio.sleep(PAUSE_S)


async def _take_all(client: YjsClient) -> None:
    while True:
        await client.receive()


async def watch(crew: Crew, client: CollabClient) -> None:
    """Follow everything as the owner, until cancelled; note what came from whom too late."""
    topics = ["participants", "messages", "notes"]
    async for item in client.meeting(crew.meeting).follow(topics=topics):
        if isinstance(item, Event):
            if item.type == "participant.removed":
                crew.removed_at[item.data["user_id"]] = item.seq
            elif item.by in crew.removed_at:
                crew.late.append(f"{item.seq} {item.type} by {item.by}")
        if not hasattr(item, "sessions"):
            crew.seq = item.seq
        crew.is_watching.set()
        crew.heard.unpark_all()
