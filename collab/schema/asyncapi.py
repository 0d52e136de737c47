"""The contract as an AsyncAPI 3.0 document: one channel, an operation for everything one can do.

Seen from the server: it *receives* what clients send, and replies or *sends*. Each operation of a
kind is a call with its own arguments and answer (``meeting.messages.post``), each topic a
subscription (``meeting.notes``); beside them stand the messages of the session itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, get_args

from collab.schema.contract import Contract, KindShown, Operation, TopicShown
from collab.schema.json_schema import definitions_of, target_of
from protocol.messages import (
    SUBPROTOCOL_JSON,
    SUBPROTOCOL_MSGPACK,
    Auth,
    Call,
    Cancel,
    ClientMessage,
    Ended,
    Error,
    Events,
    Goodbye,
    Hello,
    Leave,
    Ping,
    Pong,
    PresenceChanged,
    Reply,
    Reset,
    Resumed,
    ServerMessage,
    SetPresence,
    Snapshot,
    Subscribe,
    Unsubscribe,
    Welcome,
)
from protocol.schema import about, message_name, object_of

Schema = dict[str, Any]

VERSION: Final = "1.0.0"  # Of the wire, as its subprotocols say.
_CHANNEL: Final = "wire"
_ABOUT: Final = """\
One WebSocket carries calls, subscriptions, presence and their answers. The first message is
`hello`; its token says who speaks. Messages are JSON text frames or MessagePack binary frames, as
the subprotocol says; bytes are base64 strings in JSON."""

# The session's own messages: operation -> (what comes in, what may be answered).
_SESSION: Final[Mapping[str, tuple[type, Sequence[type]]]] = MappingProxyType(
    {
        "hello": (Hello, (Welcome, Error)),
        "auth": (Auth, (Reply, Error)),
        "cancel": (Cancel, (Error,)),
        "unsubscribe": (Unsubscribe, (Ended, Error)),
        "presence": (SetPresence, (Error,)),
        "ping": (Ping, (Pong,)),
        "leave": (Leave, ()),
    }
)
# What the server says by itself.
_SENT: Final[Mapping[str, type]] = MappingProxyType(
    {
        "events": Events,
        "others": PresenceChanged,
        "started_over": Reset,
        "ended": Ended,
        "goodbye": Goodbye,
    }
)
_FIRST_ANSWERS: Final = (Resumed, Reset, Error)  # Of a subscription, beside its snapshot.


def asyncapi_of(contract: Contract) -> Schema:
    """Return the document."""
    messages = dict(_messages(contract))
    return {
        "asyncapi": "3.0.0",
        "id": "urn:collab:v1",
        "info": {
            "title": "collab",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"default": _server()},
        "channels": {_CHANNEL: _channel(messages)},
        "operations": dict(_operations(contract)),
        "components": {
            "messages": messages,
            "schemas": _schemas(contract),
            "securitySchemes": {"token": dict(_SECURITY)},
        },
    }


_SECURITY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "type": "apiKey",
        "in": "password",
        "description": "A signed token, sent in the first message (`hello`), renewed by `auth`.",
    }
)


def _server() -> Schema:
    return {
        "host": "{host}",
        "protocol": "ws",
        "description": "Where `collab serve` listens; `wss` behind a certificate.",
        "variables": {"host": {"default": "127.0.0.1:8787"}},
        "security": [{"$ref": "#/components/securitySchemes/token"}],
    }


def _channel(messages: Mapping[str, Schema]) -> Schema:
    subprotocols = {"type": "string", "enum": [SUBPROTOCOL_MSGPACK, SUBPROTOCOL_JSON]}
    headers = object_of({"Sec-WebSocket-Protocol": subprotocols}, ["Sec-WebSocket-Protocol"])
    return {
        "address": "/v1",
        "title": "The wire",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"method": "GET", "headers": headers, "bindingVersion": "0.1.0"}},
    }


# ---------------------------------------------------------------- messages


def _messages(contract: Contract) -> Iterator[tuple[str, Schema]]:
    for cls in (*get_args(ClientMessage), *get_args(ServerMessage)):
        yield (
            _name(cls),
            {
                "name": cls.TAG,
                "summary": about(cls).partition("\n")[0],
                "payload": _schema_ref(message_name(cls)),
            },
        )
    for kind in contract.kinds:
        for operation in (*kind.commands, *kind.queries):
            name = f"{kind.name}.{operation.op}"
            yield f"{name}.call", _narrowed(operation.op, Call, _call_parts(kind, operation))
            yield f"{name}.reply", _narrowed(operation.op, Reply, {"value": operation.answer})
        for topic in kind.topics:
            name = f"{kind.name}.{topic.name}"
            parts = {"target": target_of(kind), "topics": {"contains": {"const": topic.name}}}
            yield f"{name}.subscribe", _narrowed(topic.name, Subscribe, parts)
            yield f"{name}.snapshot", _narrowed(topic.name, Snapshot, _snapshot_parts(kind, topic))


def _name(cls: type) -> str:
    return message_name(cls).removesuffix("Message")


def _narrowed(title: str, cls: Any, parts: Schema) -> Schema:
    """Return a message of *cls* whose fields *parts* are as described."""
    payload = {"allOf": [_schema_ref(message_name(cls)), {"properties": _moved(parts)}]}
    return {"name": cls.TAG, "title": title, "payload": payload}


def _call_parts(kind: KindShown, operation: Operation) -> Schema:
    return {"target": target_of(kind), "op": {"const": operation.op}, "args": operation.args}


def _snapshot_parts(kind: KindShown, topic: TopicShown) -> Schema:
    topics = object_of({topic.name: topic.snapshot}, [topic.name])
    return {"target": target_of(kind), "topics": topics}


# ---------------------------------------------------------------- operations


def _operations(contract: Contract) -> Iterator[tuple[str, Schema]]:
    for name, (cls, answers) in _SESSION.items():
        yield name, _receive(about(cls), _name(cls), [_name(answer) for answer in answers])
    for name, cls in _SENT.items():
        yield name, _operation("send", about(cls), [_name(cls)])
    for kind in contract.kinds:
        for operation in (*kind.commands, *kind.queries):
            name = f"{kind.name}.{operation.op}"
            yield name, _receive(operation.about, f"{name}.call", [f"{name}.reply", _name(Error)])
        for topic in kind.topics:
            name = f"{kind.name}.{topic.name}"
            first = [f"{name}.snapshot", *(_name(answer) for answer in _FIRST_ANSWERS)]
            text = f"Follow the topic `{topic.name}` of a {kind.name}."
            yield f"{name}.follow", _receive(text, f"{name}.subscribe", first)


def _receive(text: str, message: str, answers: Sequence[str]) -> Schema:
    held = _operation("receive", text, [message])
    if answers:
        held["reply"] = {
            "channel": {"$ref": f"#/channels/{_CHANNEL}"},
            "messages": [_message_ref(answer) for answer in answers],
        }
    return held


def _operation(action: str, text: str, messages: Sequence[str]) -> Schema:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{_CHANNEL}"},
        "summary": text.partition("\n")[0],
        "description": text,
        "messages": [_message_ref(name) for name in messages],
    }


def _message_ref(name: str) -> Schema:
    return {"$ref": f"#/channels/{_CHANNEL}/messages/{name}"}


# ---------------------------------------------------------------- schemas


def _schemas(contract: Contract) -> Schema:
    """Return all definitions at the place where this document has them."""
    return {name: _moved(schema) for name, schema in definitions_of(contract).items()}


def _schema_ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _moved(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_moved(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: str(item).replace("#/$defs/", "#/components/schemas/")
        if name == "$ref"
        else _moved(item)
        for name, item in schema.items()
    }
