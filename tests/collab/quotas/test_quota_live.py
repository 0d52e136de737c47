"""Quotas in a running app: chats that count, crashes between, what is left, live."""

# ruff: noqa: ARG001 - the clock works by being there.

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from collab.app import App, AppSettings, open_app
from collab.chat import CHAT
from collab.chat.commands import CreateChat
from collab.errors import PermissionDenied
from collab.kind import Caller, Kind
from collab.kinds import BUILT_IN
from collab.messages import PostMessage
from collab.messages.commands import PageMessages
from collab.quotas import QuotaSettings, quota_kind, with_quota
from collab.quotas.limits import DOUBT_MS
from collab.quotas.rules import NoneLeft
from collab.quotas.state import GetQuota, TakeHold
from collab.requests import Do, Receive
from collab.storage import MemoryStore
from collab.user.claiming import claim
from protocol.client import Event, SnapshotItem
from protocol.errors import CallFailed
from tests.integration.served import served

DAY_S = 86_400


def clock_ms() -> int:
    """The wall clock goes with the test's; it begins at noon in Los Angeles."""
    return 1_795_204_800_000 + round(trio.current_time() * 1000)


def settings_with(store: MemoryStore, quotas: QuotaSettings) -> AppSettings:
    replaced: list[Kind[Any]] = [with_quota(CHAT, quotas), quota_kind(quotas)]
    names = {kind.name for kind in replaced}
    kinds = [kind for kind in BUILT_IN if kind.name not in names]
    return AppSettings(dev=True, kinds=[*kinds, *replaced], clock_ms=clock_ms, store=store)


@pytest.fixture
def settings() -> AppSettings:
    quotas = QuotaSettings(anonymous=2, signed_in=3, pro=1, pro_models=frozenset({"big"}))
    return settings_with(MemoryStore(), quotas)


async def left(app: App, user_id: str = "ann", pool: str = "signed_in") -> int:
    answer = await app.look(f"quota:{user_id}", GetQuota(), user_id=user_id)
    assert isinstance(answer, dict)
    return int(answer["pools"][pool]["remaining"])


async def count(app: App, chat: str = "chat:c") -> int:
    answer = await app.look(chat, PageMessages(limit=200), user_id="ann")
    assert isinstance(answer, dict)
    return len(answer["messages"])


async def test_messages_count_and_the_last_one_is_the_last(
    settings: AppSettings, autojump_clock: MockClock
) -> None:
    """[B2.1] Across chats, by pool; a refusal says when there are more; a retry costs nothing."""
    async with open_app(None, settings) as app:
        for chat in ("chat:c", "chat:d"):
            await app.do(chat, CreateChat(), user_id="ann")
        first = await app.do("chat:c", PostMessage(text="1"), user_id="ann", key="k")
        assert await app.do("chat:c", PostMessage(text="1"), user_id="ann", key="k") == first
        await app.do("chat:d", PostMessage(text="2"), user_id="ann")
        await app.do("chat:c", PostMessage(text="3"), user_id="ann")
        for chat in ("chat:c", "chat:d"):
            with pytest.raises(NoneLeft) as refused:
                await app.do(chat, PostMessage(text="4"), user_id="ann")
            assert 0 < (refused.value.retry_after_ms or 0) <= DAY_S * 1000
        await app.do("chat:c", PostMessage(text="p", model="big"), user_id="ann")
        with pytest.raises(NoneLeft):
            await app.do("chat:c", PostMessage(text="p", model="big"), user_id="ann")
        assert await app.do("chat:c", PostMessage(text="1"), user_id="ann", key="k") == first
        assert await count(app) == 3
        await trio.sleep(DAY_S)
        await app.do("chat:c", PostMessage(text="5"), user_id="ann")
        assert await left(app) == 2


async def test_what_is_refused_does_not_count(
    settings: AppSettings, autojump_clock: MockClock
) -> None:
    """[B2.2] Permission and content come first; nobody spends another's."""
    async with open_app(None, settings) as app:
        await app.do("chat:c", CreateChat(), user_id="ann")
        with pytest.raises(PermissionDenied):
            await app.do("chat:c", PostMessage(text="x"), user_id="eve")
        with pytest.raises(Exception, match="no message"):
            await app.do("chat:c", PostMessage(text="x", parent=99), user_id="ann")
        assert await left(app) == await left(app, "eve") == 3


async def test_a_crash_between_loses_nothing(
    settings: AppSettings, autojump_clock: MockClock
) -> None:
    """[B2.3] A hold without a message is returned, also after a restart; one with it is spent."""
    async with open_app(None, settings) as app:
        await app.do("chat:c", CreateChat(), user_id="ann")
        for _ in range(3):
            lost = Receive("chat:c", TakeHold(pool="signed_in"))
            await app.system.ref("quota", "ann").ask(lost, timeout_s=1)
        assert await left(app) == 0
        with pytest.raises(NoneLeft):
            await app.do("chat:c", PostMessage(text="x"), user_id="ann")
    async with open_app(None, settings) as app:
        assert await left(app) == 0
        await trio.sleep(DOUBT_MS / 1000 + 5)
        assert await left(app) == 3
        for text in "abc":
            await app.do("chat:c", PostMessage(text=text), user_id="ann")
        await trio.sleep(DOUBT_MS / 1000 + 5)
        assert await left(app) == 0
        assert await count(app) == 3


