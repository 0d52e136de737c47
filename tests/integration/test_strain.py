"""What can wait yields before anything is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import trio
from trio.testing import MockClock

from collab.app import App, AppSettings, open_app
from collab.limits import (
    BATCH_INTERVAL_MAX_S,
    BATCH_INTERVAL_S,
    PRESENCE_INTERVAL_MAX_S,
    PRESENCE_INTERVAL_S,
)
from collab.meeting.commands import Schedule, Start
from collab.storage import MemoryStore
from collab.transcript.commands import AddChunk
from protocol.gateway import EventFrame
from protocol.limits import STRAIN_AFTER_S
from tests.server.running import get
from tests.simulation.watcher import Watcher

MEETING = "meeting:m1"


class CountingWatcher(Watcher):
    """Counts the frames that it gets."""

    frames = 0

    def _take(self, frame: EventFrame) -> None:
        self.frames += 1
        super()._take(frame)


async def fall_behind(turn_over: Callable[..., None]) -> None:
    turn_over(is_all_read=False)
    await trio.sleep(STRAIN_AFTER_S)
    turn_over(is_all_read=False)


async def speak(watcher: CountingWatcher, app: App, *, first: int) -> int:
    """Have a hundred chunks said within a second; return in how many frames they came."""
    before = watcher.frames
    for number in range(first, first + 100):
        chunk = AddChunk(
            provider="p", segment=f"s{number}", revision=0, speaker="ann",
            start_ms=number * 10, end_ms=number * 10 + 9, text="word", is_final=True,
        )  # fmt: skip
        await app.do(MEETING, chunk, user_id="ann")
        await trio.sleep(0.01)
    await trio.sleep(BATCH_INTERVAL_MAX_S)
    return watcher.frames - before


async def test_a_port_that_is_behind_slows_what_can_wait() -> None:
    """[W5.14] One of two is enough; a port that closes is behind no more."""
    async with open_app(None) as app:
        batches, presence = app.pacing.batches, app.pacing.presence
        async with app.listen() as calm:
            async with app.listen() as port:
                await fall_behind(port.wire.pressure.turn_over)
                calm.wire.pressure.turn_over(is_all_read=True)
                assert batches.interval_s == BATCH_INTERVAL_MAX_S
                assert presence.interval_s == PRESENCE_INTERVAL_MAX_S
            assert batches.interval_s == BATCH_INTERVAL_S
            assert presence.interval_s == PRESENCE_INTERVAL_S


async def test_new_work_over_http_is_refused_while_the_server_is_behind() -> None:
    """[W5.15] With a time to come back; whoever runs the server sees it all the same."""
    async with open_app(None, AppSettings(dev=True)) as app, app.listen() as port:
        url = f"http://127.0.0.1:{port.port}"
        pressure = port.wire.pressure
        pressure.is_high = True
        status, body = await get(url, "/v1/notes/meeting:m1.md")
        assert (status, json.loads(body)["code"]) == (503, "overloaded")
        assert port.wire.metrics.calls_overloaded == 1
        for path in ("/healthz", "/metrics", "/v1/schema"):
            assert (await get(url, path))[0] == 200
        pressure.turn_over(is_all_read=True)
        assert (await get(url, "/v1/notes/meeting:m1.md"))[0] == 401


async def test_speech_comes_in_larger_batches_under_strain(autojump_clock: MockClock) -> None:
    """[W5.14] Every chunk is told all the same."""
    assert autojump_clock.rate == 0.0
    async with open_app(None, AppSettings(store=MemoryStore(epoch="e1"))) as app:
        await app.do(MEETING, Schedule(title="t"), user_id="ann")
        await app.do(MEETING, Start(), user_id="ann")
        watcher = CountingWatcher("ann", MEETING, frozenset({"transcript"}), None)
        app.gateway.subscribe(watcher)
        await watcher.answered.wait()
        calm = await speak(watcher, app, first=0)
        app.pacing.strain(True)
        await trio.sleep(BATCH_INTERVAL_MAX_S)
        strained = await speak(watcher, app, first=100)
        assert len(watcher.shown) == 200
        assert calm >= 2 * strained > 0
