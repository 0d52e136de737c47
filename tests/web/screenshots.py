"""Takes the pictures of the documentation: ``python -m tests.web.screenshots``.

From ``collab demo``, in Chromium, into ``docs/img``. Needs fonts that have emoji.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.web.conftest import CHROMIUM, FLAGS

OUT: Final = Path(__file__).parents[2] / "docs" / "img"
WIDE: Final = ViewportSize(width=1280, height=760)
PHONE: Final = ViewportSize(width=360, height=700)
WITHIN_MS: Final = 60_000  # The page may have to be built first.
SOME_OF_IT: Final = "Soup for Ines: me."  # Written when there is enough to see.


def enter(browser: Browser, url: str, name: str, **options: Any) -> Page:
    """Have somebody in the meeting."""
    page: Page = browser.new_context(locale="en-GB", **options).new_page()
    page.set_default_timeout(WITHIN_MS)
    page.goto(url)
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Shared notes")).to_be_visible(timeout=WITHIN_MS)
    return page


def take_pictures(url: str) -> None:
    """Look at the meeting at *url* in several ways."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        you = enter(browser, url, "you", viewport=WIDE)
        jonas = enter(browser, url, "jonas", viewport=WIDE, color_scheme="dark")
        lena = enter(browser, url, "lena", viewport=PHONE)
        expect(you.locator(".message-words").get_by_text(SOME_OF_IT)).to_be_visible(
            timeout=WITHIN_MS
        )
        you.screenshot(path=OUT / "room.png")
        jonas.screenshot(path=OUT / "room-dark.png")
        parts = lena.get_by_role("navigation", name="Parts of the meeting")
        parts.get_by_role("button", name="Transcript").click()
        expect(lena.get_by_text("nobody sees the far shore")).to_be_visible(timeout=WITHIN_MS)
        lena.screenshot(path=OUT / "phone.png")
        jonas.goto(url.partition("/meeting")[0] + "/admin")
        expect(jonas.get_by_text("What is followed")).to_be_visible(timeout=WITHIN_MS)
        time.sleep(4)  # So that there are rates; a picture, not a test.
        jonas.screenshot(path=OUT / "admin.png")
        browser.close()


def main() -> None:
    """Run a demo and take the pictures."""
    OUT.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "collab", "demo", "--stay"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        lines = iter(demo.stdout)
        url = next(
            found[0] for line in lines if (found := re.search(r"http://\S+/meeting/\S+", line))
        )
        reader = threading.Thread(target=list, args=(lines,))
        reader.start()
        try:
            take_pictures(url)
        finally:
            demo.terminate()
            reader.join()


if __name__ == "__main__":
    main()
