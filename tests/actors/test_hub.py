"""Publish and subscribe."""

# ruff: noqa: ARG001 - the fixture autojump_clock works by being asked for.
from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import Flush, Hub, Item, Pace, Timers
from actors._limits import RING_AWAKE_LEN

NOTES = frozenset({"notes"})
BOTH = frozenset({"notes", "chat"})
INTERVAL_S = 0.1


class Recorder:
    """A sink that proves, flush by flush, that it has no gap and no duplicate."""

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        self.flushes: list[Flush] = []

    def deliver(self, flush: Flush) -> None:
        assert flush.after <= self.seq < flush.seq
        assert all(self.seq < item[0] <= flush.seq for item in flush.items)
        self.seq = flush.seq
        self.flushes.append(flush)

    @property
    def items(self) -> list[Item]:
        return [item for flush in self.flushes for item in flush.items]


@pytest.fixture
async def timers(nursery: trio.Nursery, autojump_clock: MockClock) -> Timers:
    running = Timers()
    nursery.start_soon(running.run)
    await wait_all_tasks_blocked()
    return running


@pytest.fixture
def hub(timers: Timers) -> Hub:
    return Hub(timers, pace=Pace(INTERVAL_S), ring_len_max=100)


async def test_sinks_of_one_topic_set_share_one_flush(autojump_clock: MockClock, hub: Hub) -> None:
    """[K1.50] One Flush object per group and flush, whose memo the first sink may fill."""
    one, two, other = Recorder(), Recorder(), Recorder()
    hub.attach(one, NOTES)
    hub.attach(two, frozenset(["notes"]))
    hub.attach(other, BOTH)
    hub.publish(1, "chat", "c", urgent=True)
    hub.publish(2, "notes", "n", urgent=True)
    hub.commit()
    assert one.flushes == two.flushes
    assert one.items == [(2, "notes", "n")]
    assert other.items == [(1, "chat", "c"), (2, "notes", "n")]
    assert (one.flushes[0].after, one.flushes[0].seq, one.flushes[0].memo) == (0, 2, None)
    assert list(hub.sinks) == [one, two, other]


async def test_nothing_is_delivered_before_commit(autojump_clock: MockClock, hub: Hub) -> None:
    """[K1.51] publish collects; commit delivers what is urgent at once, as one flush."""
    sink = Recorder()
    hub.attach(sink, NOTES)
    hub.publish(1, "notes", "a", urgent=True)
    hub.publish(2, "notes", "b", urgent=False)
    assert sink.flushes == []
    hub.commit()
    assert [flush.items for flush in sink.flushes] == [[(1, "notes", "a"), (2, "notes", "b")]]
    hub.commit()
    assert len(sink.flushes) == 1


async def test_batched_items_leave_once_per_interval_and_the_first_at_once(
    autojump_clock: MockClock, hub: Hub
) -> None:
    """[K1.52] After a quiet time at once; else at most one flush per interval_s."""
    sink = Recorder()
    times: list[float] = []
    hub.attach(sink, NOTES)
    start = trio.current_time()
    for seq in range(1, 31):
        hub.publish(seq, "notes", seq, urgent=False)
        before = len(sink.flushes)
        hub.commit()
        if len(sink.flushes) > before:
            times.append(round(trio.current_time() - start, 3))
        await trio.sleep(0.01)
    assert times == [0.0]
    assert len(sink.flushes) in (3, 4)
    await trio.sleep(1)
    assert [item[0] for item in sink.items] == list(range(1, 31))
    hub.publish(31, "notes", 31, urgent=False)
    hub.commit()
    assert sink.seq == 31


async def test_urgent_items_take_the_waiting_ones_along_in_order(
    autojump_clock: MockClock, hub: Hub
) -> None:
    """[K1.52] A group is flushed in order of seq, urgent or not, and each item once."""
    sink = Recorder()
    hub.attach(sink, NOTES)
    for seq, is_urgent in [(1, False), (2, False), (3, True), (4, False)]:
        hub.publish(seq, "notes", seq, urgent=is_urgent)
        hub.commit()
    assert [flush.seq for flush in sink.flushes] == [1, 3]
    await trio.sleep(1)
    assert [flush.seq for flush in sink.flushes] == [1, 3, 4]
    assert [item[0] for item in sink.items] == [1, 2, 3, 4]


