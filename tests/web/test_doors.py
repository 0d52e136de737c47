"""Who comes in, and how; and who says something with their own voice."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from playwright.sync_api import expect

from tests.web.beside import beside, call, target_of
from tests.web.person import WITHIN_MS, Person
from tests.web.serving import Server

People = Callable[..., Person]
CLOCK_AHEAD_S: Final = 3600.0
# What a browser that listens does; Debian's has nobody to ask.
LISTENER: Final = """
globalThis.SpeechRecognition = class {
  start () { globalThis.listener = this }
  stop () {}
  hear (words, isFinal) {
    const result = Object.assign([{ transcript: words }], { isFinal })
    this.onresult({ resultIndex: 0, results: [result] })
  }
}
"""


def sign_in(person: Person, url: str, token: str) -> None:
    """Open *url* and paste a token."""
    person.page.goto(url)
    person.page.get_by_label("Token").fill(token)
    person.page.get_by_role("button", name="Sign in").click()


def test_with_real_tokens_one_joins_by_invitation(
    built_page: Path,  # noqa: ARG001 - what the server shows.
    person: People,
    tmp_path: Path,
) -> None:
    """[Z2.10] [Z2.13] [Z5.2] A token opens the page, a link a meeting to those who are invited."""
    server = Server(tmp_path / "data", "--guests")
    try:
        server.start()
        ann, ben, eve = person("ann"), person("ben"), person("eve")
        sign_in(ann, server.url, server.token("ann"))
        expect(ann.page.get_by_role("link", name="Licences")).to_be_visible(timeout=WITHIN_MS)
        expect(ann.page.get_by_role("link", name="The server")).to_have_count(0)
        ann.page.get_by_label("What is it about?").fill("Keepers")
        ann.page.get_by_role("button", name="New meeting").click()
        expect(ann.notes).to_be_visible(timeout=WITHIN_MS)
        ann.page.get_by_role("button", name="Invite").click()
        ann.page.get_by_role("textbox", name="Person").fill("ben")
        ann.page.get_by_role("button", name="Invite them").click()
        ann.sees(ann.page.get_by_role("dialog"), "ben is invited.")

        sign_in(ben, server.url, server.token("ben"))
        item = ben.page.get_by_role("listitem").filter(has_text="Keepers")
        ben.sees(item, "Invited")
        item.get_by_role("link").click()
        ben.page.get_by_role("button", name="Join").click()
        expect(ben.notes).to_be_visible(timeout=WITHIN_MS)

        sign_in(eve, ann.page.url, server.token("eve"))
        closed = eve.page.get_by_role("heading", name="You are not in this meeting")
        expect(closed).to_be_visible(timeout=WITHIN_MS)

        guest = person("guest")
        guest.page.goto(server.url)
        guest.page.get_by_role("button", name="Come in as a guest").click()
        greeting = guest.page.get_by_role("heading", level=1)
        guest.sees(greeting, "Good to see you")
        greeted = greeting.inner_text()
        guest.page.reload()  # The same guest again, in this tab and in others.
        expect(greeting).to_have_text(greeted, timeout=WITHIN_MS)
        guest.page.evaluate("sessionStorage.setItem('collab.token', 'one that has ended')")
        guest.page.reload()
        expect(greeting).to_have_text(greeted, timeout=WITHIN_MS)
        guest.page.get_by_role("button", name="Sign out").click()
        guest.sees(guest.page.get_by_role("dialog"), "You are here as a guest")
        guest.page.get_by_role("button", name="Sign out all the same").click()
        guest.page.get_by_role("button", name="Come in as a guest").click()
        guest.sees(greeting, "Good to see you")
        assert greeting.inner_text() != greeted

        eve.page.goto(server.url + "/admin")  # The tab remembers her token.
        eve.sees(eve.page.get_by_role("main"), "only those who run the server see this")
        (told,) = eve.complaints  # The browser's own line about the answer, once.
        assert "403" in told
        eve.complaints.clear()
    finally:
        server.kill()


def test_a_token_that_is_no_good_is_said_so(server: Server, person: People) -> None:
    """[Z2.10] [Z2.14] Who is refused stays at the door with what they typed, and is told why."""
    ann, eve = person("no body"), person("eve")
    ann.open(server.url)
    ann.sees(ann.page.get_by_role("alert"), "No spaces and no accents")
    expect(ann.page.get_by_label("Your name")).to_have_value("no body")
    eve.page.goto(server.url)
    eve.page.evaluate("sessionStorage.setItem('collab.token', 'dev:-')")  # No user id.
    eve.page.reload()
    eve.sees(eve.page.get_by_role("alert"), "The server does not take this token")
    expect(eve.page.get_by_label("Your name")).to_have_value("-")


def test_whoever_signs_in_without_a_network_is_told_and_need_not_wait(
    server: Server, person: People
) -> None:
    """[Z3.1] Without a network one is told why one is not in yet, and can turn back."""
    ann = person("ann")
    ann.page.goto(server.url)
    name = ann.page.get_by_label("Your name")
    expect(name).to_be_visible(timeout=WITHIN_MS)
    ann.context.set_offline(True)
    name.fill("ann")
    ann.page.get_by_role("button", name="Come in").click()
    ann.sees(ann.page.get_by_role("alert"), "The server cannot be reached")
    ann.page.get_by_role("button", name="Cancel").click()
    expect(name).to_be_visible(timeout=WITHIN_MS)


def test_one_speaks_with_the_browsers_own_ears(server: Server, person: People) -> None:
    """[Z2.2] What the browser hears is the transcript's, guesses first."""
    ann, ben = person("ann"), person("ben")
    ann.page.add_init_script(LISTENER)
    room = ann.begin(server.url, "Voices")
    ben.enter(room)
    ann.page.get_by_role("button", name="Speak", exact=True).click()
    ann.page.evaluate("listener.hear('the tide', false)")
    ben.sees(ben.transcript, "the tide")
    expect(ben.page.locator(".line-interim")).to_have_count(1)
    ann.page.evaluate("listener.hear('the tide is high', true)")
    ben.sees(ben.transcript, "the tide is high")
    expect(ben.page.locator(".line-interim")).to_have_count(0, timeout=WITHIN_MS)
    ann.page.evaluate("listener.onerror({ error: 'network' })")
    ann.sees(ann.page.get_by_role("alert"), "The browser does not listen: network")


