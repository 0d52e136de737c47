"""An app on a port: the wire at ``/v1``, Yjs clients at their doors, HTTP beside them."""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import trio
from attrs import define, frozen
from starlette.routing import BaseRoute

from collab.app import App
from collab.figures import server_figures
from collab.http import (
    Bodies,
    Readiness,
    make_http_app,
    notes_routes,
    overview_routes,
    refusing_while_behind,
    schema_routes,
    sign_in_routes,
    webhook_routes,
)
from collab.identity import Doorkeeper
from collab.meeting import MEETING
from collab.oversight import Oversight, overview
from collab.permission.paths import check_routes
from protocol.allowance import MessageRate
from protocol.messages import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from protocol.port import BoundPort, PortConfig, Request, WebSocketRoute, serve_port
from protocol.server import WireServer
from protocol.yjs.doors import YjsDoors
from protocol.yjs.limits import DOOR_FRAME_BYTES_MAX

WIRE_PATH: Final = "/v1"
YJS_PATH: Final = "/yjs/"
HOCUSPOCUS_PATH: Final = "/hocuspocus"
_SUBPROTOCOLS: Final = (SUBPROTOCOL_MSGPACK, SUBPROTOCOL_JSON)


@define(eq=False)
class AddressUnusable(Exception):
    """The address cannot be listened on, or the certificate cannot be used."""

    problem: str

    def __str__(self) -> str:
        return self.problem


@frozen
class Listening:
    """A port that takes connections."""

    wire: WireServer
    readiness: Readiness
    bound: BoundPort

    @property
    def port(self) -> int:
        """The port number, also when 0 was asked for."""
        return self.bound.port

    async def drain(self, *, timeout_s: float) -> None:
        """Say goodbye to all connections, let open calls finish, take no new ones.

        Cancelled: connections are dropped; nothing acknowledged is lost.
        """
        self.readiness.refusal = "draining"
        await self.wire.drain("shutdown", timeout_s=timeout_s)
        self.bound.close()


@asynccontextmanager
async def listen(
    app: App,
    config: PortConfig,
    *,
    rng: random.Random | None = None,
    message_rate: MessageRate | None = None,
    pages: Sequence[BaseRoute] = (),
    oversight: Oversight | None = None,
) -> AsyncIterator[Listening]:
    """Serve *app* on a port while the block runs. *rng* is for jitter only; *pages* are for people;
    *oversight* says who sees the server from above (by default nobody but developers).

    Raises:
      AddressUnusable: the address cannot be listened on.

    At the end connections are dropped; ``drain`` first to part as friends.
    """
    problem: OSError | None = None
    async with trio.open_nursery() as nursery:
        readiness = Readiness()
        wire = WireServer(
            app.gateway,
            clock_ms=app.settings.clock_ms,
            session_ids=partial(secrets.token_urlsafe, 12),
            rng=rng or random.Random(),
            message_rate=message_rate,
            handshake_timeout_s=config.handshake_timeout_s,
        )
        app.use_cork(wire.cork)
        wire.pressure.on_strain = app.pacing.strain
        app.standing.use_hosts(wire.hosts_of)
        await nursery.start(wire.run)
        seen = oversight or Oversight()
        above = partial(overview, app, wire, seen.recent)
        operators = overview_routes(app.gateway, seen.operators, above)
        routes = [*http_routes(app), *operators, *pages]
        http_app = make_http_app(readiness, partial(server_figures, app, wire), routes=routes)
        check_routes(http_app.routes)
        answer_http = refusing_while_behind(http_app, wire.overloaded)
        route = partial(_route, wire, YjsDoors(wire, target_of=document_target))
        serve = partial(
            serve_port, config, route=route, http_app=answer_http, pressure=wire.pressure
        )
        try:
            bound: BoundPort = await nursery.start(serve)
        except OSError as error:
            problem = error
        else:
            readiness.refusal = None
            try:
                yield Listening(wire, readiness, bound)
            finally:
                wire.pressure.relax()
        nursery.cancel_scope.cancel()
    if problem is not None:
        raise AddressUnusable(f"cannot listen on {config.host}:{config.port}: {problem}")


def http_routes(app: App) -> Sequence[BaseRoute]:
    """Return the routes that need the app; each has its line in ``collab.permission.paths``."""
    bodies = Bodies()
    return [
        *notes_routes(app.gateway, bodies),
        *_sign_in_routes(app, bodies),
        *webhook_routes(app.standing, app.settings.clock_ms, bodies),
        *schema_routes(app.settings.kinds),
    ]


def _sign_in_routes(app: App, bodies: Bodies) -> Sequence[BaseRoute]:
    """Return the routes of tickets and guests; none if somebody else knows the users."""
    if not isinstance(app.identity, Doorkeeper):
        return ()
    guests = app.settings.guests
    return sign_in_routes(app.gateway, app.identity, app.system, bodies, guests=guests)


def _route(wire: WireServer, doors: YjsDoors, request: Request) -> WebSocketRoute | None:
    path = request.path
    if path == WIRE_PATH:
        return WebSocketRoute(wire.handle, _SUBPROTOCOLS)
    if path.startswith(YJS_PATH) and len(path) > len(YJS_PATH):
        handle = partial(doors.handle_yjs, path.removeprefix(YJS_PATH))
        return WebSocketRoute(handle, frame_bytes_max=DOOR_FRAME_BYTES_MAX)
    if path == HOCUSPOCUS_PATH:
        return WebSocketRoute(doors.handle_hocuspocus, frame_bytes_max=DOOR_FRAME_BYTES_MAX)
    return None


def document_target(name: str) -> str:
    """Return whose notes a Yjs client means: a meeting's by its key, any other's by its target.

    A meeting whose key holds a colon goes by its target too.
    """
    return name if ":" in name else f"{MEETING.name}:{name}"
