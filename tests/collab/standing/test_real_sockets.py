"""A removal over real sockets: a webhook in, every connection of the user gone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

import trio
from attrs import frozen
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from collab.app import AppSettings
from collab.chat.commands import CreateChat
from tests.collab.http.test_http_notes import ask
from tests.collab.standing.deliveries import NOW_MS, RECEIVERS, workos, workos_event
from tests.collab.standing.issued import Claimed, token
from tests.integration.served import served

USER = "workos:user_1"
SYNC_STEP_1 = b"\x00\x00\x01\x00"  # Of an empty document.
GONE_S = 1.0  # It takes some milliseconds; the machine of a test may be busy.


@frozen
class Client:
    """A foreign client, in a thread of its own."""

    address: str
    opening: str | bytes

    def until_closed(self, on_ready: Callable[[], None]) -> tuple[int, float]:
        """Return the close code that came, and when."""
        protocols = [Subprotocol("collab.v1.json")] if isinstance(self.opening, str) else None
        with connect(self.address, subprotocols=protocols, compression=None) as socket:
            socket.send(self.opening)
            socket.recv(timeout=10)  # Welcomed, or let in.
            trio.from_thread.run_sync(on_ready)
            with suppress(ConnectionClosed):
                while True:  # Whatever it is told, until there is no more.
                    socket.recv(timeout=10)
            return socket.close_code or 0, time.monotonic()


async def test_every_connection_of_whoever_is_removed_ends() -> None:
    """[P6.2] The wire's and a Yjs client's, idle or reading, right after the webhook."""
    settings = AppSettings(identity=Claimed(), webhooks=RECEIVERS, clock_ms=lambda: NOW_MS)
    async with served(settings=settings) as server:
        await server.app.do("chat:c", CreateChat(title="t"), user_id=USER)
        base = f"ws://127.0.0.1:{server.port}"
        hello = json.dumps({"t": "hello", "token": token(USER)})
        clients = [
            Client(f"{base}/v1", hello),
            Client(f"{base}/v1", hello),
            Client(f"{base}/yjs/chat:c?token={quote(token(USER))}", SYNC_STEP_1),
        ]
        ready = [trio.Event() for _ in clients]
        ends: list[tuple[int, float]] = []

        async def watch(client: Client, event: trio.Event) -> None:
            ends.append(await trio.to_thread.run_sync(client.until_closed, event.set))

        async with trio.open_nursery() as nursery:
            for client, event in zip(clients, ready, strict=True):
                nursery.start_soon(watch, client, event)
            for event in ready:
                await event.wait()
            started = time.monotonic()
            post = workos(workos_event("user.deleted", {"id": "user_1"}))
            path, headers = "/v1/webhooks/workos", post.headers
            answer = await ask(
                server, path, method="POST", user=None, body=post.body, headers=headers
            )
            assert answer.status == 202
        assert {code for code, _at in ends} == {4401}
        assert max(at for _code, at in ends) - started < GONE_S
