"""Somebody at a browser: what they do, and what they see."""

from __future__ import annotations

import re
import time
from typing import Final, Self

from playwright.sync_api import Browser, Locator, Page, ViewportSize, WebSocketRoute, expect

WITHIN_MS: Final = 20_000  # Of a machine that is busy with other tests.
WIDE: Final = ViewportSize(width=1280, height=800)
# What a browser says of a connection that is gone: it is gone on purpose.
LOST: Final = re.compile(r"WebSocket connection to .* failed|net::ERR_INTERNET_DISCONNECTED")


class Person:
    """One browser context with one page; nothing may be complained about in its console."""

    def __init__(self, browser: Browser, name: str, *, viewport: ViewportSize = WIDE) -> None:
        self.name = name
        self.context = browser.new_context(viewport=viewport)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(WITHIN_MS)
        self.complaints: list[str] = []
        self._sockets: list[WebSocketRoute] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda told: self._note(told.text) if told.type in ("error", "warning") else None,
        )

    def _note(self, text: str) -> None:
        if not LOST.search(text):
            self.complaints.append(text)

    # ------------------------------------------------------------ going places

    def open(self, url: str) -> Self:
        """Open an address and sign in there."""
        self.page.goto(url)
        self.page.get_by_label("Your name").fill(self.name)
        self.page.get_by_role("button", name="Come in").click()
        return self

    def enter(self, url: str) -> Self:
        """Open a meeting's address, sign in, and wait until the room is there with its notes."""
        self.open(url)
        expect(self.notes).to_be_visible(timeout=WITHIN_MS)
        expect(self.connection).to_have_text("Live", timeout=WITHIN_MS)
        return self

    def begin(self, url: str, title: str) -> str:
        """Begin a meeting; return its address."""
        self.open(url)
        self.page.get_by_label("What is it about?").fill(title)
        self.page.get_by_role("button", name="New meeting").click()
        expect(self.notes).to_be_visible(timeout=WITHIN_MS)
        return self.page.url

    # ------------------------------------------------------------ without a network

    def may_lose_the_network(self) -> Self:
        """Prepare for ``lose_the_network``; before any page is opened."""

        def on_socket(socket: WebSocketRoute) -> None:
            self._sockets.append(socket)
            socket.connect_to_server()

        self.context.route_web_socket("**/v1", on_socket)
        return self

    def lose_the_network(self) -> None:
        """End the open connection (the browser alone would let it be), and allow no new one."""
        self.context.set_offline(True)
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()

    def find_the_network(self) -> None:
        """Allow connections again."""
        self.context.set_offline(False)

    # ------------------------------------------------------------ doing things

    def write(self, text: str) -> None:
        """Type at the end of the notes."""
        expect(self.notes).to_have_attribute("contenteditable", "true", timeout=WITHIN_MS)
        self.notes.click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)

    def post(self, text: str) -> None:
        """Post a message."""
        self.composer.fill(text)
        self.page.keyboard.press("Enter")

    def remove(self, name: str) -> None:
        """Remove somebody from the meeting, as its host."""
        self.page.get_by_role("button", name="People").first.click()
        self.page.get_by_role("button", name=f"Remove {name}").click()
        self.page.get_by_role("button", name="Remove them").click()

    # ------------------------------------------------------------ seeing things

    @property
    def composer(self) -> Locator:
        """Where messages are written."""
        return self.page.get_by_role("textbox", name="Write a message")

    @property
    def notes(self) -> Locator:
        """The text of the notes."""
        return self.page.get_by_role("textbox", name="Shared notes")

    @property
    def transcript(self) -> Locator:
        """What was said."""
        return self.page.get_by_role("log", name="What was said")

    @property
    def messages(self) -> Locator:
        """The messages."""
        return self.page.get_by_role("log", name="Messages")

    @property
    def connection(self) -> Locator:
        """The pill that says how the connection is."""
        return self.page.locator("[data-connection]")

    def sees(
        self, place: Locator, text: str | re.Pattern[str], *, within_ms: int = WITHIN_MS
    ) -> None:
        """Fail unless *place* comes to contain *text*."""
        expect(place).to_contain_text(text, timeout=within_ms)

    def scroll_up_to(self, row: Locator) -> None:
        """Scroll the messages up until *row* is there."""
        ends_at = time.monotonic() + WITHIN_MS / 1000
        while row.count() == 0:
            assert time.monotonic() < ends_at, "it did not come"
            self.messages.hover()
            self.page.mouse.wheel(0, -20_000)
            self.page.wait_for_timeout(50)

    def written(self) -> str:
        """Return the notes as lines."""
        return "\n".join(self.page.locator(".cm-line").all_text_contents())
