"""What becomes of guests: blocks that outlive their sign-in, and the end of those who stay away."""

# ruff: noqa: ARG001 - the clock works by being there.

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from collab.app import App
from collab.chat.commands import AddMember, CreateChat, GetChat
from collab.chat.handing_over import HandOver
from collab.errors import Conflict, NotFound
from collab.limits import GUEST_GRACE_S
from collab.meeting.commands import Invite, Schedule
from collab.messages import GetMessage, PostMessage, React
from collab.storage import MemoryStore
from collab.user import USER, guest_end
from collab.user.blocked_guests import GuestIs, ShunGuest
from collab.user.claiming import BeClaimed, claim
from collab.user.commands import ListItem, PageList
from collab.user.connections.commands import (
    BlockPerson,
    PageConnections,
    RequestConnection,
    UnblockPerson,
)
from collab.user.guest_end import RenewGuest, renew
from collab.user.notices.commands import PageNotices
from collab.user.state import UserState
from tests.collab.messages.stage import Stage
from tests.collab.user.test_people_live import CHAT, me, mine, opened

GUEST = "guest:g"
END_S = 600 + GUEST_GRACE_S


async def listed(app: App, who: str) -> list[tuple[str, str | None]]:
    page = await mine(app, who, PageList())
    return [(item["target"], item["invited_by"]) for item in page["items"]]


async def blocked(app: App, who: str) -> list[str]:
    page = await mine(app, who, PageConnections(standing="blocked"))
    return [person["user_id"] for person in page["people"]]


async def exists(app: App, target: str, who: str = GUEST) -> bool:
    await wait_all_tasks_blocked()
    try:
        await app.look(target, GetChat(), user_id=who)
    except NotFound:
        return False
    return True


# ---------------------------------------------------------------- blocks


@pytest.mark.parametrize("is_claimed_first", [True, False])
async def test_who_is_blocked_as_a_guest_is_blocked_after_signing_in(
    is_claimed_first: bool, autojump_clock: MockClock
) -> None:
    """[U2.20] Whichever comes first, over a restart: the user hears silence, and is not told."""
    store = MemoryStore()
    async with opened(store) as app:
        for step in (0, 1) if is_claimed_first else (1, 0):
            if step:
                await me(app, "vera", BlockPerson(user_id=GUEST))
            else:
                await claim(app.system, guest_id=GUEST, user_id="carl")
    async with opened(store) as app:
        assert await blocked(app, "vera") == ["carl", GUEST]
        await me(app, "carl", RequestConnection(user_id="vera"))
        assert await blocked(app, "vera") == ["carl", GUEST]
        assert (await mine(app, "vera", PageNotices()))["notices"] == []
        page = await mine(app, "carl", PageConnections(standing="sent"))
        assert [person["user_id"] for person in page["people"]] == ["vera"]


async def test_open_requests_of_a_guest_go_with_the_block_of_the_user(
    autojump_clock: MockClock,
) -> None:
    """[U2.20] The user is named as who invited; to whom the guest was blocked nothing comes."""
    async with opened() as app:
        await app.do(CHAT, CreateChat(title="t"), user_id=GUEST)
        for who in ("vera", "wanda", "xenia"):
            await app.do(CHAT, AddMember(user_id=who), user_id=GUEST)
            assert await listed(app, who) == [(CHAT, GUEST)]
        await me(app, "wanda", BlockPerson(user_id=GUEST))
        assert await listed(app, "wanda") == []
        await me(app, "xenia", BlockPerson(user_id="bob"))
        await claim(app.system, guest_id=GUEST, user_id="bob")
        assert await listed(app, "vera") == [(CHAT, "bob")]
        assert await listed(app, "wanda") == []
        assert await listed(app, "xenia") == [], "the user was blocked before they signed in"
        await me(app, "vera", BlockPerson(user_id="bob"))
        assert await listed(app, "vera") == []
        for who in ("vera", "wanda", "xenia"):
            notices = (await mine(app, who, PageNotices()))["notices"]
            assert [notice["about"] for notice in notices] == ["added"]


def test_a_block_that_was_taken_back_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """[U2.20] Nor is one's own guest blocked; the guest's actor remembers a bounded number."""
    vera: Stage[UserState] = Stage(USER, "vera")
    vera.do("vera", BlockPerson(user_id=GUEST))
    assert [signal.target for signal in vera.signals] == [f"user:{GUEST}"]
    vera.receive(GuestIs(user_id="vera"), f"user:{GUEST}")
    vera.receive(GuestIs(user_id="carl"), "user:somebody")
    vera.do("vera", UnblockPerson(user_id=GUEST))
    seq = vera.seq
    vera.receive(GuestIs(user_id="carl"), f"user:{GUEST}")
    assert vera.seq == seq
    assert not vera.state.link_to("carl").is_blocked

    monkeypatch.setattr("collab.user.blocked_guests.GUEST_SHUNNED_MAX", 3)
    guest: Stage[UserState] = Stage(USER, GUEST)
    for n in range(5):
        for _ in range(2):
            guest.receive(ShunGuest(), f"user:{n}")
    assert guest.state.shunned_by == ["2", "3", "4"]
    guest.signals.clear()
    guest.receive(BeClaimed(user_id="carl"), "identity")
    told = [signal.target for signal in guest.signals if isinstance(signal.command, GuestIs)]
    assert told == ["user:2", "user:3", "user:4"]
    assert guest.replayed() == guest.state == guest.restored()


