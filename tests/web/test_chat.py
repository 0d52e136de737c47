"""A chat, its messages, and what is before what one sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import expect

from collab.client import CollabClient, connect
from tests.web.beside import beside, call, target_of, write
from tests.web.person import WITHIN_MS, Person
from tests.web.serving import Server
from tests.web.test_doors import sign_in

People = Callable[..., Person]
MESSAGES: Final = 120
WRITERS: Final = 70  # More than write at once, and more moments than are fetched at once.


def begin_chat(ann: Person, url: str, title: str) -> str:
    """Begin a chat; return its address."""
    ann.open(url)
    ann.page.get_by_label("What is it about?").fill(title)
    ann.page.get_by_role("button", name="New chat").click()
    expect(ann.messages).to_be_visible(timeout=WITHIN_MS)
    return ann.page.url


def ask(url: str, op: str, args: Mapping[str, Any]) -> None:
    """Have ann do something in a chat."""
    beside(url.rsplit("/", 2)[0], "ann", partial(call, target_of(url), op, args))


def test_a_chat_follows_what_one_may_do_there(server: Server, person: People) -> None:
    """[Z2.15] [Z4.5] [Z4.7] An editor, a viewer, removed, let in by the link, a member again."""
    ann, ben = person("ann"), person("ben")
    chat = begin_chat(ann, server.url, "Standing")
    ann.post("שלום")
    ask(chat, "members.add", {"user_id": "ben", "role": "viewer"})
    ben.open(chat)
    ben.sees(ben.messages, "שלום")
    expect(ben.messages.get_by_text("שלום")).to_have_css("direction", "rtl")
    expect(ben.composer).to_have_count(0)
    ask(chat, "members.set_role", {"user_id": "ben", "role": "editor"})
    expect(ben.composer).to_be_visible(timeout=WITHIN_MS)
    ask(chat, "members.set_role", {"user_id": "ben", "role": "viewer"})
    expect(ben.composer).to_have_count(0, timeout=WITHIN_MS)
    ask(chat, "members.remove", {"user_id": "ben"})
    shut = ben.page.get_by_role("heading", name="You cannot see this chat")
    expect(shut).to_be_focused(timeout=WITHIN_MS)
    ask(chat, "chat.publish", {"on": True})
    ben.page.reload()
    ben.sees(ben.messages, "שלום")
    expect(ben.composer).to_have_count(0)
    ask(chat, "members.add", {"user_id": "ben", "role": "editor"})
    expect(ben.composer).to_be_visible(timeout=WITHIN_MS)


def test_a_chat_that_is_opened_without_a_network_opens_when_it_is_back(
    server: Server, person: People
) -> None:
    """[Z2.15] It is being opened and says how the connection is; a time-out is no refusal."""
    ann = person("ann").may_lose_the_network()
    begin_chat(ann, server.url, "No network")
    ann.post("still here")
    ann.page.get_by_role("link", name="To my meetings and chats").click()
    item = ann.page.get_by_role("listitem").filter(has_text="No network")
    expect(item).to_be_visible(timeout=WITHIN_MS)
    ann.lose_the_network()
    expect(ann.connection).to_contain_text("Offline", timeout=WITHIN_MS)
    item.get_by_role("link").click()
    expect(ann.page.get_by_text("Opening the chat …")).to_be_visible(timeout=WITHIN_MS)
    expect(ann.connection).to_contain_text("Offline")
    ann.find_the_network()
    ann.sees(ann.messages, "still here")


def test_what_was_paged_back_is_asked_for_again(
    built_page: Path,  # noqa: ARG001 - what the server shows.
    person: People,
    tmp_path: Path,
) -> None:
    """[Z2.9] After a fresh start in the same place older messages are what they are by now."""
    server = Server(tmp_path / "data", "--guests")
    ben = person("ben").may_lose_the_network()
    chat = "chat:older"

    async def prepare(ann: CollabClient) -> None:
        await ann.wire.call(chat, "chat.create", {"title": "Older ones"})
        await write(chat, MESSAGES, ann)
        await ann.wire.call(chat, "members.add", {"user_id": "ben", "role": "editor"})

    async def change(ann: CollabClient) -> None:
        for op, args in (
            ("messages.delete_any", {"id": 2}),  # The first one: before it the chat was made.
            ("chat.publish", {"on": True}),
            ("members.remove", {"user_id": "ben"}),  # Let in by the link, they start afresh.
        ):
            await ann.wire.call(chat, op, args)

    try:
        server.start()
        token = server.token("ann")
        beside(server.url, "ann", prepare, token=token)
        sign_in(ben, f"{server.url}/chat/older", server.token("ben"))
        ben.sees(ben.messages, f"message {MESSAGES - 1}.")
        first = ben.messages.get_by_text("message 0.", exact=True)
        ben.scroll_up_to(first)
        ben.lose_the_network()
        expect(ben.connection).to_contain_text("Offline", timeout=WITHIN_MS)
        beside(server.url, "ann", change, token=token)
        ben.find_the_network()
        expect(ben.composer).to_have_count(0, timeout=WITHIN_MS)
        # On a slow machine the older ones come after the newest have been shown.
        ben.scroll_up_to(ben.messages.get_by_text("This message was removed."))
        expect(first).to_have_count(0)
        expect(ben.messages.get_by_text("message 1.", exact=True)).to_be_visible()
    finally:
        server.kill()


def test_reactions_are_chosen_in_sight(server: Server, person: People) -> None:
    """[Z2.16] [Z4.5] Choices for the last message are not cut off, and close again."""
    ann = person("ann")
    chat = begin_chat(ann, server.url, "At the end")
    beside(server.url, "ann", partial(write, target_of(chat), 20))
    last = ann.messages.get_by_role("article").filter(has_text="message 19.")
    last.hover()
    react = last.get_by_role("button", name="React", exact=True)
    react.click()
    choices = ann.page.get_by_role("group", name="Reactions")
    shown, room = choices.bounding_box(), ann.messages.bounding_box()
    assert shown is not None
    assert room is not None
    assert room["y"] <= shown["y"]
    assert shown["y"] + shown["height"] <= room["y"] + room["height"]
    ann.composer.click()
    expect(choices).to_have_count(0)
    react.focus()
    ann.page.keyboard.press("Enter")
    ann.page.keyboard.press("Tab")
    ann.page.keyboard.press("Enter")
    expect(react).to_be_focused()
    expect(ann.messages.get_by_role("button", name="👍 by ann")).to_be_visible(timeout=WITHIN_MS)


def test_the_past_goes_back_to_the_beginning(server: Server, person: People) -> None:
    """[Z2.7] However much was written, the first of it can be seen."""
    ann = person("ann")
    room = ann.begin(server.url, "Long past")
    ann.write("The first.")
    expect(ann.connection).to_have_text("Live", timeout=WITHIN_MS)
    beside(
        server.url, "ann", partial(_write_as_many, target_of(room).partition(":")[2], server.url)
    )
    ann.sees(ann.notes, f"writer {WRITERS - 1}.")
    ann.page.get_by_role("button", name="History").click()
    ann.page.get_by_role("button", name="Show earlier ones").click()
    expect(ann.page.get_by_text("From the beginning")).to_be_visible(timeout=WITHIN_MS)
    ann.page.get_by_role("slider").press("Home")
    then = ann.page.get_by_label("The notes as they were")
    expect(then).to_have_text(re.compile(r"^The first\.$"), timeout=WITHIN_MS)


async def _write_as_many(key: str, url: str, _client: Any) -> None:
    """Have many people write something in the notes, one after the other."""
    for number in range(WRITERS):
        async with (
            connect(url, token=f"dev:writer{number}") as client,
            client.meeting(key).notes.open() as notes,
        ):
            # All of it: a moment reaches to its author's last edit, whoever wrote in between.
            await notes.wait_for(lambda: "The first." in str(notes.text("notes")))
            notes.text("notes").append(f" writer {number}.")
            await notes.saved()
