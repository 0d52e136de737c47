"""People as the server runs them: real actors, signals, alarms; storage in memory, no socket."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any, Final

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorError
from collab.app import App, AppSettings, open_app
from collab.chat.commands import AddMember, CreateChat, RemoveMember, RenameChat, TransferChat
from collab.errors import Conflict, NotFound, PermissionDenied
from collab.limits import COUNT_PAUSE_MS_MIN, MESSAGE_TAIL_MAX
from collab.meeting.commands import Invite, Invitee, Join, Schedule
from collab.messages import DeleteMessage, PostMessage
from collab.storage import MemoryStore
from collab.user.commands import GetInbox, PageList, Read, Welcome
from collab.user.connections.commands import (
    AcceptConnection,
    BlockPerson,
    DeclineConnection,
    PageConnections,
    RemoveConnection,
    RequestConnection,
    UnblockPerson,
    WithdrawConnection,
)
from collab.user.connections.link import STANDINGS
from collab.user.notices.commands import PageNotices
from collab.user.profile.cards import GetCards
from collab.user.profile.commands import GetCard, SetProfile

CHAT = "chat:c1"
MEETING = "meeting:m1"
OTHER_SIDE: Final[Mapping[str, str]] = MappingProxyType(
    {"none": "none", "sent": "received", "received": "sent", "connected": "connected"}
)
PAUSE_S = COUNT_PAUSE_MS_MIN / 1000 + 1


@asynccontextmanager
async def opened(store: MemoryStore | None = None) -> AsyncIterator[App]:
    """Open an app whose clock is trio's, so that alarms ring in virtual time."""
    settings = AppSettings(
        clock_ms=lambda: 1_000_000 + int(trio.current_time() * 1000), store=store
    )
    async with open_app(None, settings) as app:
        yield app


async def me(app: App, who: str, command: object) -> Any:
    return await app.do(f"user:{who}", command, user_id=who)


async def mine(app: App, who: str, query: object) -> Any:
    await wait_all_tasks_blocked()
    return await app.look(f"user:{who}", query, user_id=who)


async def unread(app: App, who: str) -> dict[str, int]:
    page = await mine(app, who, PageList())
    return {item["target"]: item["unread"] for item in page["items"]}


async def post(app: App, who: str, count: int = 1, target: str = CHAT) -> int:
    for _ in range(count):
        reply: Any = await app.do(target, PostMessage(text="x"), user_id=who)
    message_id: int = reply["id"]
    return message_id


async def test_unread_messages_are_counted_and_read_on_any_device(
    autojump_clock: MockClock,  # noqa: ARG001 -- pauses cost no time
) -> None:
    """[U6.12] Exact after the pause; reading counts at once, to the very message."""
    async with opened() as app:
        await app.do(CHAT, CreateChat(title="Plans"), user_id="ann")
        await app.do(CHAT, AddMember(user_id="bob"), user_id="ann")
        first = await post(app, "ann")
        await trio.sleep(0.1)
        assert await unread(app, "bob") == {CHAT: 1}
        await post(app, "ann", 9)
        await trio.sleep(PAUSE_S)
        assert await unread(app, "bob") == {CHAT: 10}
        assert await unread(app, "ann") == {CHAT: 0}
        item = await me(app, "bob", Read(target=CHAT, message_id=first))
        assert item["unread"] == 9
        newest = await post(app, "ann", 2)
        await me(app, "bob", Read(target=CHAT, message_id=newest))
        await trio.sleep(PAUSE_S)  # The count comes after the mark, and changes nothing.
        assert await unread(app, "bob") == {CHAT: 0}
        assert (await me(app, "bob", Read(target=CHAT, message_id=first)))["unread"] == 0
        await post(app, "bob")
        await trio.sleep(PAUSE_S)
        assert await unread(app, "bob") == {CHAT: 0}
        assert await unread(app, "ann") == {CHAT: 1}
        assert (await me(app, "ann", Read(target=CHAT)))["unread"] == 0
        assert (await mine(app, "ann", GetInbox()))["unread"] == 0


