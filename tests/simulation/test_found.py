"""What the simulation and the model have found in the product, each at its smallest."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from collab.app import AppSettings, open_app
from collab.meeting.commands import End, Invite, Schedule, Start
from collab.storage import MemoryStore
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