async def test_flushes_of_a_group_chain(autojump_clock: MockClock, hub: Hub) -> None:
    """[K1.53] after is seq of the flush before; for a new group the hub's seq when it was made."""
    hub.publish(5, "chat", "x", urgent=True)
    sink = Recorder(seq=5)
    hub.attach(sink, NOTES)
    for seq, topic in [(6, "chat"), (7, "notes"), (8, "chat"), (9, "chat"), (10, "notes")]:
        hub.publish(seq, topic, seq, urgent=True)
        hub.commit()
    assert [(flush.after, flush.seq) for flush in sink.flushes] == [(5, 7), (7, 10)]


async def test_who_attaches_later_gets_nothing_that_its_snapshot_holds(
    autojump_clock: MockClock, hub: Hub
) -> None:
    """[K1.54] attach flushes the group first; the newcomer's first after is at most its seq."""
    first = Recorder()
    hub.attach(first, NOTES)
    hub.publish(1, "notes", 1, urgent=False)
    hub.commit()
    hub.publish(2, "notes", 2, urgent=False)
    hub.commit()
    hub.publish(3, "chat", 3, urgent=False)
    hub.commit()
    second = Recorder(seq=3)  # Its snapshot was taken now.
    hub.attach(second, NOTES)
    assert first.seq == 3
    assert second.flushes == []
    hub.publish(4, "notes", 4, urgent=True)
    hub.commit()
    assert second.items == [(4, "notes", 4)]
    assert first.seq == 4


async def test_a_sink_may_detach_itself_and_others_while_it_is_served(
    autojump_clock: MockClock, hub: Hub
) -> None:
    """[K1.55] Detached during a flush: it gets nothing more, not even this flush."""

    class Leaver(Recorder):
        def deliver(self, flush: Flush) -> None:
            super().deliver(flush)
            hub.detach(self)
            hub.detach(victim)

    victim, stayer, leaver = Recorder(), Recorder(), Leaver()
    for sink in (leaver, victim, stayer):
        hub.attach(sink, NOTES)
    for seq in (1, 2):
        hub.publish(seq, "notes", seq, urgent=True)
        hub.commit()
    assert (leaver.seq, victim.seq, stayer.seq) == (1, 0, 2)
    hub.detach(stayer)
    hub.detach(stayer)
    assert hub.is_empty


