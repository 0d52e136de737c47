"""Whatever the network does: every follower sees exactly the log, every write happens once."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import trio
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from protocol.client import (
    Client,
    ConnectionState,
    Cursor,
    Event,
    SnapshotItem,
    open_client,
)
from tests.protocol.client.server import Server
from tests.protocol.client.wire import Wire

TOPICS = ("log", "notes", "more")


@define
class Reader:
    """Follows some topics and keeps what it sees, from the snapshot on."""

    topics: frozenset[str]
    pause_s: float
    events: list[Any] = field(factory=list)
    start: int = 0
    resets: int = 0

    async def read(self, client: Client, *, upto: trio.Event, server: Server) -> None:
        """Read until *upto* is set and everything was seen; come back by cursor now and then."""
        cursor: Cursor | None = None
        while not (upto.is_set() and cursor and self._is_complete(server)):
            async with client.follow("log:1", self.topics, cursor=cursor) as follower:
                for _ in range(5):
                    with trio.move_on_after(30.0):
                        self._take(await follower.__anext__())
                        await trio.sleep(self.pause_s)
                cursor = follower.cursor

    def _is_complete(self, server: Server) -> bool:
        return [event.seq for event in self.events] == self.expected(server)

    def expected(self, server: Server) -> list[int]:
        log = server.target("log:1").log[self.start :]
        return [event["seq"] for event in log if event["topic"] in self.topics]

    def _take(self, item: object) -> None:
        if isinstance(item, SnapshotItem):
            self.resets += item.reset_reason is not None
            self.start, self.events = item.seq, []
        elif isinstance(item, Event):
            self.events.append(item)


class World:
    """One run, repeatable from its seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.server = Server()
        self.server.delay_s = self.rng.choice([0.0, 0.01, 0.3])
        self.server.on_wire = self._doom
        self.cuts_left = self.rng.randint(0, 25)
        self.written = 0

    def _doom(self, wire: Wire) -> None:
        """Let a connection live for some messages only."""
        if self.cuts_left:
            self.cuts_left -= 1
            left = self.rng.randint(0, 40)
            wire.cut_after(**{self.rng.choice(["up", "down"]): left})

    async def write(self, client: Client, count: int) -> None:
        """Append through the client, one after the other."""
        for _ in range(count):
            topic = self.rng.choice(TOPICS)
            await client.call("log:1", "append", {"topic": topic, "data": 0}, timeout_s=600)
            self.written += 1
            await trio.sleep(self.rng.choice([0.0, 0.05, 2.0]))

    async def disturb(self, over: trio.Event) -> None:
        """Append from elsewhere, lose frames, reset, end subscriptions: all that can happen."""
        server, rng = self.server, self.rng
        while not over.is_set():
            await trio.sleep(rng.uniform(0.0, 3.0))
            following = [s for s in server.live if "log:1" in s.following]
            match rng.randrange(4):
                case 0 if following:
                    following[0].end("log:1", "unavailable", retryable=True)
                case 1:
                    with server.losing_events():
                        server.append("log:1", rng.choice(TOPICS), 1)
                case _:
                    server.append("log:1", rng.choice(TOPICS), 2)

    async def run(self) -> None:
        server, rng = self.server, self.rng
        readers = [
            Reader(frozenset(rng.sample(TOPICS, rng.randint(1, 3))), rng.choice([0.0, 0.2, 4.0]))
            for _ in range(4)
        ]
        written, quiet = trio.Event(), trio.Event()
        async with open_client(
            "ws://memory/v1",
            token="t1",
            connect=server.connect,
            rng=Random(1),
            follow_buffer_max=rng.choice([2, 5, 1_000]),
        ) as client:
            async with trio.open_nursery() as readers_nursery:
                for reader in readers:
                    readers_nursery.start_soon(_read, reader, client, quiet, server)
                async with trio.open_nursery() as writers:
                    writers.start_soon(self.disturb, written)
                    await self.write(client, 25)
                    written.set()
                # A last event of every topic shows whether somebody had missed the one before.
                for topic in TOPICS:
                    server.append("log:1", topic, 3)
                quiet.set()
            await client.wait_state(ConnectionState.LIVE)
        for reader in readers:
            assert [event.seq for event in reader.events] == reader.expected(server)
            assert reader.resets == 0
        answered = sum(1 for event in server.target("log:1").log if event["data"] == 0)
        assert answered == self.written == 25


async def _read(reader: Reader, client: Client, upto: trio.Event, server: Server) -> None:
    await reader.read(client, upto=upto, server=server)


def check(seed: int) -> None:
    async def main() -> None:
        with trio.fail_after(3_600):
            await World(seed).run()

    trio.run(main, clock=MockClock(autojump_threshold=0))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_follower_sees_exactly_the_log(seed: int) -> None:
    """[L3.3] Random cuts, losses, ends and slow readers: no gap, no duplicate, no second write."""
    check(seed)


@pytest.mark.long
def test_every_follower_sees_exactly_the_log_for_long() -> None:
    """[L3.3] The same with many more seeds."""
    for seed in range(2_000):
        check(seed)
