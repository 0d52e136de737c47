"""Words that have not reached the server: whatever happens, whoever wrote them still has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from collab.identity import KEY_FILE_NAME
from tests.web.person import WITHIN_MS, Person
from tests.web.serving import Server
from tests.web.test_doors import sign_in

People = Callable[..., Person]


def test_who_is_removed_is_handed_their_words(server: Server, person: People) -> None:
    """[Z3.4] Removed while offline: notes, a message and a draft are shown wherever one is."""
    ann, ben = person("ann"), person("ben").may_lose_the_network()
    room = ann.begin(server.url, "Out")
    ben.enter(room)
    ann.write("Ours.")
    ben.sees(ben.notes, "Ours.")
    ben.lose_the_network()
    expect(ben.connection).to_contain_text("Offline", timeout=WITHIN_MS)
    ben.write(" Mine.")
    ben.post("posted offline")
    ben.composer.fill("half a thought")
    ann.remove("ben")
    ben.find_the_network()
    closed = ben.page.get_by_role("heading", name="You are not in this meeting")
    expect(closed).to_be_visible(timeout=WITHIN_MS)
    ben.sees(ben.page.get_by_label("My version"), "Ours. Mine.")
    words = ben.page.get_by_label("My words")
    ben.sees(words.filter(has_text="posted offline"), "posted offline")
    ben.sees(words.filter(has_text="half a thought"), "half a thought")
    ben.page.get_by_role("link", name="To my meetings and chats").click()
    expect(ben.page.get_by_label("What is it about?")).to_be_visible(timeout=WITHIN_MS)
    ben.sees(ben.page.get_by_label("My version"), "Ours. Mine.")
    while (one := ben.page.get_by_role("button", name="Let it go").first).is_visible():
        one.click()
    expect(words).to_have_count(0)


def test_signing_out_asks_first_and_hands_back_what_was_unsent(
    server: Server, person: People
) -> None:
    """[Z3.4] Signing out with unsent changes asks, and then shows them once more."""
    ben = person("ben").may_lose_the_network()
    ben.begin(server.url, "Not yet")
    expect(ben.connection).to_have_text("Live", timeout=WITHIN_MS)
    ben.write("Ours.")
    expect(ben.connection).to_have_text("Live", timeout=WITHIN_MS)
    ben.lose_the_network()
    expect(ben.connection).to_contain_text("Offline", timeout=WITHIN_MS)
    ben.write(" Mine.")
    ben.post("posted offline")
    ben.page.get_by_role("link", name="To my meetings and chats").click()
    ben.page.get_by_role("button", name="Sign out").click()
    asked = ben.page.get_by_role("dialog", name="Sign out now?")
    ben.sees(asked, "changes are not on the server yet")
    asked.get_by_role("button", name="No").click()
    expect(asked).to_have_count(0)
    ben.page.get_by_role("button", name="Sign out").click()
    asked.get_by_role("button", name="Sign out all the same").click()
    expect(ben.page.get_by_label("Your name")).to_be_visible(timeout=WITHIN_MS)
    ben.sees(ben.page.get_by_label("My version"), "Mine.")
    ben.sees(ben.page.get_by_label("My words"), "posted offline")


def test_a_draft_is_there_again_when_one_comes_back(server: Server, person: People) -> None:
    """[Z2.12] What was begun in one room is not in another, and is there again in its own."""
    ann = person("ann")
    ann.begin(server.url, "First")
    ann.composer.fill("half a thought")
    ann.page.get_by_role("link", name="To my meetings and chats").click()
    expect(ann.page.get_by_label("What is it about?")).to_be_visible(timeout=WITHIN_MS)
    ann.page.get_by_role("button", name="New chat").click()
    expect(ann.composer).to_have_value("", timeout=WITHIN_MS)
    ann.page.go_back()
    ann.page.go_back()
    expect(ann.composer).to_have_value("half a thought", timeout=WITHIN_MS)
    ann.page.keyboard.press("Tab")
    ann.composer.press("Enter")
    ann.sees(ann.messages, "half a thought")
    ann.page.go_back()
    ann.page.go_forward()
    expect(ann.composer).to_have_value("", timeout=WITHIN_MS)


def test_another_token_is_asked_for_where_one_is(
    built_page: Path,  # noqa: ARG001 - what the server shows.
    person: People,
    tmp_path: Path,
) -> None:
    """[Z3.5] Before a token ends, and when it is refused, one gives another one in the room."""
    data = tmp_path / "data"
    server = Server(data, "--guests")
    try:
        server.start()
        ann = person("ann")
        sign_in(ann, server.url, server.token("ann", ttl_s=3))
        ann.page.get_by_label("What is it about?").fill("Night watch")
        ann.page.get_by_role("button", name="New meeting").click()
        expect(ann.notes).to_be_visible(timeout=WITHIN_MS)
        asked = ann.page.get_by_label("Your token ends within a minute")
        expect(asked).to_be_visible(timeout=WITHIN_MS)
        go_on = ann.page.get_by_role("button", name="Go on")
        asked.fill(server.token("eve"))
        go_on.click()
        expect(ann.page.get_by_text("This token is eve's")).to_be_visible(timeout=WITHIN_MS)
        asked.fill(server.token("ann"))
        go_on.click()
        expect(asked).to_have_count(0, timeout=WITHIN_MS)

        server.kill()
        (data / KEY_FILE_NAME).unlink()  # No token of before is good any more.
        server.start()
        asked = ann.page.get_by_label("Your token has ended")
        expect(asked).to_be_visible(timeout=WITHIN_MS)
        ann.write("Written meanwhile.")
        asked.fill(server.token("ann"))
        go_on.click()
        expect(asked).to_have_count(0, timeout=WITHIN_MS)
        expect(ann.connection).to_have_text("Live", timeout=WITHIN_MS)
        ann.page.reload()  # The tab remembers the newest one.
        ann.sees(ann.notes, "Written meanwhile.")
    finally:
        server.kill()
