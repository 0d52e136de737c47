"""Revocation at its hardest: inside a batch, behind a read, through a token, beside presence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from actors import ActorCrashed
from collab.chat.commands import AddMember, CreateChat, DeleteChat, PublishChat, RemoveMember
from collab.errors import CollabError, PermissionDenied
from collab.gateway import NobodyWaits
from collab.kind import Caller, Item
from collab.messages import DeleteMessage, PageMessages, PostMessage
from collab.requests import Do
from protocol.messages import Auth, Call, Ended, Error, Events, PresenceChanged, Snapshot, Subscribe
from tests.integration.wires import Wired, wired

CHAT = "chat:c1"


async def create_chat(server: Wired, **settings: object) -> None:
    await server.app.do(CHAT, CreateChat(title="x", **settings), user_id="ann")  # type: ignore[arg-type]


async def test_a_batch_does_not_hide_a_revocation() -> None:
    """[V3.6] Off, a post, and on again in one batch: readers by link do not see the post."""
    async with wired() as server:
        await create_chat(server, is_public=True)
        eve = await server.client("eve")
        eve.send(Subscribe(ref=3, target=CHAT, topics=("messages",)))
        assert isinstance(await eve.receive(), Snapshot)
        ref = server.app.system.ref("chat", "c1")
        hidden = PostMessage(text="while it is private")
        for command in (PublishChat(on=False), hidden, PublishChat(on=True)):
            ref.ask_nowait(Do(Caller("ann"), command), NobodyWaits())
        assert isinstance(await eve.receive(), Ended)
        assert not await eve.receive_all()


async def test_who_subscribes_in_the_same_batch_is_judged_too() -> None:
    """[V3.6] A subscription decided before the revocation, and answered after it, ends with it."""
    async with wired() as server:
        await create_chat(server, is_public=True)
        eve = await server.client("eve")
        held = HeldStore(server)
        async with trio.open_nursery() as nursery:
            # The first post is being stored while the rest collects into one batch.
            nursery.start_soon(server_post, server, "first")
            await held.reached.wait()
            eve.send(Subscribe(ref=3, target=CHAT, topics=("messages",)))
            await trio.testing.wait_all_tasks_blocked()
            ref = server.app.system.ref("chat", "c1")
            for command in (PublishChat(on=False), PostMessage(text="among us")):
                ref.ask_nowait(Do(Caller("ann"), command), NobodyWaits())
            held.go_on.set()
        got = await eve.receive_all()
        assert isinstance(got[-1], Ended)
        assert "among us" not in str(got)


async def server_post(server: Wired, text: str) -> None:
    await server.app.do(CHAT, PostMessage(text=text), user_id="ann")


class HeldStore:
    """Holds the next append, or every page, of a store."""

    def __init__(self, server: Wired) -> None:
        self.reached, self.go_on = trio.Event(), trio.Event()
        store = server.app.store
        append = store.append

        async def held_append(batch: Any) -> None:
            self.reached.set()
            await self.go_on.wait()
            await append(batch)

        store.append = held_append  # type: ignore[method-assign]


class HeldPages:
    """Holds every page that is read, with what it already found."""

    def __init__(self, server: Wired) -> None:
        self.go_on = trio.Event()
        page = server.app.store.page

        async def held_page(*args: Any, **bounds: Any) -> Sequence[Item]:
            found = await page(*args, **bounds)
            await self.go_on.wait()
            return found

        server.app.store.page = held_page  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("ending", ["removed", "removed, then deleted", "actor restarted"])
async def test_an_answer_read_before_does_not_leave_after(ending: str) -> None:
    """[V3.7] A query that was reading storage when its caller lost the role is not answered."""
    async with wired() as server:
        app = server.app
        await create_chat(server)
        await app.do(CHAT, AddMember(user_id="ben", role="viewer"), user_id="ann")
        for n in range(150):
            await app.do(CHAT, PostMessage(text=f"secret {n}"), user_id="ann")
        held = HeldPages(server)

        async def look() -> None:
            with pytest.raises(CollabError):
                await app.look(CHAT, PageMessages(before=20), user_id="ben")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await trio.testing.wait_all_tasks_blocked()
            if ending == "actor restarted":
                with pytest.raises(ActorCrashed):
                    await app.do(CHAT, object(), user_id="ann")
            await app.do(CHAT, RemoveMember(user_id="ben"), user_id="ann")
            if ending == "removed, then deleted":
                await app.do(CHAT, DeleteChat(), user_id="ann")
            held.go_on.set()


async def test_a_token_with_fewer_rights_ends_the_streams_it_does_not_cover() -> None:
    """[V3.8] A refreshed token counts for what is open already."""
    async with wired() as server:
        owner = await server.client("own", org_role="member")
        schedule = Call(ref=1, target="meeting:m", op="meeting.schedule", args={"title": "t"})
        owner.send(schedule)
        await owner.receive()
        admin = await server.client("adm", org_role="admin")
        admin.send(Subscribe(ref=1, target="meeting:m", topics=("participants", "state")))
        assert isinstance(await admin.receive(), Snapshot)
        admin.send(Auth(ref=2, token=server.token("adm", org_role="member")))
        invite = {"user_id": "somebody", "role": "speaker"}
        got = await admin.receive_all()
        owner.send(Call(ref=2, target="meeting:m", op="participants.invite", args=invite))
        await owner.receive()
        got += await admin.receive_all()
        assert any(isinstance(message, Ended) for message in got)
        assert not any(isinstance(message, Events) for message in got)


async def test_who_asks_with_an_old_token_is_answered_by_the_new_one() -> None:
    """[V3.8] A subscription on its way while the token is replaced is judged by the fresh one."""
    async with wired() as server:
        owner = await server.client("own", org_role="member")
        owner.send(Call(ref=1, target="meeting:m", op="meeting.schedule", args={"title": "t"}))
        await owner.receive()
        admin = await server.client("adm", org_role="admin")
        held = HeldStore(server)
        # While this is being stored the subscription waits for its turn.
        owner.send(Call(ref=2, target="meeting:m", op="meeting.update", args={"title": "u"}))
        await held.reached.wait()
        admin.send(Subscribe(ref=1, target="meeting:m", topics=("participants", "state")))
        await trio.testing.wait_all_tasks_blocked()
        admin.send(Auth(ref=2, token=server.token("adm", org_role="member")))
        await trio.testing.wait_all_tasks_blocked()
        held.go_on.set()
        got = await admin.receive_all()
        assert not any(isinstance(message, Snapshot) for message in got)
        assert [message.code for message in got if isinstance(message, Error)] == [
            "permission_denied"
        ]


async def test_presence_is_for_those_who_may_know_who_is_in() -> None:
    """[V3.9] A reader by link learns nobody's name through presence, and is not shown there."""
    async with wired() as server:
        await create_chat(server, is_public=True)
        ann = await server.client("ann")
        ann.send(Subscribe(ref=1, target=CHAT, topics=("state", "presence")))
        eve = await server.client("eve")
        eve.send(Subscribe(ref=3, target=CHAT, topics=("state", "presence")))
        got = await eve.receive_all()
        assert [message.code for message in got if isinstance(message, Error)] == [
            "permission_denied"
        ]
        assert not any(isinstance(message, PresenceChanged) for message in got)
        assert "eve" not in str(await ann.receive_all())


async def test_what_a_stranger_names_is_not_even_looked_up() -> None:
    """[V3.10] Refused commands cost no read of storage."""
    async with wired() as server:
        await create_chat(server)
        for _ in range(150):
            await server_post(server, "x")
        reads: list[object] = []
        get = server.app.store.get

        async def counted(*args: Any) -> Sequence[Item]:
            reads.append(args)
            return await get(*args)

        server.app.store.get = counted  # type: ignore[method-assign, assignment]
        with pytest.raises(PermissionDenied):
            await server.app.do(CHAT, DeleteMessage(id=3), user_id="eve")
        assert not reads
        await server.app.do(CHAT, DeleteMessage(id=3), user_id="ann")
        assert len(reads) == 1
