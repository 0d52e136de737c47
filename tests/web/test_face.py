"""What the page is like for everybody: small screens, keyboards, screen readers, other doors."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from collab.web.building import HERE
from tests.web.beside import beside, speak, target_of, write
from tests.web.person import WITHIN_MS, Person
from tests.web.serving import Server

People = Callable[..., Person]
PHONE: Final = ViewportSize(width=320, height=568)
AXE: Final = HERE / "node_modules" / "axe-core" / "axe.min.js"
GRAVE: Final = ("serious", "critical")
# Bytes of everything that a browser fetches for a room, compressed.
PAGE_BYTES_MAX: Final = 200_000
LINES: Final = 10_000
MESSAGES: Final = 150
ROWS_MAX: Final = 150  # Of a screen and what lies just beyond.
FRAME_MS_MAX: Final = 120.0  # Half of the frames; 17 on an idle machine, more beside other tests.
WATCH_FRAMES: Final = """() => {
  window.frames_ms = []
  let last = performance.now()
  const frame = now => {
    window.frames_ms.push(now - last)
    last = now
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
}"""


def violations(page: Page) -> list[str]:
    """Return what axe-core holds to be serious, as lines."""
    if not AXE.is_file():
        pytest.skip("needs npm ci in collab/web")
    page.evaluate(AXE.read_text())  # Not a script element: the page's policy forbids it.
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {node['html'][:120]}"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_axe_finds_nothing_serious(
    server: Server, person: People, scheme: Literal["light", "dark"]
) -> None:
    """[Z4.1] Sign-in, list and room: no serious violation, in light and in dark."""
    ann = person("ann")
    ann.page.emulate_media(color_scheme=scheme)
    ann.page.goto(server.url)
    expect(ann.page.get_by_label("Your name")).to_be_visible(timeout=WITHIN_MS)
    assert violations(ann.page) == []
    ann.begin(server.url, "Stairs")
    ann.write("Twelve at once.")
    ann.post("hello")
    ann.page.get_by_role("button", name="Play a sample").click()
    ann.sees(ann.transcript, "Let me read")
    assert violations(ann.page) == []
    ann.page.get_by_role("button", name="People").first.click()
    ann.page.get_by_role("button", name="Invite").click()
    assert violations(ann.page) == []
    ann.page.get_by_role("button", name="Close").click()
    ann.page.get_by_role("link", name="To my meetings and chats").click()
    expect(ann.page.get_by_role("listitem").first).to_be_visible(timeout=WITHIN_MS)
    assert violations(ann.page) == []


def test_a_phone_shows_one_part_at_a_time_and_nothing_sideways(
    server: Server, person: People
) -> None:
    """[Z4.2] At 320 px every part can be reached, nothing is too wide or over something else."""
    ann = person("ann", viewport=PHONE)
    ann.begin(server.url, "A rather long title for such a narrow screen")
    tabs = ann.page.get_by_role("navigation", name="Parts of the meeting")
    for name in ("Notes", "Transcript", "Messages", "People"):
        tabs.get_by_role("button", name=name).click()
        widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        shown, there = ann.page.evaluate(widths)
        assert shown <= there, name
    expect(ann.connection).to_be_in_viewport()
    tabs.get_by_role("button", name="Messages").click()
    ann.post("from my phone")
    ann.sees(ann.messages, "from my phone")
    ann.page.get_by_role("link", name="To my meetings and chats").click()
    title = ann.page.locator(".item-title").first
    expect(title).to_be_visible(timeout=WITHIN_MS)
    boxes = [part.bounding_box() for part in (ann.page.locator(".brand"), ann.connection, title)]
    brand, pill, words = (box for box in boxes if box is not None)
    assert brand["x"] + brand["width"] <= pill["x"]
    assert words["width"] > PHONE["width"] / 3
    shown, there = ann.page.evaluate(widths)
    assert shown <= there


def test_everything_is_reached_by_keyboard(server: Server, person: People) -> None:
    """[Z4.3] [Z4.5] From sign-in to a posted message and back without a pointer."""
    ann = person("ann")
    ann.page.goto(server.url)
    expect(ann.page.get_by_label("Your name")).to_be_focused(timeout=WITHIN_MS)
    ann.page.keyboard.type("ann")
    ann.page.keyboard.press("Enter")
    heading = ann.page.get_by_role("heading", level=1)
    expect(heading).to_be_focused(timeout=WITHIN_MS)
    ann.sees(heading, "Good to see you")
    title = ann.page.get_by_label("What is it about?")
    title.focus()
    ann.page.keyboard.type("By keyboard")
    ann.page.keyboard.press("Enter")
    expect(ann.notes).to_be_visible(timeout=WITHIN_MS)
    expect(heading).to_be_focused()
    composer = ann.page.get_by_role("textbox", name="Write a message")
    for _step in range(40):
        ann.page.keyboard.press("Tab")
        if composer.evaluate("box => box === document.activeElement"):
            break
    ann.page.keyboard.type("typed")
    ann.page.keyboard.press("Enter")
    ann.sees(ann.messages, "typed")
    ann.page.get_by_role("link", name="To my meetings and chats").focus()
    ann.page.keyboard.press("Enter")
    ann.sees(heading, "Good to see you")
    expect(heading).to_be_focused()  # Readers begin at the new page, not nowhere.


@pytest.mark.long
def test_ten_thousand_lines_scroll_and_let_one_type(server: Server, person: People) -> None:
    """[Z4.4] Of a long transcript only what is seen is in the document, and typing stays quick."""
    ann = person("ann")
    room = ann.begin(server.url, "Long day")
    beside(server.url, "ann", partial(speak, target_of(room), LINES))
    expect(ann.page.get_by_text("10,000 lines")).to_be_visible(timeout=4 * WITHIN_MS)
    ann.sees(ann.transcript, f"line {LINES - 1}.")
    assert ann.page.locator("[data-row]").count() < ROWS_MAX
    ann.transcript.evaluate("list => { list.scrollTop = 0 }")
    jump = ann.page.get_by_role("button", name="Jump to live")
    expect(jump).to_be_visible(timeout=WITHIN_MS)
    ann.sees(ann.transcript, "line 0.")
    jump.click()
    ann.sees(ann.transcript, f"line {LINES - 1}.")
    ann.notes.click()
    ann.page.evaluate(WATCH_FRAMES)
    ann.page.keyboard.type("typed while much was said", delay=20)
    frames_ms = sorted(ann.page.evaluate("window.frames_ms"))
    assert frames_ms[len(frames_ms) // 2] < FRAME_MS_MAX


def test_the_list_is_live_and_counts_what_is_unread(server: Server, person: People) -> None:
    """[Z2.8] A meeting that one is in shows up in one's list, with what is unread there."""
    ann, ben = person("ann"), person("ben")
    room = ann.begin(server.url, "Inbox")
    ben.enter(room)
    ben.page.get_by_role("link", name="To my meetings and chats").click()
    item = ben.page.get_by_role("listitem").filter(has_text="Inbox")
    expect(item).to_be_visible(timeout=WITHIN_MS)
    ann.post("are you there?")
    expect(item.locator(".unread")).to_contain_text("1", timeout=WITHIN_MS)
    item.get_by_role("link").click()
    ben.sees(ben.messages, "are you there?")


def test_a_chat_pages_back_to_its_first_message(server: Server, person: People) -> None:
    """[Z2.9] A chat shows its newest messages and, scrolled up, the older ones."""
    ann = person("ann")
    ann.open(server.url)
    ann.page.get_by_role("button", name="New chat").click()
    expect(ann.messages).to_be_visible(timeout=WITHIN_MS)
    beside(server.url, "ann", partial(write, target_of(ann.page.url), MESSAGES))
    ann.page.reload()
    ann.sees(ann.messages, f"message {MESSAGES - 1}.")
    first = ann.messages.get_by_text("message 0.", exact=True)
    ann.scroll_up_to(first)


def test_the_server_is_seen_from_above(server: Server, person: People) -> None:
    """[Z5.1] [Z5.4] Connections, what is followed, rates after two looks, the audit log."""
    ann, operator = person("ann"), person("operator")
    room = ann.begin(server.url, "Seen from above")
    operator.enter(room)
    operator.page.get_by_role("link", name="To my meetings and chats").click()
    operator.page.get_by_role("link", name="The server").click()
    board = operator.page.get_by_role("main")
    operator.sees(board, target_of(room))
    operator.sees(board, "Connections, the slowest first")
    frames = operator.page.locator(".card").filter(has_text="Frames out /s")
    operator.sees(frames.locator(".card-value"), re.compile(r"\d"))
    followed = board.get_by_role("region", name="What is followed", exact=True).last
    operator.sees(followed.get_by_role("row").filter(has_text=target_of(room)), "Seen from above")
    audit = board.get_by_role("region", name="Audit log, the newest first").last
    operator.sees(audit.get_by_role("row").filter(has_text=target_of(room)).first, "granted")
    board.get_by_role("button", name="Look again").click()
    operator.sees(audit, "audit.page")  # Reading it is written into it.
    operator.sees(board.get_by_role("region", name="Actors in memory").last, "meeting")
    operator.sees(board.get_by_role("region", name="Journal").last, "Commit, 99 of 100")
    assert violations(operator.page) == []


def test_licences_of_what_is_bundled_are_one_click_away(server: Server, person: People) -> None:
    """[Z1.10] The list names every package with its version and the words of its licence."""
    ann = person("ann")
    ann.open(server.url)
    link = ann.page.get_by_role("link", name="Licences")
    expect(link).to_be_visible(timeout=WITHIN_MS)
    listed = ann.page.request.get(server.url + str(link.get_attribute("href"))).text()
    for package in ("preact ", "yjs ", "lib0 ", "@codemirror/view ", "y-codemirror.next "):
        assert f"\n{package}" in listed
    assert listed.count("Permission is hereby granted") >= 10


def test_the_page_is_small_and_quick(built_page: Path) -> None:
    """[Z1.5] Everything for a room, compressed, is below 200 kB."""
    names = (built_page / "assets").glob("*.gz")
    assert sum(path.stat().st_size for path in names) < PAGE_BYTES_MAX
