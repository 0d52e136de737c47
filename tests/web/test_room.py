"""Two people in a meeting, each in a browser of their own."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.web.person import WITHIN_MS, Person
from tests.web.serving import Server

People = Callable[..., Person]


def test_two_people_write_speak_and_post_and_see_each_other(server: Server, person: People) -> None:
    """[Z2.1] [Z2.2] [Z2.3] [Z4.6] What one does the other sees: notes, carets, speech, messages."""
    ann, ben = person("ann"), person("ben")
    room = ann.begin(server.url, "Open day")
    ben.enter(room)
    ann.write("Twelve people at once.")
    ben.sees(ben.notes, "Twelve people at once.")
    expect(ben.page.locator(".caret")).to_have_attribute("data-name", "ann", timeout=WITHIN_MS)
    ben.write(" Not more.")
    ann.sees(ann.notes, "Twelve people at once. Not more.")

    ann.page.get_by_role("button", name="Play a sample").click()
    ben.sees(ben.transcript, "Let me read what")
    expect(ben.page.locator(".line-interim")).to_have_count(1, timeout=WITHIN_MS)
    ben.sees(ben.transcript, "Let me read what we have so far.")
    ann.page.get_by_role("button", name="Stop the sample").click()

    ben.post("Shall we begin?")
    ann.sees(ann.messages, "Shall we begin?")
    ann.sees(ann.page.get_by_role("status", name="New messages"), "ben: Shall we begin?")
    message = ann.messages.get_by_role("article").filter(has_text="Shall we begin?")
    message.hover()
    message.get_by_role("button", name="Reply to ben").click()
    ann.post("In a minute.")
    ben.sees(ben.messages, "ben: Shall we begin?")
    answer = ben.messages.get_by_role("article").filter(has_text="In a minute.")
    answer.hover()
    answer.get_by_role("button", name="React", exact=True).click()
    answer.get_by_role("button", name="React with 👍").click()
    expect(ann.messages.get_by_role("button", name="👍 by ben")).to_be_visible(timeout=WITHIN_MS)


def test_who_was_offline_comes_back_and_both_are_equal(server: Server, person: People) -> None:
    """[Z3.1] [Z3.2] Offline one goes on writing and is told; back again, nothing is lost."""
    ann, ben = person("ann"), person("ben").may_lose_the_network()
    room = ann.begin(server.url, "Ferry times")
    ben.enter(room)
    ann.write("Shore. ")
    ben.sees(ben.notes, "Shore.")
    ben.lose_the_network()
    expect(ben.connection).to_contain_text("Offline", timeout=WITHIN_MS)
    ben.write("Island. ")
    ben.post("from far away")
    expect(ben.connection).to_have_text("Offline, 2 changes unsent", timeout=WITHIN_MS)
    ann.write("Harbour. ")
    ben.find_the_network()
    for word in ("Shore.", "Island.", "Harbour."):
        ann.sees(ann.notes, word)
        ben.sees(ben.notes, word)
    ann.sees(ann.messages, "from far away")
    expect(ben.connection).to_have_text("Live", timeout=WITHIN_MS)
    assert ann.written() == ben.written()


def test_both_go_on_after_the_server_was_killed(server: Server, person: People) -> None:
    """[Z3.3] After a kill and a start both are live again by themselves, and nothing is lost."""
    ann, ben = person("ann"), person("ben")
    room = ann.begin(server.url, "Storm")
    ben.enter(room)
    ann.write("Before. ")
    ben.sees(ben.notes, "Before.")
    server.kill()
    expect(ann.connection).to_contain_text("Offline", timeout=WITHIN_MS)
    ann.write("Meanwhile. ")
    server.start()
    ben.sees(ben.notes, "Before. Meanwhile.")
    ben.post("still here")
    ann.sees(ann.messages, "still here")
    expect(ann.connection).to_have_text("Live", timeout=WITHIN_MS)


def test_who_is_removed_is_out_at_once(server: Server, person: People) -> None:
    """[Z2.5] [Z2.11] A removed person's room closes, and stays closed after a reload."""
    ann, ben = person("ann"), person("ben")
    room = ann.begin(server.url, "Keys")
    ben.enter(room)
    ann.remove("ben")
    closed = ben.page.get_by_role("heading", name="You are not in this meeting")
    expect(closed).to_be_visible(timeout=WITHIN_MS)
    expect(ben.notes).to_have_count(0)
    ben.page.reload()
    expect(closed).to_be_visible(timeout=WITHIN_MS)


def test_a_role_changes_what_the_page_lets_one_do(server: Server, person: People) -> None:
    """[Z2.4] [Z2.6] A host gives roles and ends; then everybody reads and nobody writes."""
    ann, ben = person("ann"), person("ben")
    room = ann.begin(server.url, "Lamp oil")
    ben.enter(room)
    ann.write("Order oil.")
    ben.sees(ben.notes, "Order oil.")
    ann.page.get_by_role("button", name="People").first.click()
    ann.page.get_by_label("Role of ben").select_option("transcriber")
    expect(ben.page.get_by_text("read only")).to_be_visible(timeout=WITHIN_MS)


