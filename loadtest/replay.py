"""Plays a recorded meeting into a server over real sockets, and holds it to its word.

Every client posts the part of its speakers and follows everything. Connections are cut at random;
half way the server is killed with SIGKILL and started again, if this program started it. At the
end a fresh client reads the whole history back from storage. Nothing may be missing anywhere.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import trio
from attrs import asdict, define, field, frozen

from loadtest.cutting import CuttingConnector
from loadtest.figures import percentiles_ms
from loadtest.ledger import Ledger
from loadtest.server_process import ServerProcess
from loadtest.speech import Segment, load_segments
from protocol.client import Client, Cursor, Event, SnapshotItem, open_client
from protocol.errors import CallFailed

TOPICS: Final = ("state", "participants", "transcript", "messages")
PROVIDER: Final = "replay"
SETTLE_TIMEOUT_S: Final = 60.0  # For the last deliveries, after everything was acknowledged.
CALL_TIMEOUT_S: Final = 60.0  # Longer than any outage that this program causes.


@frozen(kw_only=True)
class ReplaySettings:
    """What to play, and what to break meanwhile."""

    file: Path
    speed: float = 50.0
    clients: int = 4
    drop: float = 0.05  # Chance in each second that a client's connection is cut.
    seed: int = 0
    turns_max: int | None = None
    url: str | None = None  # None: start a server of our own, kill and restart it half way.
    token: str = "dev:{user}"


@define
class Tally:
    """What all clients of a run count together."""

    sent: int = 0
    acked_seq: dict[tuple[str, int], int] = field(factory=dict)  # (segment, revision) -> seq
    sent_at: dict[tuple[str, int], float] = field(factory=dict)
    latencies_s: list[float] = field(factory=list)
    ack_latencies_s: list[float] = field(factory=list)
    refused: list[str] = field(factory=list)
    kills: int = 0


@define(eq=False)
class Participant:
    """One client: a connection that may be cut, its account of deliveries, its speakers."""

    user: str
    client: Client
    link: CuttingConnector
    ledger: Ledger = field(factory=Ledger)
    followed: trio.Event = field(factory=trio.Event)
    awaited_seq: int | None = None
    reached: trio.Event = field(factory=trio.Event)  # ``awaited_seq`` has been seen.

    def look(self) -> None:
        """Called after every item."""
        if self.awaited_seq is not None and self.ledger.last_seq >= self.awaited_seq:
            self.reached.set()


async def replay(settings: ReplaySettings) -> dict[str, Any]:
    """Run one replay; return its figures.

    Raises:
      ValueError: the file is no transcript.
      ServerDidNotStart: the server of our own did not come up.
    """
    segments = load_segments(settings.file, turns_max=settings.turns_max)
    rng = random.Random(settings.seed)
    target = f"meeting:{settings.file.stem}-{rng.randrange(16**8):08x}"
    tally = Tally()
    started = time.perf_counter()
    async with AsyncExitStack() as stack:
        server: ServerProcess | None = None
        url = settings.url
        if url is None:
            data = stack.enter_context(TemporaryDirectory(prefix="collab-replay-"))
            server = ServerProcess(Path(data))
            stack.push_async_callback(server.kill)
            await server.start()
            url = server.url
        people = [
            await stack.enter_async_context(_participant(settings, url, number))
            for number in range(settings.clients)
        ]
        await _play(settings, segments, people, tally, target, server, rng)
        truth = await _read_back(settings, url, target)
        clean_exit = await server.stop() if server is not None else None
    return _report(settings, people, tally, truth) | {
        "server_exit": clean_exit,
        "secs": round(time.perf_counter() - started, 1),
    }


@asynccontextmanager
async def _participant(
    settings: ReplaySettings, url: str, number: int
) -> AsyncIterator[Participant]:
    user = f"replay-{number}"
    link = CuttingConnector()
    token = settings.token.format(user=user)
    async with open_client(url, token=token, connect=link) as client:
        yield Participant(user, client, link)


async def _play(
    settings: ReplaySettings,
    segments: Sequence[Segment],
    people: Sequence[Participant],
    tally: Tally,
    target: str,
    server: ServerProcess | None,
    rng: random.Random,
) -> None:
    speakers = sorted({segment.speaker for segment in segments})
    owner = {name: people[n % len(people)] for n, name in enumerate(speakers)}
    total_s = segments[-1].revisions[-1].at_ms / 1000 / settings.speed
    async with trio.open_nursery() as nursery:
        for person in people:
            nursery.start_soon(_follow, person, target, tally)
            await person.followed.wait()  # One after the other: the first becomes the host.
        start = trio.current_time()
        for person in people:
            cuts = random.Random(rng.random())
            nursery.start_soon(_cut_at_random, person, settings.drop, cuts)
        async with trio.open_nursery() as speaking:
            if server is not None:
                speaking.start_soon(_kill_half_way, server, start + total_s / 2, tally)
            for segment in segments:
                await trio.sleep_until(start + segment.start_ms / 1000 / settings.speed)
                person = owner[segment.speaker]
                speaking.start_soon(_speak, settings, person, segment, target, start, tally)
        await _settle(people, tally)
        nursery.cancel_scope.cancel()


async def _speak(
    settings: ReplaySettings,
    person: Participant,
    segment: Segment,
    target: str,
    start: float,
    tally: Tally,
) -> None:
    """Say one segment: its interim text, then its final one, each when it is due."""
    for revision in segment.revisions:
        await trio.sleep_until(start + revision.at_ms / 1000 / settings.speed)
        name = (segment.name, revision.revision)
        chunk = {
            "provider": PROVIDER,
            "segment": segment.name,
            "revision": revision.revision,
            "speaker": segment.speaker,
            "start_ms": segment.start_ms,
            "end_ms": revision.end_ms,
            "confidence": 0.9,
            "text": revision.text,
            "language": "en",
            "is_final": revision.is_final,
        }
        tally.sent += 1
        tally.sent_at[name] = trio.current_time()
        try:
            reply = await person.client.ask(
                target, "transcript.add", chunk, timeout_s=CALL_TIMEOUT_S
            )
        except CallFailed as refusal:
            tally.refused.append(f"{name}: {refusal}")
            continue
        tally.acked_seq[name] = reply.seq or 0
        tally.ack_latencies_s.append(trio.current_time() - tally.sent_at[name])


async def _follow(person: Participant, target: str, tally: Tally) -> None:
    async with person.client.follow(target, TOPICS) as follower:
        async for item in follower:
            if isinstance(item, SnapshotItem):
                person.ledger.begin(item.seq, is_reset=item.reset_reason is not None)
                person.followed.set()
            elif isinstance(item, Event):
                person.ledger.note(item.seq)
                if item.type == "transcript.added":
                    sent_at = tally.sent_at.get((item.data["segment"], item.data["revision"]))
                    if sent_at is not None:
                        tally.latencies_s.append(trio.current_time() - sent_at)
            person.look()


async def _kill_half_way(server: ServerProcess, at: float, tally: Tally) -> None:
    await trio.sleep_until(at)
    await server.kill()
    tally.kills += 1
    await server.start()


async def _cut_at_random(person: Participant, drop: float, rng: random.Random) -> None:
    while True:
        await trio.sleep(rng.uniform(0.5, 1.5))
        if rng.random() < drop:
            person.link.cut()


async def _settle(people: Sequence[Participant], tally: Tally) -> None:
    """Wait until everybody has seen the newest acknowledged chunk, or give up and report it."""
    newest = max(tally.acked_seq.values(), default=0)
    with trio.move_on_after(SETTLE_TIMEOUT_S):
        for person in people:
            person.awaited_seq = newest
            person.look()
            await person.reached.wait()


async def _read_back(settings: ReplaySettings, url: str, target: str) -> dict[int, Any]:
    """Return the whole stored history: seq -> event."""
    token = settings.token.format(user="replay-0")
    events: dict[int, Any] = {}
    async with open_client(url, token=token) as client:
        async with client.follow(target, TOPICS) as follower:
            now = await anext(aiter(follower))
        assert isinstance(now, SnapshotItem)
        origin = Cursor(epoch=now.epoch, seq=0)
        with trio.move_on_after(SETTLE_TIMEOUT_S):
            async with client.follow(target, TOPICS, cursor=origin) as follower:
                async for item in follower:
                    if isinstance(item, Event):
                        events[item.seq] = item
                    if follower.cursor is not None and follower.cursor.seq >= now.seq:
                        break
    return events


def _report(
    settings: ReplaySettings,
    people: Sequence[Participant],
    tally: Tally,
    stored: dict[int, Any],
) -> dict[str, Any]:
    truth = set(stored).union(*(person.ledger.seen() for person in people))
    faults = [person.ledger.faults(truth) for person in people]
    chunks = {
        (event.data["segment"], event.data["revision"])
        for event in stored.values()
        if event.type == "transcript.added"
    }
    return {
        "scenario": "replay",
        "meeting": settings.file.name,
        "chunks_sent": tally.sent,
        "chunks_acknowledged": len(tally.acked_seq),
        "chunks_refused": len(tally.refused),
        "refusals": tally.refused[:5],
        "events_stored": len(stored),
        "delivered_per_client": [person.ledger.delivered for person in people],
        "gaps": sum(fault.gaps for fault in faults),
        "duplicates": sum(fault.duplicates for fault in faults),
        "reorderings": sum(fault.reorderings for fault in faults),
        "acknowledged_but_lost": len(set(tally.acked_seq) - chunks),
        "resets": sum(person.ledger.resets for person in people),
        "cuts": sum(person.link.cuts for person in people),
        "kills": tally.kills,
        "resumes": sum(person.link.connects - 1 for person in people),
        "delivery_ms": percentiles_ms(tally.latencies_s),
        "acknowledged_ms": percentiles_ms(tally.ack_latencies_s),
        "settings": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in asdict(settings).items()
        },
    }


def is_clean(report: dict[str, Any]) -> bool:
    """Say whether a report shows no fault."""
    zero = ("gaps", "duplicates", "reorderings", "acknowledged_but_lost", "chunks_refused")
    return all(report[name] == 0 for name in zero) and (
        report["chunks_acknowledged"] == report["chunks_sent"]
    )
