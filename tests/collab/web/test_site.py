"""The page as the server has it: built on demand, read whole, told about until then."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest
import trio
from starlette.applications import Starlette

from collab.http import web_routes
from collab.web import Build, BuildFailed, PageBroken, Site, SiteState, read_page
from tests.collab.http.asgi import ask

DOCUMENT = '<!doctype html><html data-sign-in="{{sign_in}}"><script src="/assets/app-1A.js">'
SCRIPT = b"export {}\n" * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built page, as ``build.mjs`` leaves it."""
    assets = tmp_path / "page" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text(DOCUMENT)
    (assets / "app-1A.js").write_bytes(SCRIPT)
    (assets / "app-1A.js.gz").write_bytes(gzip.compress(SCRIPT))
    return assets.parent


async def wait_for(site: Site, state: SiteState) -> None:
    with trio.fail_after(5):
        while site.state is not state:
            await trio.testing.wait_all_tasks_blocked(0.001)


async def test_the_page_is_told_about_until_it_is_there(
    folder: Path, nursery: trio.Nursery
) -> None:
    """[Z1.1] The first request has the page made, is told so, and a later one gets it."""
    site = Site(is_dev=True, folder=folder)
    app = Starlette(routes=web_routes(site))
    nursery.start_soon(site.run)
    await trio.testing.wait_all_tasks_blocked()
    assert site.state is SiteState.WAITING  # Nobody has asked: nothing is built.
    first = await ask(app, "/")
    assert first.status == 503
    assert b"being built" in first.body
    assert b"http-equiv=refresh" in first.body  # It asks again by itself.
    await wait_for(site, SiteState.READY)
    second = await ask(app, "/meeting/m1")
    assert second.status == 200
    assert b'data-sign-in="dev"' in second.body


async def test_what_went_wrong_is_told_and_tried_again(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """[Z1.2] A page that cannot be made is told with what to do, and tried again after a while."""
    site = Site(is_dev=True, folder=tmp_path / "nothing")
    app = Starlette(routes=web_routes(site))
    nursery.start_soon(site.run)
    await ask(app, "/")
    await wait_for(site, SiteState.FAILED)
    told = await ask(app, "/")
    assert told.status == 503
    assert b"could not be built" in told.body
    assert b"Node 20" in told.body
    assert site.state is SiteState.FAILED  # Asking at once does not try at once.
    autojump_clock.jump(60)
    await ask(app, "/")
    assert site.state is not SiteState.FAILED
    await wait_for(site, SiteState.FAILED)


async def test_assets_last_for_ever_and_the_document_is_asked_for_again(
    folder: Path, nursery: trio.Nursery
) -> None:
    """[Z1.3] Hashed names are immutable, the document has a tag; both travel compressed."""
    site = Site(is_dev=False, folder=folder)
    app = Starlette(routes=web_routes(site))
    nursery.start_soon(site.run)
    site.want()
    await wait_for(site, SiteState.READY)
    document = await ask(app, "/")
    assert document.headers["cache-control"] == "no-cache"
    assert b'data-sign-in="token"' in document.body
    again = await ask(app, "/", headers={"if-none-match": document.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    asset = await ask(app, "/assets/app-1A.js", headers={"accept-encoding": "gzip, br"})
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-encoding"] == "gzip"
    assert gzip.decompress(asset.body) == SCRIPT
    plain = await ask(app, "/assets/app-1A.js")
    assert "content-encoding" not in plain.headers
    assert plain.body == SCRIPT
    assert (await ask(app, "/assets/app-2B.js")).status == 404


async def test_the_page_may_load_nothing_from_elsewhere(
    folder: Path, nursery: trio.Nursery
) -> None:
    """[Z1.4] No inline script or style, no other host, no frame around it."""
    site = Site(is_dev=True, folder=folder)
    app = Starlette(routes=web_routes(site))
    nursery.start_soon(site.run)
    waiting = await ask(app, "/")
    await wait_for(site, SiteState.READY)
    for answer in (waiting, await ask(app, "/"), await ask(app, "/assets/app-1A.js")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_folder_without_a_page_is_no_page(tmp_path: Path) -> None:
    """[Z1.2] A page that is not whole is refused with where it should be."""
    with pytest.raises(PageBroken, match="cannot be read"):
        read_page(tmp_path)


def test_without_node_and_network_a_build_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[Z1.6] A build that can get no Node fails with words, and leaves nothing half done."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("UV", "/bin/false")
    steps: list[str] = []
    cache = tmp_path / "cache"
    with pytest.raises(BuildFailed, match="false"):
        Build(cache, steps.append).run()
    assert steps == ["fetching Node"]
    assert list(cache.iterdir()) == []


def test_an_aborted_build_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[Z1.6] A server that stops ends its build: no process goes on."""
    slow = tmp_path / "uv"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'none'}:/usr/bin:/bin")
    monkeypatch.setenv("UV", str(slow))
    monkeypatch.setattr("collab.web.building.NODE_MAJOR_MIN", 1000)
    started = threading.Event()
    build = Build(tmp_path / "cache", lambda _step: started.set())
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            build.run()
        except BuildFailed as failed:
            outcome.append(failed)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    build.abort()
    thread.join(10)
    assert not thread.is_alive()
    assert len(outcome) == 1