def test_words_that_cannot_be_saved_are_handed_back(server: Server, person: People) -> None:
    """[Z3.4] Who wrote offline and comes back without the right to is shown what they wrote."""
    ann, ben = person("ann"), person("ben").may_lose_the_network()
    room = ann.begin(server.url, "Too late")
    ben.enter(room)
    ann.write("Ours.")
    ben.sees(ben.notes, "Ours.")
    ben.lose_the_network()
    expect(ben.connection).to_contain_text("Offline", timeout=WITHIN_MS)
    ben.write(" Mine.")
    ann.page.get_by_role("button", name="People").first.click()
    ann.page.get_by_label("Role of ben").select_option("transcriber")
    expect(ann.page.get_by_text("transcriber · ")).to_be_visible(timeout=WITHIN_MS)
    ben.find_the_network()
    ben.sees(ben.page.get_by_label("My version"), "Ours. Mine.")
    expect(ben.page.get_by_role("button", name="Copy my version")).to_be_visible()
    ben.sees(ben.notes, "Ours.")
    assert "Mine" not in ben.written()
    assert "Mine" not in ann.written()


def test_leaving_with_unsent_changes_asks_first(server: Server, person: People) -> None:
    """[Z3.4] [Z3.1] Closing the tab asks; going home and back loses nothing and hides nothing."""
    ann, ben = person("ann"), person("ben").may_lose_the_network()
    room = ann.begin(server.url, "Do not go")
    ben.enter(room)
    ann.write("Ours.")
    ben.sees(ben.notes, "Ours.")
    ben.lose_the_network()
    expect(ben.connection).to_contain_text("Offline", timeout=WITHIN_MS)
    ben.write(" Mine.")
    with ben.page.expect_event("dialog") as asked:
        ben.page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    ben.page.get_by_role("link", name="To my meetings and chats").click()
    ben.page.go_back()
    expect(ben.page.get_by_text("Opening the meeting")).to_be_visible(timeout=WITHIN_MS)
    expect(ben.connection).to_contain_text("Offline, ", timeout=WITHIN_MS)
    expect(ben.connection).to_contain_text("unsent")
    ben.page.get_by_role("link", name="To my meetings and chats").click()
    ben.find_the_network()
    ann.sees(ann.notes, "Ours. Mine.")


def test_a_message_is_removed_after_a_question(server: Server, person: People) -> None:
    """[Z2.11] Who does not mean it says so, and the message stays."""
    ann = person("ann")
    ann.begin(server.url, "Slips")
    ann.post("a slip")
    message = ann.messages.get_by_role("article").filter(has_text="a slip")
    remove = message.get_by_role("button", name="Remove this message")
    for answer in ("No", "Remove it"):
        message.hover()
        remove.click()
        asked = ann.page.get_by_role("dialog", name="Remove this message?")
        asked.get_by_role("button", name=answer).click()
        expect(asked).to_have_count(0)
        if answer == "No":
            expect(message).to_be_visible()
    ann.sees(ann.messages, "This message was removed.")


def test_an_ended_meeting_is_read_only(server: Server, person: People) -> None:
    """[Z2.6] At the end the notes are read only for everybody, and so are the messages."""
    ann, ben = person("ann"), person("ben")
    ben.enter(ann.begin(server.url, "Fog horn"))
    ann.write("Tested.")
    ben.sees(ben.notes, "Tested.")  # So it was saved before the end.
    ann.page.get_by_role("button", name="End", exact=True).click()
    ann.page.get_by_role("button", name="End it").click()
    expect(ann.page.get_by_text("read only")).to_be_visible(timeout=WITHIN_MS)
    expect(ann.notes).to_have_attribute("contenteditable", "false")
    expect(ann.page.get_by_role("textbox", name="Write a message")).to_have_count(0)
    ann.sees(ann.notes, "Tested.")


def test_the_past_of_the_notes_can_be_seen_and_brought_back(server: Server, person: People) -> None:
    """[Z2.7] The slider shows the notes as they were, and restores them for everybody."""
    ann, ben = person("ann"), person("ben")
    room = ann.begin(server.url, "Logbook")
    ben.enter(room)
    ann.write("First entry.")
    ben.sees(ben.notes, "First entry.")
    ben.notes.click()
    ben.page.keyboard.press("Control+a")
    ben.page.keyboard.type("Gone.")
    ann.sees(ann.notes, "Gone.")
    ann.page.get_by_role("button", name="History").click()
    slider = ann.page.get_by_role("slider")
    slider.press("Home")
    then = ann.page.get_by_label("The notes as they were")
    ann.sees(then, "First entry.")
    ann.page.get_by_role("button", name="Restore this").click()
    ben.sees(ben.notes, "First entry.")
