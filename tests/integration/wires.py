"""Raw connections to the real gateway, over sockets in memory that may stop reading."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import trio
from attrs import define

from collab.app import App, AppSettings, open_app
from collab.identity import open_authenticator
from collab.identity.authenticator import LocalAuthenticator
from protocol.messages import SUBPROTOCOL_JSON
from protocol.server import WireServer
from tests.protocol.fakes import FakeClient, FakeSocket

NOW_MS = 1_800_000_000_000


@define(eq=False)
class Wired:
    """An app with a wire server, without a port."""

    app: App
    wire: WireServer
    nursery: trio.Nursery
    identity: LocalAuthenticator

    async def client(self, user: str, *, org_role: str | None = None) -> FakeClient:
        """Connect *user* with a signed token."""
        socket = FakeSocket(SUBPROTOCOL_JSON)
        self.nursery.start_soon(self.wire.handle, socket)
        client = FakeClient(socket)
        await client.hello(self.token(user, org_role=org_role))
        return client

    def token(self, user: str, *, org_role: str | None = None) -> str:
        org_id = "acme" if org_role else None
        return self.identity.signer.sign(user, org_id=org_id, org_role=org_role, ttl_s=900)


@asynccontextmanager
async def wired(**settings: object) -> AsyncIterator[Wired]:
    """Run an app in memory, with tokens of its own key."""
    identity = open_authenticator(None, dev=False, clock_ms=lambda: NOW_MS)
    given = AppSettings(identity=identity, clock_ms=lambda: NOW_MS, **settings)  # type: ignore[arg-type]
    async with open_app(None, given) as app, trio.open_nursery() as nursery:
        wire = WireServer(
            app.gateway,
            clock_ms=given.clock_ms,
            session_ids=map("s{}".format, count()).__next__,
            rng=random.Random(1),
        )
        app.use_cork(wire.cork)
        app.standing.use_hosts(wire.hosts_of)
        await nursery.start(wire.run)
        yield Wired(app, wire, nursery, identity)
        nursery.cancel_scope.cancel()
