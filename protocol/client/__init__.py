"""The Python client of the wire: calls, subscriptions, presence; it comes back by itself.

::

    async with open_client("ws://localhost:8787/v1", token="dev:ann") as client:
        await client.call("meeting:m1", "start")
        async with client.follow("meeting:m1", ["state"]) as follower:
            async for item in follower:
                ...

It knows targets, ops and topics as words only.
"""

from protocol.client._asker import NO_KEY, NoKey
from protocol.client._backoff import reconnect_ceiling_s
from protocol.client._client import CALL_TIMEOUT_S, Client
from protocol.client._errors import (
    LimitExceeded,
    NotFollowing,
    SubscriptionEnded,
    TransportClosed,
)
from protocol.client._follower import Follower
from protocol.client._items import PRESENCE_TOPIC, Event, Item, PresenceItem, SnapshotItem
from protocol.client._keeper import ConnectionState
from protocol.client._open import Encoding, open_client
from protocol.client._optimistic import Mutation, OptimisticState, OptimisticView, open_view
from protocol.client._queue import Answer
from protocol.client._token import Token
from protocol.client._transport import Connector, Payload, Transport
from protocol.client._websocket import websocket_connector
from protocol.messages import Cursor

__all__ = [
    "CALL_TIMEOUT_S",
    "NO_KEY",
    "PRESENCE_TOPIC",
    "Answer",
    "Client",
    "ConnectionState",
    "Connector",
    "Cursor",
    "Encoding",
    "Event",
    "Follower",
    "Item",
    "LimitExceeded",
    "Mutation",
    "NoKey",
    "NotFollowing",
    "OptimisticState",
    "OptimisticView",
    "Payload",
    "PresenceItem",
    "SnapshotItem",
    "SubscriptionEnded",
    "Token",
    "Transport",
    "TransportClosed",
    "open_client",
    "open_view",
    "reconnect_ceiling_s",
    "websocket_connector",
]
