"""One browser, one built page and one server for all tests of the page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import pytest

from collab.web import Build, BuildFailed, cache_folder
from tests.web.serving import Server

if TYPE_CHECKING:
    from tests.web.person import Person

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="package")
def built_page() -> Path:
    """The page as this checkout builds it."""
    try:
        return Build(cache_folder(), lambda _step: None).run()
    except BuildFailed as problem:
        pytest.skip(f"the page cannot be built here: {problem}")


@pytest.fixture(scope="package")
def browser(built_page: Path) -> Iterator[Any]:  # noqa: ARG001 - without a page, no browser.
    """Debian's Chromium, without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="package")
def server(built_page: Path) -> Iterator[Server]:  # noqa: ARG001 - it serves what was built.
    """A server that is there for all tests; who kills it starts it again."""
    with TemporaryDirectory(prefix="collab-web-") as data:
        server = Server(Path(data))
        try:
            server.start()
            yield server
        finally:
            server.kill()


@pytest.fixture
def person(browser: Any) -> Iterator[Callable[..., Person]]:
    """Makes people; fails at the end if the browser has complained about anything."""
    from tests.web.person import Person

    people: list[Person] = []

    def make(name: str, **options: Any) -> Person:
        people.append(Person(browser, name, **options))
        return people[-1]

    yield make
    complaints = [f"{one.name}: {text}" for one in people for text in one.complaints]
    for one in people:
        one.context.close()
    assert not complaints, "\n".join(complaints)
