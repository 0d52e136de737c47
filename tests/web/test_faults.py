"""When the page, or what it runs in, is not as it should be: it says so, and never stays blank."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from playwright.sync_api import expect

from tests.web.person import WITHIN_MS, Person
from tests.web.serving import Server

People = Callable[..., Person]
# What browsers keep from pages that came over plain HTTP from another host.
INSECURE: Final = """
Object.defineProperty(Crypto.prototype, 'randomUUID', { value: undefined })
Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => undefined })
"""
# A browser without something that the page takes for granted.
FAULTY: Final = (
    "globalThis.ResizeObserver = class { constructor () { throw new Error('no such') } }"
)


def test_it_works_over_plain_http(server: Server, person: People) -> None:
    """[Z1.11] Without what browsers allow over TLS only, one meets, posts, speaks and copies."""
    ann = person("ann")
    ann.page.add_init_script(INSECURE)
    ann.begin(server.url, "Over the wire")
    ann.post("hello")
    ann.sees(ann.messages.get_by_role("article"), "hello")
    ann.page.get_by_role("button", name="Play a sample").click()
    ann.sees(ann.transcript, "Let me read")
    ann.page.get_by_role("button", name="Invite").click()
    ann.page.get_by_role("button", name="Copy").click()
    expect(ann.page.get_by_role("button", name="Copied")).to_be_visible(timeout=WITHIN_MS)
    ann.page.get_by_role("button", name="Close").click()
    ann.composer.press("Control+v")
    expect(ann.composer).to_have_value(ann.page.url)


def test_a_part_that_cannot_be_fetched_is_said_so(server: Server, person: People) -> None:
    """[Z1.12] After another page was installed an open tab says so, and can be loaded again."""
    ann = person("ann")
    ann.open(server.url)
    title = ann.page.get_by_label("What is it about?")
    expect(title).to_be_visible(timeout=WITHIN_MS)
    gone = re.compile(r"/assets/part-.*\.js")
    ann.page.route(gone, lambda route: route.fulfill(status=404, body="no such file"))
    ann.page.get_by_role("button", name="New meeting").click()
    changed = ann.page.get_by_role("heading", name="This page has changed")
    expect(changed).to_be_visible(timeout=WITHIN_MS)
    ann.page.unroute(gone)
    ann.page.get_by_role("button", name="Load it again").click()
    expect(ann.notes).to_be_visible(timeout=WITHIN_MS)
    assert all("404" in told or "import" in told for told in ann.complaints), ann.complaints
    ann.complaints.clear()


def test_a_fault_of_the_page_is_shown_where_it_happened(server: Server, person: People) -> None:
    """[Z1.12] A view that fails says what happened; the others go on."""
    ann = person("ann")
    ann.page.add_init_script(FAULTY)
    ann.open(server.url)
    ann.page.get_by_role("button", name="New chat").click()
    failed = ann.page.get_by_role("heading", name="The page has failed here")
    expect(failed).to_be_visible(timeout=WITHIN_MS)
    ann.sees(ann.page.get_by_role("alert"), "no such")
    ann.page.get_by_role("link", name="To my meetings and chats").click()
    expect(ann.page.get_by_label("What is it about?")).to_be_visible(timeout=WITHIN_MS)
    assert all("no such" in told for told in ann.complaints), ann.complaints
    ann.complaints.clear()


def test_a_link_that_is_none_leads_nowhere(server: Server, person: People) -> None:
    """[Z1.13] A link that was cut off in the middle of a letter is said to lead nowhere."""
    ann = person("ann")
    ann.open(f"{server.url}/meeting/%E0%A4%A")
    nothing = ann.page.get_by_role("heading", name="Nothing is here")
    expect(nothing).to_be_visible(timeout=WITHIN_MS)