async def test_a_guest_of_old_begins_nothing(autojump_clock: MockClock) -> None:
    """[I5.8] No room, and nobody is brought into one; before, a guest does all of it."""
    meeting = "meeting:m"
    async with opened() as app:
        await app.do(CHAT, CreateChat(), user_id=GUEST)
        await app.do(CHAT, AddMember(user_id="bob"), user_id=GUEST)
        await app.do(meeting, Schedule(title="x"), user_id=GUEST)
        await app.do(meeting, Invite(user_id="bob", role="speaker"), user_id=GUEST)
        await wait_all_tasks_blocked()
        await claim(app.system, guest_id=GUEST, user_id="ann")
        for target, command in (
            ("chat:new", CreateChat()),
            ("meeting:new", Schedule(title="x")),
            (meeting, Invite(user_id="vera", role="speaker")),
        ):
            with pytest.raises(Conflict):
                await app.do(target, command, user_id=GUEST)
        await app.do(CHAT, AddMember(user_id="vera"), user_id="ann")
        assert await listed(app, "vera") == [(CHAT, "ann")]


def test_what_is_listed_after_a_claim_is_handed_over() -> None:
    """[I5.4] A chat whose signal was under way when the guest signed in."""
    guest: Stage[UserState] = Stage(USER, GUEST)
    guest.receive(BeClaimed(user_id="ann"), "identity")
    guest.signals.clear()
    guest.receive(
        ListItem(
            kind="chat", target=CHAT, title="", status="open", role="owner", at_ms=1, version=1
        )
    )
    moved = [(signal.target, signal.command) for signal in guest.signals]
    assert (CHAT, HandOver(from_id=GUEST, to_id="ann")) in moved


# ---------------------------------------------------------------- reactions


async def test_a_guests_reaction_is_the_users_after_sign_in(autojump_clock: MockClock) -> None:
    """[C2.13] Putting it on again changes nothing; taking it back takes the guest's away."""
    async with opened() as app:
        await app.do(CHAT, CreateChat(), user_id=GUEST)
        posted: Any = await app.do(CHAT, PostMessage(text="hi"), user_id=GUEST)
        here = posted["id"]
        await app.do(CHAT, React(id=here, emoji="+1", on=True), user_id=GUEST)
        await wait_all_tasks_blocked()
        await claim(app.system, guest_id=GUEST, user_id="ann")
        await wait_all_tasks_blocked()
        for on, left in ((True, {"+1": [GUEST]}), (False, {}), (True, {"+1": ["ann"]})):
            await app.do(CHAT, React(id=here, emoji="+1", on=on), user_id="ann")
            message: Any = await app.look(CHAT, GetMessage(id=here), user_id="ann")
            assert message["reactions"] == left


# ---------------------------------------------------------------- the end


@pytest.fixture
def short_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guests' tokens live for ten minutes: an app has something to do every few seconds."""
    monkeypatch.setattr(guest_end, "_AFTER_MS", END_S * 1_000)


@pytest.mark.usefixtures("short_lived")
async def test_chats_of_a_guest_who_stays_away_are_deleted(autojump_clock: MockClock) -> None:
    """[I5.7] Those that nobody else is in, after the last token has ended; others stay."""
    async with opened() as app:
        for chat in ("chat:mine", "chat:ours"):
            await app.do(chat, CreateChat(), user_id=GUEST)
        await app.do("chat:ours", AddMember(user_id="bob"), user_id=GUEST)
        await wait_all_tasks_blocked()
        await trio.sleep(END_S - 10)
        await renew(app.system, GUEST)
        await trio.sleep(END_S - 10)
        assert await exists(app, "chat:mine"), "renewed"
        await trio.sleep(20)
        assert not await exists(app, "chat:mine")
        assert await exists(app, "chat:ours")
        assert await listed(app, GUEST) == [("chat:ours", None)]


@pytest.mark.usefixtures("short_lived")
async def test_what_a_guest_had_stays_the_users(autojump_clock: MockClock) -> None:
    """[I5.7] Who has signed in does not end, nor goes on as a guest; with nothing, no timer."""
    async with opened() as app:
        await app.do(CHAT, CreateChat(), user_id=GUEST)
        await wait_all_tasks_blocked()
        await claim(app.system, guest_id=GUEST, user_id="ann")
        await trio.sleep(END_S + 10)
        assert await exists(app, CHAT, "ann")
        with pytest.raises(Conflict):
            await renew(app.system, GUEST)
    nobody: Stage[UserState] = Stage(USER, "guest:nobody")
    nobody.receive(RenewGuest(), "identity")
    assert (nobody.seq, nobody.signals) == (0, [])