async def test_a_sink_that_raises_is_detached_and_the_others_are_served(
    autojump_clock: MockClock, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    """[K1.55] A failing sink costs itself only."""

    class Bad(Recorder):
        def deliver(self, flush: Flush) -> None:
            raise ValueError(f"bad sink {flush!r}")

    bad, good = Bad(), Recorder()
    hub.attach(bad, NOTES)
    hub.attach(good, NOTES)
    hub.publish(1, "notes", 1, urgent=True)
    hub.commit()
    assert good.seq == 1
    assert list(hub.sinks) == [good]
    assert "bad sink" in caplog.text


async def test_a_sink_that_attaches_again_moves(autojump_clock: MockClock, hub: Hub) -> None:
    """[K1.55] A sink follows one topic set at a time."""
    sink = Recorder()
    hub.attach(sink, NOTES)
    hub.attach(sink, frozenset({"chat"}))
    hub.publish(1, "notes", 1, urgent=True)
    hub.publish(2, "chat", 2, urgent=True)
    hub.commit()
    assert sink.items == [(2, "chat", 2)]


async def test_the_ring_answers_or_says_that_it_cannot(autojump_clock: MockClock, hub: Hub) -> None:
    """[K1.56] since returns everything after seq of these topics, or None; never a hole."""
    for seq in range(1, 151):
        hub.publish(seq, "notes" if seq % 2 else "chat", seq, urgent=False)
    assert hub.since(49, NOTES) is None
    items = hub.since(50, NOTES)
    assert items is not None
    assert [item[0] for item in items] == list(range(51, 151, 2))
    assert hub.since(150, BOTH) == []
    assert hub.since(148, BOTH) == [(149, "notes", 149), (150, "chat", 150)]


async def test_a_hub_that_starts_later_knows_nothing_of_before(
    autojump_clock: MockClock, timers: Timers
) -> None:
    """[K1.56] Hub(seq=…): before the start the ring cannot tell; a ring of 0 never can."""
    hub = Hub(timers, pace=Pace(INTERVAL_S), ring_len_max=10, seq=7)
    assert (hub.seq, hub.since(6, NOTES), hub.since(7, NOTES)) == (7, None, [])
    hub.publish(8, "notes", "x", urgent=True)
    assert hub.since(7, NOTES) == [(8, "notes", "x")]
    bare = Hub(timers, pace=Pace(INTERVAL_S), ring_len_max=0)
    bare.publish(1, "notes", "x", urgent=True)
    assert (bare.since(0, NOTES), bare.since(1, NOTES)) == (None, [])


async def test_the_ring_forgets_by_weight_too(autojump_clock: MockClock, timers: Timers) -> None:
    """[K1.58] Few heavy items push out many light ones; one that is too heavy is not kept."""
    hub = Hub(timers, pace=Pace(INTERVAL_S), ring_len_max=100, ring_weight_max=1_000)
    sink = Recorder()
    hub.attach(sink, NOTES)
    for seq in range(1, 51):
        hub.publish(seq, "notes", seq, urgent=True, weight=20)
    assert hub.since(0, NOTES) == [(seq, "notes", seq) for seq in range(1, 51)]
    hub.publish(51, "notes", 51, urgent=True, weight=500)
    assert hub.since(24, NOTES) is None
    assert hub.since(25, NOTES) == [(seq, "notes", seq) for seq in range(26, 52)]
    hub.publish(52, "notes", 52, urgent=True, weight=1_001)
    assert (hub.since(51, NOTES), hub.since(52, NOTES)) == (None, [])
    hub.publish(53, "notes", 53, urgent=True, weight=1_000)
    assert hub.since(52, NOTES) == [(53, "notes", 53)]
    hub.commit()
    assert [item[0] for item in sink.items] == list(range(1, 54))


async def test_what_lies_in_the_ring_for_long_is_told_once_to_rest(
    autojump_clock: MockClock, timers: Timers
) -> None:
    """[K1.59] All but the newest, in order; it stays where it is."""
    rested: list[object] = []
    pace = Pace(INTERVAL_S)
    hub = Hub(timers, pace=pace, ring_len_max=2 * RING_AWAKE_LEN, on_rest=rested.append)
    for seq in range(1, RING_AWAKE_LEN + 1):
        hub.publish(seq, "notes", seq, urgent=False)
    assert rested == []
    for seq in range(RING_AWAKE_LEN + 1, 2 * RING_AWAKE_LEN + 1):
        hub.publish(seq, "notes", seq, urgent=False)
    assert rested == list(range(1, RING_AWAKE_LEN + 1))
    items = hub.since(0, NOTES)
    assert items is not None
    assert len(items) == 2 * RING_AWAKE_LEN


async def test_flush_all_and_close(autojump_clock: MockClock, hub: Hub, timers: Timers) -> None:
    """[K1.57] flush_all delivers what waits; close drops it, with the timers."""
    one, two = Recorder(), Recorder()
    hub.attach(one, NOTES)
    hub.attach(two, BOTH)
    for seq in (1, 2):
        hub.publish(seq, "notes", seq, urgent=False)
        hub.commit()
    hub.flush_all()
    assert one.seq == two.seq == 2
    hub.publish(3, "notes", 3, urgent=False)
    hub.commit()
    hub.close()
    assert hub.is_empty
    assert len(timers) == 0
    await trio.sleep(1)
    assert one.seq == two.seq == 2


@pytest.mark.parametrize("seed", range(5))
async def test_any_coming_and_going_sees_every_item_once(
    autojump_clock: MockClock, hub: Hub, seed: int
) -> None:
    """[K1.53 K1.54] Sinks that join at any seq, at any time, get exactly what follows."""
    rng = random.Random(seed)
    published: list[Item] = []
    sinks: list[tuple[Recorder, int, frozenset[str]]] = []
    for seq in range(1, 300):
        topic = rng.choice(["notes", "chat", "other"])
        hub.publish(seq, topic, seq, urgent=rng.random() < 0.2)
        published.append((seq, topic, seq))
        if rng.random() < 0.6:
            hub.commit()
        if rng.random() < 0.1:
            topics = rng.choice([NOTES, BOTH, frozenset({"other"})])
            sink = Recorder(seq)
            hub.attach(sink, topics)
            sinks.append((sink, seq, topics))
        if rng.random() < 0.5:
            await trio.sleep(rng.uniform(0, 0.15))
    hub.commit()
    await trio.sleep(1)
    for sink, since, topics in sinks:
        assert sink.items == [i for i in published if i[0] > since and i[1] in topics]
