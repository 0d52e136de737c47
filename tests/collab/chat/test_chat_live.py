"""Chats and lists as the server runs them: real actors, storage in memory, no socket."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from collab.app import App, open_app
from collab.chat.commands import AddMember, BranchChat, CreateChat, DeleteChat, GetChat
from collab.errors import NotFound
from collab.limits import MESSAGE_TAIL_MAX
from collab.messages import EditMessage, GetMessage, PageHistory, PageMessages, PostMessage, React
from collab.user.commands import PageList, Pin

CHAT_1 = "chat:c1"


async def items_of(app: App, who: str) -> list[dict[str, Any]]:
    """Return *who*'s list once all signals have arrived."""
    await wait_all_tasks_blocked()
    page: Any = await app.look(f"user:{who}", PageList(), user_id=who)
    items: list[dict[str, Any]] = page["items"]
    return items


async def test_a_chat_reaches_its_members_lists_and_leaves_them(
    autojump_clock: MockClock,  # noqa: ARG001 -- signals that have to wait cost no time
) -> None:
    """[C1.9] From command through signal to the list, and out again when the chat is deleted."""
    async with open_app(None) as app:
        await app.do(CHAT_1, CreateChat(title="Plans"), user_id="ann")
        await app.do(CHAT_1, AddMember(user_id="bob", role="viewer"), user_id="ann")
        for who, role in (("ann", "owner"), ("bob", "viewer")):
            (item,) = await items_of(app, who)
            assert (item["target"], item["title"], item["role"]) == (CHAT_1, "Plans", role)
        await app.do("user:bob", Pin(target=CHAT_1), user_id="bob")
        await app.do(CHAT_1, DeleteChat(), user_id="ann")
        assert await items_of(app, "ann") == await items_of(app, "bob") == []
        with pytest.raises(NotFound):
            await app.look(CHAT_1, GetChat(), user_id="ann")


async def test_old_messages_are_edited_paged_and_branched_from_while_others_post() -> None:
    """[C2.8] Under concurrent posts every old message that is named is found and changed."""
    async with open_app(None) as app:
        await app.do(CHAT_1, CreateChat(), user_id="ann")
        ids: list[int] = []

        async def post(text: str) -> None:
            reply: Any = await app.do(CHAT_1, PostMessage(text=text), user_id="ann")
            ids.append(reply["id"])

        async def do(command: object) -> None:
            await app.do(CHAT_1, command, user_id="ann")

        for n in range(MESSAGE_TAIL_MAX):
            await post(str(n))
        old = list(ids)
        async with trio.open_nursery() as nursery:
            for n, message_id in enumerate(old):
                nursery.start_soon(post, f"new {n}")
                nursery.start_soon(do, EditMessage(id=message_id, text=f"edited {n}"))
                nursery.start_soon(do, React(id=message_id, emoji="+1"))
        for n, message_id in enumerate(old):
            message: Any = await app.look(CHAT_1, GetMessage(id=message_id), user_id="ann")
            assert message["parts"] == [{"type": "text", "text": f"edited {n}"}]
            assert message["reactions"] == {"+1": ["ann"]}
        history: Any = await app.look(CHAT_1, PageHistory(id=old[7]), user_id="ann")
        assert [version["parts"][0]["text"] for version in history["versions"]] == ["7"]
        await do(BranchChat(message_id=old[1]))
        await post("otherwise")
        page: Any = await app.look(CHAT_1, PageMessages(leaf=ids[-1]), user_id="ann")
        assert [m["id"] for m in page["messages"]] == [old[0], old[1], ids[-1]]
