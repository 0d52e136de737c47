"""The page as the server has it: built on demand, read whole, told about until then."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path

import pytest
import trio
from starlette.applications import Starlette

from collab.http import web_routes
from collab.web import (
    Asset,
    Build,
    BuildFailed,
    PageBroken,
    Site,
    SiteState,
    building,
    cache_folder,
    read_page,
)
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
    small = await ask(app, "/", headers={"accept-encoding": "gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["etag"] == document.headers["etag"]
    assert gzip.decompress(small.body) == document.body
    asset = await ask(app, "/assets/app-1A.js", headers={"accept-encoding": "gzip, br"})
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-encoding"] == "gzip"
    assert gzip.decompress(asset.body) == SCRIPT
    plain = await ask(app, "/assets/app-1A.js")
    assert "content-encoding" not in plain.headers
    assert plain.body == SCRIPT
    assert (await ask(app, "/assets/app-2B.js")).status == 404


@pytest.mark.parametrize(
    ("accepted", "best"),
    [
        ("gzip, br", "br"),
        ("br;q=0, gzip", "gzip"),
        ("BR ; Q=0.0 , *", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("*;q=0", "identity"),
        ("", "identity"),
    ],
)
def test_an_encoding_is_one_that_the_browser_takes(accepted: str, best: str) -> None:
    """[Z1.3] The smallest encoding whose weight is not 0 is sent."""
    asset = Asset("text/plain", {"identity": b"aaa", "gzip": b"gg", "br": b"b"})
    assert asset.best(accepted) == (best, asset.encodings[best])


async def test_whatever_goes_wrong_with_the_page_the_server_goes_on(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """[Z1.2] Also a mistake of ours is only a page that failed; the log alone says all of it."""

    def run(_build: Build) -> Path:
        raise LookupError("of ours, in /home/ann")

    monkeypatch.setattr(Build, "run", run)
    site = Site(is_dev=False)
    app = Starlette(routes=web_routes(site))
    nursery.start_soon(site.run)
    await ask(app, "/")
    await wait_for(site, SiteState.FAILED)
    told = await ask(app, "/")
    assert told.status == 503
    assert b"log says why" in told.body
    assert b"of ours" not in told.body
    assert "LookupError: of ours, in /home/ann" in caplog.text
    assert "Traceback" in caplog.text


def test_a_link_to_nothing_beside_the_sources_is_no_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[Z1.2] What an editor leaves there changes nothing; what cannot be read is said so."""
    monkeypatch.setattr(building, "_ROOT", tmp_path)
    monkeypatch.setattr(building, "_FILES", (tmp_path / "package.json",))
    monkeypatch.setattr(building, "_SOURCES", (tmp_path,))
    build = Build(tmp_path / "cache", lambda _step: None)
    with pytest.raises(BuildFailed, match=r"package\.json"):
        build.run()
    (tmp_path / "package.json").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_bundle", Path.mkdir)
        page = build.run()
        (tmp_path / ".#main.tsx").symlink_to("ann@host.1:2")
        assert build.run() == page


def test_who_has_no_home_builds_in_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[Z1.6] Without a home the cache is a folder of one's own, which nobody else can change."""

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = cache_folder()
    assert place.parent == tmp_path
    assert place.stat().st_mode & 0o777 == 0o700
    assert cache_folder() == place
    place.chmod(0o777)
    with pytest.raises(BuildFailed, match="not ours alone"):
        cache_folder()
    place.rename(tmp_path / "theirs")
    (tmp_path / "theirs").chmod(0o700)
    place.symlink_to(tmp_path / "theirs")
    with pytest.raises(BuildFailed, match="not ours alone"):
        cache_folder()


@pytest.mark.parametrize(
    ("installed", "is_right"),
    [
        ({"node_modules/a": {"version": "1", "integrity": "x"}}, True),
        ({"node_modules/a": {"version": "1", "integrity": "y"}}, False),
        ({"node_modules/a": {"version": "1"}, "node_modules/z": {"version": "1"}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_only_packages_of_the_lock_go_into_a_page(
    tmp_path: Path, installed: dict[str, object] | None, *, is_right: bool
) -> None:
    """[Z1.6] A checkout's own packages are used if all of them are those of the lock."""
    lock = {"": {}, "node_modules/a": {"version": "1", "integrity": "x"}}
    rest = {"node_modules/dev": {"dev": True}, "node_modules/other-system": {"optional": True}}
    (tmp_path / "lock.json").write_text(json.dumps({"packages": {**lock, **rest}}))
    if installed is not None:
        (tmp_path / ".package-lock.json").write_text(json.dumps({"packages": installed}))
    assert building.is_of_lock(tmp_path, tmp_path / "lock.json") is is_right


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