async def test_what_was_deleted_is_not_unread(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[U6.14] Told like new messages, also when none follow; read or not, over a restart."""
    store = MemoryStore()
    async with opened(store) as app:
        await app.do(CHAT, CreateChat(), user_id="ann")
        await app.do(CHAT, AddMember(user_id="bob"), user_id="ann")
        posted = [await post(app, "ann") for _ in range(5)]
        await trio.sleep(PAUSE_S)
        assert await unread(app, "bob") == {CHAT: 5}
        for gone in (posted[4], posted[3], posted[3], posted[0]):
            await app.do(CHAT, DeleteMessage(id=gone), user_id="ann")
        await trio.sleep(PAUSE_S)
        assert await unread(app, "bob") == {CHAT: 2}
        item = await me(app, "bob", Read(target=CHAT, message_id=posted[1]))
        assert item["unread"] == 1
        await app.do(CHAT, DeleteMessage(id=posted[1]), user_id="ann")  # Read: no difference.
        await trio.sleep(PAUSE_S)
        assert await unread(app, "bob") == {CHAT: 1}
    async with opened(store) as app:
        await app.do(CHAT, RenameChat(title="Other"), user_id="ann")
        await post(app, "ann")
        await trio.sleep(PAUSE_S)
        assert await unread(app, "bob") == {CHAT: 2}
        assert (await me(app, "bob", Read(target=CHAT)))["unread"] == 0
        assert (await mine(app, "bob", GetInbox()))["unread"] == 0


async def test_a_mark_far_back_is_exact_too(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[U6.12] A message that left the room's memory is found in its row."""
    async with opened() as app:
        await app.do(CHAT, CreateChat(), user_id="ann")
        await app.do(CHAT, AddMember(user_id="bob"), user_id="ann")
        third = [await post(app, "ann") for _ in range(3)][-1]
        await post(app, "ann", MESSAGE_TAIL_MAX)
        await trio.sleep(PAUSE_S)
        item = await me(app, "bob", Read(target=CHAT, message_id=third))
        assert item["unread"] == MESSAGE_TAIL_MAX


async def test_only_what_is_listed_can_be_read(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[U6.13] Nobody learns of other rooms, nor marks what is no message."""
    async with opened() as app:
        await app.do(CHAT, CreateChat(), user_id="ann")
        message_id = await post(app, "ann")
        for who, target, there in (("eve", CHAT, message_id), ("ann", CHAT, message_id + 9)):
            await wait_all_tasks_blocked()
            with pytest.raises(NotFound):
                await me(app, who, Read(target=target, message_id=there))
        with pytest.raises(PermissionDenied):
            await app.do("user:ann", Read(target=CHAT), user_id="eve")


async def test_counts_survive_a_restart(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[U6.12] What was not told before the end is told with the room's next word."""
    store = MemoryStore()
    async with opened(store) as app:
        await app.do(CHAT, CreateChat(), user_id="ann")
        await app.do(CHAT, AddMember(user_id="bob"), user_id="ann")
        await post(app, "ann")
        await trio.sleep(0.1)
        await post(app, "ann", 4)
    async with opened(store) as app:
        await post(app, "ann")
        await trio.sleep(PAUSE_S)
        assert await unread(app, "bob") == {CHAT: 6}


async def test_people_connect_and_part(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[U2.11] From request through signals to both lists, cards included; parting ends it."""
    async with opened() as app:
        await me(app, "ann", SetProfile(name="Ann", interests=["music"]))
        with pytest.raises(PermissionDenied):
            await app.look("user:ann", GetCard(), user_id="bob")
        await me(app, "ann", RequestConnection(user_id="bob"))
        asking = await mine(app, "bob", PageConnections(standing="received"))
        (person,) = asking["people"]
        assert (person["user_id"], person["card"]["name"]) == ("ann", "Ann")
        await me(app, "bob", AcceptConnection(user_id="ann"))
        (person,) = (await mine(app, "ann", PageConnections()))["people"]
        assert (person["user_id"], person["card"]) == ("bob", None)
        card: Any = await app.look("user:ann", GetCard(), user_id="bob")
        assert card["interests"] == ["music"]
        notices = (await mine(app, "ann", PageNotices()))["notices"]
        assert [notice["about"] for notice in notices] == ["connected"]
        await me(app, "ann", RemoveConnection(user_id="bob"))
        assert (await mine(app, "bob", PageConnections()))["people"] == []
        with pytest.raises(PermissionDenied):
            await app.look("user:ann", GetCard(), user_id="bob")


async def test_crossing_requests_survive_a_restart(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[U2.13] Signals that were not sent before the end connect both afterwards."""
    store = MemoryStore()
    async with opened(store) as app, trio.open_nursery() as nursery:
        for who, other in (("ann", "bob"), ("bob", "ann")):
            nursery.start_soon(me, app, who, RequestConnection(user_id=other))
    async with opened(store) as app:
        for who in ("ann", "bob"):
            page = await mine(app, who, PageConnections())
            assert len(page["people"]) == 1


async def test_a_blocked_person_invites_in_vain(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[U6.10] The meeting says invited, as of anybody who does not answer; the list nothing."""
    async with opened() as app:
        await me(app, "bob", BlockPerson(user_id="eve"))
        blocked = Invitee(user_id="bob", role="speaker")
        await app.do(MEETING, Schedule(title="x", participants=[blocked]), user_id="eve")
        await app.do(CHAT, CreateChat(title="y"), user_id="eve")
        await app.do(CHAT, AddMember(user_id="bob"), user_id="eve")
        for who in ("bob", "dan"):
            answer: Any = await app.do(MEETING, Invite(user_id=who, role="speaker"), user_id="eve")
            assert answer == {"user_id": who, "role": "speaker", "standing": "invited"}
        assert (await mine(app, "bob", PageList()))["items"] == []
        assert (await mine(app, "dan", PageList()))["items"] != []
        assert (await mine(app, "bob", PageNotices()))["notices"] == []


async def test_people_of_a_room_see_each_others_cards(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[U2.6] Of who takes part there, for whoever may see who does; no actor is woken for it."""
    async with opened() as app:
        for who in ("ann", "bob", "eve"):
            await me(app, who, SetProfile(name=who.title()))
        guest = Invitee(user_id="bob", role="speaker")
        await app.do(MEETING, Schedule(title="x", participants=[guest]), user_id="ann")
        everybody = GetCards(user_ids=["ann", "bob", "eve", "nobody", "bob"])
        found: Any = await app.look(MEETING, everybody, user_id="ann")
        assert list(found["cards"]) == ["ann"], "whom somebody invites has not come"
        for who in ("bob", "eve"):  # Invited only, and not at all.
            with pytest.raises(PermissionDenied):
                await app.look(MEETING, everybody, user_id=who)
        await app.do(MEETING, Join(), user_id="bob")
        found = await app.look(MEETING, everybody, user_id="bob")
        assert {who: card["name"] for who, card in found["cards"].items()} == {
            "ann": "Ann",
            "bob": "Bob",
        }
        await app.do(CHAT, CreateChat(is_public=True), user_id="ann")
        found = await app.look(CHAT, everybody, user_id="ann")
        assert list(found["cards"]) == ["ann"]
        with pytest.raises(PermissionDenied):
            await app.look(CHAT, everybody, user_id="eve")  # Came through the public link.


async def test_nobody_is_made_to_show_their_card(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """[U2.6] Not by being put into a chat of a stranger's: by writing there, or welcoming it."""
    async with opened() as app:
        for who in ("bob", "eve"):
            await me(app, who, SetProfile(name=who.title()))
        await app.do(CHAT, CreateChat(), user_id="trapper")
        both = GetCards(user_ids=["bob", "eve"])

        async def shown() -> list[str]:
            await wait_all_tasks_blocked()
            answer: Any = await app.look(CHAT, both, user_id="trapper")
            return sorted(answer["cards"])

        await app.do(CHAT, AddMember(user_id="bob"), user_id="trapper")
        await app.do(CHAT, AddMember(user_id="eve", role="viewer"), user_id="trapper")
        assert await shown() == []
        await app.do(CHAT, TransferChat(user_id="bob"), user_id="trapper")
        assert await shown() == [], "what others do to one is not one's own doing"
        await post(app, "bob")
        assert await shown() == ["bob"]
        for _ in range(2):
            await me(app, "eve", Welcome(target=CHAT))
        assert await shown() == ["bob", "eve"]
        await app.do(CHAT, RemoveMember(user_id="eve"), user_id="bob")
        await app.do(CHAT, AddMember(user_id="eve"), user_id="bob")
        assert await shown() == ["bob"], "brought in anew"


@pytest.mark.parametrize("seed", range(12))
async def test_two_people_agree_after_any_history_with_restarts(
    seed: int,
    autojump_clock: MockClock,  # noqa: ARG001 -- signals that have to wait cost no time
) -> None:
    """[U2.13] Commands at once on both sides, the server ending in their midst, again and again."""
    rng = random.Random(seed)
    store = MemoryStore()
    commands = [RequestConnection, AcceptConnection, RemoveConnection, WithdrawConnection]
    commands += [DeclineConnection, BlockPerson, UnblockPerson]

    async def try_it(app: App, who: str, other: str) -> None:
        with suppress(Conflict, ActorError):  # Not as things stand, or not any more.
            await me(app, who, rng.choice(commands)(user_id=other))

    for _ in range(6):
        async with opened(store) as app, trio.open_nursery() as nursery:
            for _ in range(rng.randrange(1, 5)):
                who, other = rng.sample(["ann", "bob"], 2)
                nursery.start_soon(try_it, app, who, other)
            if rng.random() < 0.5:
                await trio.sleep(rng.random() / 1_000)
                nursery.cancel_scope.cancel()
    async with opened(store) as app:
        await trio.sleep(90)  # Every signal has been tried again by now.
        stand = {}
        for who in ("ann", "bob"):
            pages = {s: await mine(app, who, PageConnections(standing=s)) for s in STANDINGS}
            (stand[who],) = [s for s, page in pages.items() if page["people"]] or ["none"]
    if "blocked" in stand.values():
        assert set(stand.values()) <= {"blocked", "none", "sent"}
    else:
        assert stand["bob"] == OTHER_SIDE[stand["ann"]]
