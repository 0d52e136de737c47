"""How a client is opened, and what it hands out: meetings, chats, one's own list."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from urllib.parse import urlsplit, urlunsplit

import trio

from collab.client.chat import Chat
from collab.client.meeting import Meeting
from collab.client.user import Me, Person
from protocol.client import Client, ConnectionState, Connector, Encoding, Token, open_client
from protocol.errors import ClientClosed


def wire_address(url: str) -> str:
    """Return the WebSocket address of the server at *url*; a path that is given stays.

    Raises:
      ValueError: it is no ``http``, ``https``, ``ws`` or ``wss`` address.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or ws address")
    path = "/v1" if parts.path in ("", "/") else parts.path
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


class CollabClient:
    """A client of one server. Made by :func:`connect`; what it hands out costs nothing."""

    def __init__(self, wire: Client) -> None:
        self.wire = wire

    def meeting(self, key: str) -> Meeting:
        """Return the meeting ``meeting:key``, whether it exists or not."""
        return Meeting(self.wire, f"meeting:{key}")

    def chat(self, key: str) -> Chat:
        """Return the chat ``chat:key``, whether it exists or not."""
        return Chat(self.wire, f"chat:{key}")

    def person(self, user_id: str) -> Person:
        """Return somebody else, whether they exist or not."""
        return Person(self.wire, f"user:{user_id}")

    async def me(self) -> Me:
        """Return what is one's own, once the server has said who one is.

        Raises:
          ConnectFailed, ClientClosed: there is no client any more.

        Cancelled: nothing happened.
        """
        if self.wire.user_id is None:
            await self.wire.wait_state(ConnectionState.LIVE)
        else:
            await trio.lowlevel.checkpoint()
        if self.wire.user_id is None:
            raise ClientClosed
        return Me(self.wire, f"user:{self.wire.user_id}")


@asynccontextmanager
async def connect(
    url: str,
    *,
    token: Token,
    encoding: Encoding = "msgpack",
    connector: Connector | None = None,
    rng: Random | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[CollabClient]:
    """Open a client of the server at *url* while the block runs.

    It does not wait for the connection, and comes back by itself: see
    ``protocol.client.open_client``.

    Args:
      url: ``http``, ``https``, ``ws`` or ``wss``; without a path it means ``/v1``.
      token: a token, or a function, possibly async, that is asked for one when one is needed.
      connector: opens connections; None: WebSocket, with *ssl_context* for ``https``.

    Raises:
      ValueError: *url* or *encoding* makes no sense.

    Cancelled: the connection is dropped without a goodbye.
    """
    async with open_client(
        wire_address(url),
        token=token,
        encoding=encoding,
        connect=connector,
        rng=rng,
        ssl_context=ssl_context,
    ) as wire:
        yield CollabClient(wire)
