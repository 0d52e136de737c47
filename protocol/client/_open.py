"""How a client is opened and closed."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Final, Literal

from protocol.client._asker import Asker
from protocol.client._background import background
from protocol.client._client import Client
from protocol.client._keeper import Keeper
from protocol.client._token import Token, TokenSource
from protocol.client._transport import Connector
from protocol.client._websocket import check_url, websocket_connector
from protocol.errors import ClientClosed
from protocol.limits import FOLLOW_BUFFER_EVENTS_MAX, GOODBYE_TIMEOUT_S, OFFLINE_QUEUE_MAX
from protocol.messages import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK

Encoding = Literal["json", "msgpack"]

_CLOSE_TIMEOUT_S: Final = GOODBYE_TIMEOUT_S + 0.5


@asynccontextmanager
async def open_client(
    url: str,
    *,
    token: Token,
    encoding: Encoding = "msgpack",
    connect: Connector | None = None,
    rng: Random | None = None,
    offline_queue_max: int = OFFLINE_QUEUE_MAX,
    follow_buffer_max: int = FOLLOW_BUFFER_EVENTS_MAX,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Client]:
    """Open a client of the server at *url* (``ws://`` or ``wss://``) while the block runs.

    It does not wait for the connection: what is asked meanwhile is queued. Use
    ``client.wait_state(ConnectionState.LIVE)`` to wait.

    Args:
      token: a token, or a function, possibly async, that is asked for one before every hello and
        before a token ends. An exception of it counts as a failed attempt.
      connect: opens connections; None: WebSocket, with *ssl_context* for ``wss:``.
      offline_queue_max: calls that may be unanswered at once.
      follow_buffer_max: events that a follower may leave unread before it has to catch up.

    Raises:
      ValueError: *url*, *encoding* or a bound makes no sense.

    When the block ends, calls that are still open end with ``CallAbandoned`` if they were sent,
    else with ``ClientClosed``. Cancelled: the connection is dropped without a goodbye.
    """
    if offline_queue_max < 1 or follow_buffer_max < 1:
        raise ValueError("a queue needs room for at least one")
    if encoding not in ("json", "msgpack"):
        raise ValueError(f"unknown encoding {encoding!r}")
    if connect is None:
        check_url(url)
        connect = websocket_connector(ssl_context=ssl_context)
    tokens = TokenSource(token)
    random = rng or Random()
    keeper = Keeper(
        url,
        tokens,
        connect=connect,
        subprotocol=SUBPROTOCOL_JSON if encoding == "json" else SUBPROTOCOL_MSGPACK,
        rng=random,
        offline_queue_max=offline_queue_max,
        follow_buffer_max=follow_buffer_max,
    )
    asker = Asker(keeper, random)
    async with background(
        partial(keeper.run, asker.authenticate),
        stop=lambda: keeper.close(ClientClosed()),
        stop_timeout_s=_CLOSE_TIMEOUT_S,
    ):
        yield Client(keeper, asker, tokens)
