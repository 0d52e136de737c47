"""A live view of messages: one's own writes at once, and what everybody agrees on in the end."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import asdict

from collab.client import CollabClient, MessagesShown, ShownMessage
from collab.client import messages_shown as shown
from collab.limits import MESSAGES_SHOWN_MAX
from protocol.client import Event
from protocol.errors import CallFailed


def texts(state: MessagesShown) -> list[str]:
    return [message.text for message in state.messages]


def as_paged(state: MessagesShown) -> list[dict[str, Any]]:
    """Return the messages as a page holds them; reactions as pairs, for their order."""
    return [paged(asdict(message)) for message in state.messages]


def paged(message: dict[str, Any]) -> dict[str, Any]:
    reactions = list(message["reactions"].items())
    return {
        **message,
        "parts": list(message["parts"]),
        "edits": list(message["edits"]),
        "reactions": reactions,
    }


async def test_a_post_shows_at_once_and_once(ann: CollabClient, ben: CollabClient) -> None:
    """[L6.4] Before the server knows it, and never twice when its event comes."""
    await ann.meeting("m1").get()
    await ben.meeting("m1").get()
    async with (
        ann.meeting("m1").messages.view() as view,
        ben.meeting("m1").messages.view() as bens,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(view.post, "hi")
        lengths: set[int] = set()

        def is_settled(state: MessagesShown) -> bool:
            lengths.add(len(state.messages))
            return bool(state.messages) and not state.messages[0].is_pending

        shows = await view.wait_for(lambda state: bool(state.messages))
        assert shows.messages[0].is_pending
        await view.wait_for(is_settled)
        assert lengths == {1}
        assert view.pending == 0
        await bens.wait_for(lambda state: texts(state) == ["hi"])


async def test_everything_one_can_do_to_a_message_shows(ann: CollabClient) -> None:
    """[L6.4] Edit, react and delete, as history says them in the end."""
    messages = ann.meeting("m1").messages
    first = (await messages.post("one"))["id"]
    async with messages.view() as view:
        await view.edit(first, "uno")
        await view.wait_for(lambda state: texts(state) == ["uno"])
        await view.react(first, "+1")
        await view.wait_for(lambda state: state.messages[0].reactions == {"+1": ["ann"]})
        await view.react(first, "+1", on=False)
        await view.wait_for(lambda state: state.messages[0].reactions == {})
        await view.delete(first)
        await view.wait_for(lambda state: state.messages[0].is_deleted and view.pending == 0)
        page = (await messages.page())["messages"]
        assert page[0]["is_deleted"]


async def test_a_view_equals_the_page_whatever_happened(
    ann: CollabClient, ben: CollabClient
) -> None:
    """[L6.4] Posts, edits, deletions, reactions: what was followed is what the server holds."""
    messages, bens = ann.meeting("m1").messages, ben.meeting("m1").messages
    before = (await messages.post("before"))["id"]
    await messages.edit(before, "earlier")
    await ben.meeting("m1").get()
    async with messages.view() as view, bens.view() as theirs:
        await messages.edit(before, "long before")
        first = (await view.post("one", reply_to=before))["id"]
        second = (await theirs.post("two"))["id"]
        for text in ("uno", "eins", "un"):
            await view.edit(first, text)
        await theirs.edit(second, "due")
        for person, emoji in ((theirs, "+1"), (view, "!"), (view, "+1"), (theirs, "?")):
            await person.react(first, emoji)
        await theirs.react(first, "?", on=False)
        await theirs.react(second, "+1")
        await theirs.delete(second)
        await bens.post("last")
        for shown_to in (view, theirs):
            state = await shown_to.wait_for(lambda state: texts(state)[-1] == "last")
            assert shown_to.pending == 0
            page = [paged(message) for message in (await messages.page())["messages"]]
            assert as_paged(state) == page
    assert [len(message["edits"]) for message in page] == [2, 3, 1, 0]
    assert [emoji for emoji, _ in page[1]["reactions"]] == ["+1", "!"]


async def test_a_refused_write_shows_no_more(ann: CollabClient, ben: CollabClient) -> None:
    """[L6.4] What is shown equals a history without it."""
    messages = ann.meeting("m1").messages
    first = (await messages.post("anns"))["id"]
    await ben.meeting("m1").get()
    async with ben.meeting("m1").messages.view() as view:
        with pytest.raises(CallFailed, match="permission_denied"):
            await view.edit(first, "bens")
        assert texts(view.shown) == ["anns"]


def test_a_view_holds_the_newest_messages() -> None:
    """[L6.4] The oldest falls off, and the view says that there is more."""
    state = MessagesShown()
    for number in range(1, MESSAGES_SHOWN_MAX + 2):
        fields = {"parts": [], "role": "user"}
        event = Event(number, "messages", "message.posted", 0, "ann", fields)
        state = shown.reduce(state, event)
    assert len(state.messages) == MESSAGES_SHOWN_MAX
    assert state.more
    assert state.messages[0].id == 2
    assert state.find(1) is None


def test_an_unknown_event_changes_nothing() -> None:
    """[L6.4] A newer server may tell more than this client knows."""
    state = shown.append(
        MessagesShown(), ShownMessage(id=1, author="a", role="user", parts=[], at_ms=0)
    )
    assert shown.reduce(state, Event(2, "messages", "message.blessed", 0, "ann", {})) is state


def test_a_reaction_of_a_guest_is_taken_back_by_the_user() -> None:
    """[C2.13] The event names the guest who put it on, beside the user who takes it back."""
    reactions = {"+1": ["guest:g", "bob"]}
    message = ShownMessage(id=1, author="a", role="user", parts=[], at_ms=0, reactions=reactions)
    fields = {"id": 1, "emoji": "+1", "on": False, "of": "guest:g"}
    state = shown.append(MessagesShown(), message)
    state = shown.reduce(state, Event(2, "messages", "message.reacted", 0, "ann", fields))
    assert state.messages[0].reactions == {"+1": ["bob"]}
