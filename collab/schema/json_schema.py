"""The contract as one JSON Schema document (2020-12), and as the parts that others refer to.

The document itself describes any message of either direction. Where the message names its target,
what it carries is described as well: a call's arguments, an event's data, a snapshot's topics. An
answer does not say what it answers; ``x-kinds`` does, by kind and operation.

Objects are open, as whoever reads ignores fields that it does not know. ``closed`` is for tests:
there a field that nobody has declared is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from collab.following import PRESENCE_TOPIC
from collab.schema.contract import Contract, KindShown, Operation, event_of
from protocol.messages import Call, Events, Reset, Snapshot, Subscribe
from protocol.schema import CLIENT_MESSAGE, DRAFT, SERVER_MESSAGE, message_name, ref_to

Schema = dict[str, Any]

SCHEMA_ID: Final = "urn:collab:v1"


def json_schema_of(contract: Contract) -> Schema:
    """Return the document."""
    return {
        "$schema": DRAFT,
        "$id": SCHEMA_ID,
        "title": "The wire of collab, version 1",
        "description": "Any message. Bytes are base64 strings in JSON, native in MessagePack.",
        "anyOf": [ref_to(CLIENT_MESSAGE), ref_to(SERVER_MESSAGE)],
        "$defs": definitions_of(contract),
        "x-kinds": {kind.name: _kind(kind) for kind in contract.kinds},
        "x-errors": {
            each.code: {"retryable": each.retryable, "description": each.about}
            for each in contract.errors
        },
    }


def definitions_of(contract: Contract) -> Schema:
    """Return all definitions: messages know what they carry, by their target."""
    definitions = dict(contract.definitions)
    for kind in contract.kinds:
        definitions[events_name(kind)] = _events(kind)
        definitions[topics_name(kind)] = _topics(kind)
    for name, narrow in _NARROWED.items():
        cases = [case for kind in contract.kinds for case in narrow(kind)]
        definitions[name] = {**definitions[name], "allOf": cases}
    return definitions


def events_name(kind: KindShown) -> str:
    """Return under which name the events of *kind* are defined."""
    return f"{kind.name.capitalize()}Event"


def topics_name(kind: KindShown) -> str:
    """Return under which name the snapshots of *kind* are defined."""
    return f"{kind.name.capitalize()}Topics"


def _events(kind: KindShown) -> Schema:
    events = [event_of(topic.name, event) for topic in kind.topics for event in topic.events]
    about = f"What subscribers of a {kind.name} get."
    return {"description": about, "oneOf": events} if events else {"not": {}}


def _topics(kind: KindShown) -> Schema:
    return {
        "description": f"Snapshots of a {kind.name}, by topic.",
        "type": "object",
        "properties": {topic.name: topic.snapshot for topic in kind.topics},
    }


def _kind(kind: KindShown) -> Schema:
    return {
        "commands": {each.op: operation_of(each) for each in kind.commands},
        "queries": {each.op: operation_of(each) for each in kind.queries},
        "topics": {
            topic.name: {
                "snapshot": topic.snapshot,
                "events": {event.type: event.data for event in topic.events},
            }
            for topic in kind.topics
        },
    }


def operation_of(operation: Operation) -> Schema:
    """Return an operation's arguments and answer."""
    return {"description": operation.about, "args": operation.args, "answer": operation.answer}


# ---------------------------------------------------------------- what a target's message carries


def target_of(kind: KindShown) -> Schema:
    """Return the schema of a target of *kind*."""
    return {"type": "string", "pattern": f"^{re.escape(kind.name)}:"}


def _case(kind: KindShown, then: Schema, **also: Schema) -> Schema:
    condition = {"properties": {"target": target_of(kind), **also}, "required": ["target", *also]}
    return {"if": condition, "then": {"properties": then}}


def _calls(kind: KindShown) -> list[Schema]:
    operations = (*kind.commands, *kind.queries)
    ops = [each.op for each in operations]
    return [
        *([_case(kind, {"op": {"enum": ops}})] if ops else []),
        *(_case(kind, {"args": each.args}, op={"const": each.op}) for each in operations),
    ]


def _subscriptions(kind: KindShown) -> list[Schema]:
    names = [*(topic.name for topic in kind.topics), PRESENCE_TOPIC]
    return [_case(kind, {"topics": {"items": {"enum": names}}})]


def _event_frames(kind: KindShown) -> list[Schema]:
    return [_case(kind, {"events": {"items": ref_to(events_name(kind))}})]


def _snapshots(kind: KindShown) -> list[Schema]:
    return [_case(kind, {"topics": ref_to(topics_name(kind))})]


_NARROWED: Final[Mapping[str, Any]] = {
    message_name(Call): _calls,
    message_name(Subscribe): _subscriptions,
    message_name(Events): _event_frames,
    message_name(Snapshot): _snapshots,
    message_name(Reset): _snapshots,
}


# ---------------------------------------------------------------- for tests


def closed(schema: Any) -> Any:
    """Return *schema* with every object closed: nothing in it that is not declared."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    held = {name: closed(item) for name, item in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        held.setdefault("additionalProperties", False)
    return held
