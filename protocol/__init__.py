"""The wire: messages, codec, session, outbox, transport, server, client.

It carries calls and events of any kind between clients and whoever owns the targets
(:class:`Gateway`), and knows targets, operations and topics as words only.
"""

from protocol.codec import SUBPROTOCOLS
from protocol.errors import (
    CODES,
    CallAbandoned,
    CallFailed,
    ClientClosed,
    ClientError,
    ConnectFailed,
    ProtocolViolation,
    Unreadable,
    WireError,
)
from protocol.gateway import (
    Connection,
    EventFrame,
    Gateway,
    Identity,
    IncomingCall,
    Peer,
    PresenceFrame,
    Subscription,
)
from protocol.messages import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK, Cursor
from protocol.metrics import ConnectionFigures, Histogram, Metrics
from protocol.server import WireServer
from protocol.structure import JSON, MSGPACK, STORAGE, pack, structure, unpack, unstructure

__all__ = [
    "CODES",
    "JSON",
    "MSGPACK",
    "STORAGE",
    "SUBPROTOCOLS",
    "SUBPROTOCOL_JSON",
    "SUBPROTOCOL_MSGPACK",
    "CallAbandoned",
    "CallFailed",
    "ClientClosed",
    "ClientError",
    "ConnectFailed",
    "Connection",
    "ConnectionFigures",
    "Cursor",
    "EventFrame",
    "Gateway",
    "Histogram",
    "Identity",
    "IncomingCall",
    "Metrics",
    "Peer",
    "PresenceFrame",
    "ProtocolViolation",
    "Subscription",
    "Unreadable",
    "WireError",
    "WireServer",
    "pack",
    "structure",
    "unpack",
    "unstructure",
]