def test_a_clock_that_is_wrong_moves_no_speech(server: Server, person: People) -> None:
    """[Z2.17] What is said stands where the server's clock has it, and so does the meeting's."""
    ann = person("ann")
    ann.page.clock.set_system_time(time.time() + CLOCK_AHEAD_S)
    ann.begin(server.url, "Clocks")
    soon = re.compile(r"(^|\D)0:\d\d")
    ann.sees(ann.page.locator(".room-title"), soon)
    ann.page.get_by_role("button", name="Play a sample").click()
    ann.sees(ann.transcript, "Let me read")
    ann.sees(ann.page.locator(".line-head"), soon)


def test_markup_of_others_is_text(server: Server, person: People) -> None:
    """[Z1.9] Titles, names, messages, speech and notes with markup in them do nothing."""
    markup = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    ann, ben = person("ann"), person("ben")
    ben.page.on("dialog", lambda dialog: ben.complaints.append(f"a dialog: {dialog.message}"))
    room = ann.begin(server.url, markup)
    ben.enter(room)
    ann.write(markup)
    ann.post(markup)
    ben.sees(ben.notes, markup)
    ben.sees(ben.messages, markup)
    ben.sees(ben.page.get_by_role("heading", level=1), markup)
    chunk = {"provider": "p", "segment": "1", "speaker": "<b>x</b>", "start_ms": 0, "end_ms": 1}
    said = {"chunks": [{**chunk, "text": markup, "is_final": True}]}
    beside(server.url, "ann", partial(call, target_of(room), "transcript.add_many", said))
    ben.sees(ben.transcript, f"<b>x</b>0:00{markup}")
    assert ben.page.locator("main img, main script, main b").count() == 0
