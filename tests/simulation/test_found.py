"""What the simulation and the model have found in the product, each at its smallest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from collab.app import AppSettings, open_app
from collab.chat.commands import CreateChat
from collab.meeting.commands import End, Invite, Schedule, Start
from collab.messages import DeleteMessage, PostMessage
from collab.storage import MemoryStore
from protocol.gateway import EventFrame
from tests.simulation.watcher import Watcher

MEETING = "meeting:m1"


async def test_the_last_events_reach_who_has_just_caught_up(autojump_clock: MockClock) -> None:
    """[V1.11] Nothing was missed of the topic; then the meeting ends, in one batch with it all."""
    assert autojump_clock.rate == 0.0
    async with open_app(None, AppSettings(store=MemoryStore(epoch="e1"))) as app:
        await app.do(MEETING, Schedule(title="t"), user_id="ann")
        await app.do(MEETING, Start(), user_id="ann")
        first = Watcher("ann", MEETING, frozenset({"state"}), None)
        app.gateway.subscribe(first)  # From here on recent events are in memory.
        await first.answered.wait()
        await app.do(MEETING, Invite(user_id="ben", role="speaker"), user_id="ann")
        await trio.sleep(1.0)
        resumed = Watcher("ann", MEETING, frozenset({"state"}), 2)
        app.gateway.subscribe(resumed)
        await resumed.answered.wait()
        assert resumed.is_behind
        await app.gateway.catch_up(resumed)
        assert resumed.seq == 3
        await app.do(MEETING, End(), user_id="ann")
        assert (resumed.shown, resumed.ending) == ([(4, "meeting.ended")], "concluded")


class SlowWatcher(Watcher):
    """One who has no room for a while; then asks for all frames of the page."""

    room_after_frames = 0
    has_room: trio.Event
    is_full: trio.Event

    async def deliver_page(self, frames: Iterator[EventFrame]) -> None:
        for _ in range(self.room_after_frames):
            self._take(next(frames))
        self.is_full.set()
        await self.has_room.wait()
        await super().deliver_page(frames)


@pytest.mark.parametrize("taken", [0, 1])
async def test_what_is_deleted_while_a_page_is_sent_is_not_in_the_rest_of_it(
    autojump_clock: MockClock, taken: int
) -> None:
    """[V1.10] The page was read before the deletion, by someone who reads slowly."""
    assert autojump_clock.rate == 0.0
    async with open_app(None, AppSettings(store=MemoryStore(epoch="e1"))) as app:
        await app.do("chat:c1", CreateChat(title="t"), user_id="ann")
        texts = ["\N{SNOWMAN}" * 20_000] * 5 * taken + ["kept", "gone"]  # Snowmen: a frame.
        for text in texts:
            await app.do("chat:c1", PostMessage(text=text), user_id="ann")
        gone = 1 + len(texts)
        slow = SlowWatcher("ann", "chat:c1", frozenset({"messages"}), 1)
        slow.room_after_frames, slow.has_room, slow.is_full = taken, trio.Event(), trio.Event()
        app.gateway.subscribe(slow)
        await slow.answered.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(app.gateway.catch_up, slow)
            await slow.is_full.wait()
            await app.do("chat:c1", DeleteMessage(id=gone), user_id="ann")
            slow.has_room.set()
        assert [seq for seq, _type in slow.shown] == list(range(2, gone + 2))
        assert slow.parts[gone - 1]
        assert slow.parts[gone] == []
