"""Every path of the port, enumerated from what is served: one without a rule fails here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, get_args

import pytest
from starlette.responses import Response
from starlette.routing import Mount, Route

from collab import listening
from collab.app import App, open_app
from collab.http import Readiness, make_http_app, overview_routes
from collab.http.schema import schema_routes
from collab.http.web import web_routes
from collab.kinds import BUILT_IN
from collab.operators import Operators
from collab.permission.paths import HTTP, WEBSOCKET, RouteUnknown, check_routes
from collab.permission.scopes import covers
from collab.web.site import Site
from protocol.messages import Auth, ClientMessage, Error, Hello
from tests.collab.http.test_http_notes import ask
from tests.integration.served import Served, served
from tests.integration.wires import wired
from tests.protocol.fakes import FakeClient, FakeSocket

ANSWERS: Final = {"signed_in": 401, "signed_body": 401}


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


def _served(app: App) -> set[tuple[str, str]]:
    above = overview_routes(app.gateway, Operators(), dict)
    pages = web_routes(Site(is_dev=True))
    ours = [*listening.http_routes(app), *schema_routes(BUILT_IN), *above, *pages]
    routes = make_http_app(Readiness(), tuple, routes=ours).routes
    check_routes(routes)
    return {
        (method, route.path)
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }


async def test_every_path_that_is_served_has_a_rule() -> None:
    """[P4.1] The table is what is served, no more and no less."""
    async with open_app(None) as app:
        assert _served(app) == set(HTTP)
    doors = {listening.WIRE_PATH, listening.YJS_PATH, listening.HOCUSPOCUS_PATH}
    assert doors == set(WEBSOCKET)
    paths = {value for name, value in vars(listening).items() if name.endswith("_PATH")}
    assert paths == doors, "a WebSocket's path that the table does not know"


@pytest.mark.parametrize(("method", "path"), sorted(set(HTTP)))
async def test_a_path_asks_what_its_rule_says(server: Served, method: str, path: str) -> None:
    """[P4.2] Without a token or a signature only what is for anybody answers."""
    demand = HTTP[method, path]
    answer = await ask(server, path.replace("{name}", "chat:c.md"), method=method, user=None)
    if demand in ANSWERS:
        assert answer.status == ANSWERS[demand]
    if demand == "signed_in":
        wrong = {"authorization": "Bearer dev:no body"}
        refused = await ask(
            server, path.replace("{name}", "chat:c.md"), method=method, user=None, headers=wrong
        )
        assert refused.status == 401


def test_a_route_without_a_rule_keeps_the_server_from_starting() -> None:
    """[P4.3] Deny is the default: what the table does not know is not served."""

    async def hello(_request: object) -> Response:
        return Response("hello")

    for route in (
        Route("/new", hello),
        Route("/healthz", hello, methods=["POST"]),
        Mount("/", routes=[]),
    ):
        with pytest.raises(RouteUnknown):
            check_routes([route])


@pytest.mark.parametrize(
    "shape", [shape for shape in get_args(ClientMessage) if shape is not Hello], ids=lambda s: s.TAG
)
async def test_nothing_but_a_sign_in_is_heard_first(shape: type) -> None:
    """[P4.4] Every message of a client but ``hello``, sent before it, ends the connection."""
    async with wired() as server:
        socket = FakeSocket()
        server.nursery.start_soon(server.wire.handle, socket)
        client = FakeClient(socket)
        given = {"ref": 1, "target": "chat:c", "op": "chat.create", "topics": ("state",), "n": 1}
        fields = {known.name for known in shape.__attrs_attrs__}  # type: ignore[attr-defined]
        words = {name: value for name, value in given.items() if name in fields}
        if shape is Auth:
            words["token"] = server.token("ann")
        client.send(shape(**words))
        got = await client.receive_all()
        assert all(isinstance(message, Error) for message in got)
        assert socket.closed_with is not None
        assert not server.app.system.is_active("chat", "c")


def test_scopes_name_kinds_and_actions() -> None:
    """[P4.5] An action of a kind, or all of a kind; an empty set allows nothing."""
    assert covers({"meeting:transcript.add"}, "meeting", "transcript.add")
    assert covers({"chat:*"}, "chat", "messages.post")
    assert covers({"chat:read:messages"}, "chat", "read:messages")
    assert not covers({"meeting:transcript.add"}, "meeting", "messages.post")
    assert not covers({"chat:*"}, "meeting", "messages.post")
    assert not covers(set(), "chat", "chat.get")
    assert not covers({"*:*", "*"}, "chat", "chat.get")
