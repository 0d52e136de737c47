"""An identity provider for tests whose tokens are their own claims, and a server that trusts it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import trio
from attrs import define, field

from collab.app import App, AppSettings, open_app
from collab.errors import Conflict
from collab.identity.claims import ISSUED_AT, ORG_ID, ORG_ROLE, SCOPES, SESSION
from collab.standing import Delivery
from protocol.gateway import Identity, Peer
from protocol.messages import SUBPROTOCOL_JSON
from protocol.server import WireServer
from tests.collab.standing.deliveries import NOW_MS, RECEIVERS, Post
from tests.protocol.fakes import FakeClient, FakeSocket


class Claimed:
    """Believes every token: it is about what counts after it was believed."""

    async def authenticate(self, token: str, _peer: Peer) -> Identity:
        said: dict[str, Any] = orjson.loads(token)
        return Identity(said.pop("user"), claims=said)


def token(
    user: str,
    *,
    role: str | None = "admin",
    issued_ms: int = NOW_MS - 60_000,
    org: str = "org_1",
    session: str | None = None,
    scopes: list[str] | None = None,
) -> str:
    """Return a token of a user of the issuer ``workos``; with *scopes*, of a service."""
    org_id = None if role is None else f"workos:{org}"
    said: dict[str, Any] = {
        "user": user,
        ORG_ID: org_id,
        ORG_ROLE: role,
        ISSUED_AT: issued_ms,
        SCOPES: scopes,
    }
    if session is not None:
        said[SESSION] = session
    return orjson.dumps(said).decode()


@define(eq=False)
class House:
    """A server without a port."""

    app: App
    wire: WireServer
    nursery: trio.Nursery
    clock: list[int] = field(factory=lambda: [NOW_MS])

    async def client(self, told: str) -> FakeClient:
        """Connect with a token."""
        socket = FakeSocket(SUBPROTOCOL_JSON)
        self.nursery.start_soon(self.wire.handle, socket)
        client = FakeClient(socket)
        await client.hello(told)
        return client

    async def tell(self, post: Post) -> Delivery:
        """Take a delivery of WorkOS in, as the HTTP route does."""
        delivery = RECEIVERS["workos"].open(post.headers, post.body, self.clock[0])
        await self.app.standing.take("workos", delivery)
        return delivery

    async def is_heard_before(self, post: Post) -> bool:
        """Say whether *post* is refused as a replay."""
        try:
            await self.tell(post)
        except Conflict:
            return True
        return False


@asynccontextmanager
async def a_house(path: Path | None = None) -> AsyncIterator[House]:
    """Run a server that hears WorkOS and Clerk."""
    clock = [NOW_MS]
    settings = AppSettings(identity=Claimed(), webhooks=RECEIVERS, clock_ms=lambda: clock[0])
    async with open_app(path, settings) as app, trio.open_nursery() as nursery:
        ids = map("s{}".format, count()).__next__
        wire = WireServer(
            app.gateway, clock_ms=settings.clock_ms, session_ids=ids, rng=random.Random(1)
        )
        app.use_cork(wire.cork)
        app.standing.use_hosts(wire.hosts_of)
        await nursery.start(wire.run)
        yield House(app, wire, nursery, clock)
        nursery.cancel_scope.cancel()