async def test_a_crowd_of_posts_never_passes_the_quota(autojump_clock: MockClock) -> None:
    """[B2.4] Many at once, in many chats: exactly as many as the quota are posted."""
    settings = settings_with(MemoryStore(), QuotaSettings(signed_in=25))
    outcomes: list[bool] = []

    async def post(app: App, chat: str) -> None:
        try:
            await app.do(chat, PostMessage(text="x"), user_id="ann")
        except NoneLeft:
            outcomes.append(False)
        else:
            outcomes.append(True)

    async with open_app(None, settings) as app:
        chats = [f"chat:{n}" for n in range(5)]
        for chat in chats:
            await app.do(chat, CreateChat(), user_id="ann")
        async with trio.open_nursery() as nursery:
            for n in range(60):
                nursery.start_soon(post, app, chats[n % 5])
        assert (outcomes.count(True), outcomes.count(False)) == (25, 35)
        assert sum([await count(app, chat) for chat in chats]) == 25
        assert await left(app) == 0


async def test_what_is_left_is_live_also_at_midnight(
    settings: AppSettings, autojump_clock: MockClock
) -> None:
    """[B2.5] Through the wire: each message, and the new day, which a durable timer brings."""
    async with (
        served(None, settings) as server,
        server.client("ann") as ann,
        ann.follow("quota:ann", ["quota"]) as follower,
    ):
        shown = await anext(follower)
        assert isinstance(shown, SnapshotItem)
        assert shown.topics["quota"]["pools"]["signed_in"]["remaining"] == 3
        for remaining in (2, 1, 0):
            await ann.call("chat:c", "messages.post", {"text": "x"}, key=f"k{remaining}")
            event = await anext(follower)
            assert isinstance(event, Event)
            assert (event.data["pool"], event.data["remaining"]) == ("signed_in", remaining)
        with pytest.raises(CallFailed, match="limit_exceeded"):
            await ann.call("chat:c", "messages.post", {"text": "x"}, key="k", timeout_s=3)


async def test_each_new_day_comes_by_itself(
    settings: AppSettings, autojump_clock: MockClock
) -> None:
    """[B2.5] The durable timer of a day's first message tells when the day is over, every day."""
    async with open_app(None, settings) as app:
        await app.do("chat:c", CreateChat(), user_id="ann")
        for _day in range(3):
            await app.do("chat:c", PostMessage(text="x"), user_id="ann")
            await trio.sleep(DAY_S)
        happened = await app.reader.events("quota:ann", after=0, limit=100)
        one_day = ["quota.held", "quota.spent", "quota.day_began"]
        assert [past.event.TAG for past in happened] == one_day * 3


async def test_who_comes_on_a_new_day_is_shown_all_of_it(
    settings: AppSettings, autojump_clock: MockClock
) -> None:
    """[B2.7] A snapshot is of now: also where nothing has told yet that the day is over."""
    late_by_ms = 0
    ahead = evolve(settings, clock_ms=lambda: clock_ms() + late_by_ms)
    async with served(None, ahead) as server, server.client("ann") as ann:
        for key in ("a", "b", "c"):
            await ann.call("chat:c", "messages.post", {"text": "x"}, key=key)
        late_by_ms = DAY_S * 1000  # Noticed by the timers within 30 s.
        async with ann.follow("quota:ann", ["quota"]) as follower:
            shown = await anext(follower)
            assert isinstance(shown, SnapshotItem)
            quota = shown.topics["quota"]
            assert quota["pools"]["signed_in"]["remaining"] == 3
            assert quota["resets_ms"] > clock_ms() + late_by_ms


async def test_a_guest_who_signs_in_takes_the_quota_along(
    settings: AppSettings, autojump_clock: MockClock
) -> None:
    """[B2.6] What was posted as a guest counts for the user, by the claim's own event, once."""
    async with open_app(None, settings) as app:
        guest = Caller("guest:g1", is_guest=True)
        chat = app.system.ref("chat", "c")
        await chat.ask(Do(guest, CreateChat(), answer=True), timeout_s=1)
        for _ in range(2):
            taken = Receive("chat:c", TakeHold(pool="anonymous"))
            hold = await app.system.ref("quota", guest.user_id).ask(taken, timeout_s=1)
            post = Do(guest, PostMessage(text="x"), answer=hold.value)
            await chat.ask(post, timeout_s=1)
        await trio.sleep(1)
        assert await left(app, guest.user_id, "anonymous") == 0
        for _again in range(2):
            await claim(app.system, guest_id=guest.user_id, user_id="ann")
            await trio.sleep(1)
            assert await left(app) == 1
