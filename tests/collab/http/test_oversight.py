"""The server from above."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Mapping
from typing import Any

import orjson
import trio
from starlette.applications import Starlette

from collab.app import AppSettings, open_app
from collab.client import connect
from collab.http import overview_routes
from collab.kind import Caller
from collab.limits import RECENT_LINES_MAX
from collab.listening import listen
from collab.operators import Operators
from collab.oversight import Oversight, RecentLines
from protocol.port import PortConfig
from tests.collab.http.asgi import ask

DEVELOPER: Mapping[str, str] = {"authorization": "Bearer dev:ann"}


async def test_the_overview_tells_what_is_followed_and_who_is_connected() -> None:
    """[Z5.1] Figures, connections, followed targets and recent warnings, as plain structures."""
    oversight = Oversight()
    async with (
        open_app(None, AppSettings(dev=True)) as app,
        listen(app, PortConfig(host="127.0.0.1", port=0), oversight=oversight) as listening,
    ):
        url = f"http://127.0.0.1:{listening.port}"
        async with (
            connect(url, token="dev:ann") as client,
            client.wire.follow("meeting:m1", ["state"]) as follower,
        ):
            await follower.batch()
            with oversight.recent.listening():
                logging.getLogger("collab.test").warning("the tide is high")
            seen = await overview_of(listening.port)
    assert seen["connections"]["count"] == 1
    assert seen["connections"]["slowest"][0]["user_id"] == "ann"
    assert seen["watched"] == [{"target": "meeting:m1", "followers": 1, "people": 1}]
    assert {"collab_actors_active", "collab_connections"} <= {f["name"] for f in seen["figures"]}
    of_kind = {
        figure["labels"]["kind"]: figure["value"]
        for figure in seen["figures"]
        if figure["name"] == "collab_actors_of_kind"
    }
    assert of_kind["meeting"] == 1
    assert seen["recent"][0]["text"] == "the tide is high"


async def overview_of(port: int) -> dict[str, Any]:
    """Ask for it over HTTP as a developer."""

    def fetch() -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/overview", headers=dict(DEVELOPER)
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            content: bytes = answer.read()
        return content

    found: dict[str, Any] = orjson.loads(await trio.to_thread.run_sync(fetch))
    return found


async def test_only_those_who_run_the_server_see_it() -> None:
    """[Z5.2] Without a token 401; with one of somebody else 403, and nothing is told."""
    async with open_app(None, AppSettings(dev=True)) as app:

        class Nobody(Operators):
            def include(self, caller: Caller, kind_name: str) -> bool:
                return caller.user_id == "eve" and kind_name == "overview"

        told: list[str] = []

        def source() -> Mapping[str, Any]:
            told.append("told")
            return {}

        http = Starlette(routes=overview_routes(app.gateway, Nobody(), source))
        assert (await ask(http, "/v1/overview")).status == 401
        refused = await ask(http, "/v1/overview", headers=DEVELOPER)
        assert refused.status == 403
        assert told == []
        eve = {"authorization": "Bearer dev:eve"}
        assert (await ask(http, "/v1/overview", headers=eve)).status == 200
        for headers, is_allowed in ((DEVELOPER, False), (eve, True)):
            answer = await ask(http, "/v1/overview/allowed", headers=headers)
            assert orjson.loads(answer.body) == {"allowed": is_allowed}
        assert (await ask(http, "/v1/overview/allowed")).status == 401


def test_recent_lines_are_bounded_and_hold_no_token() -> None:
    """[Z5.3] The newest lines are kept, warnings and above, with the log's own guard."""
    recent = RecentLines()
    logger = logging.Logger("collab.test")
    logger.addHandler(recent)
    logger.info("not this")
    for number in range(RECENT_LINES_MAX + 5):
        logger.warning("line %d", number)
    logger.warning("with token=abc.def")
    lines = recent.newest_first()
    assert len(lines) == RECENT_LINES_MAX
    assert "abc.def" not in lines[0]["text"]
    assert lines[1]["text"] == f"line {RECENT_LINES_MAX + 4}"
