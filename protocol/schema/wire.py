"""The messages of the wire as definitions: ``ClientMessage``, ``ServerMessage`` and their members.

A definition is named as its class, with ``Message`` behind it. Bodies that only the owner of a
target knows (arguments, answers, events, snapshots) are open here; whoever has kinds closes them.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from protocol.messages import ClientMessage, ServerMessage
from protocol.schema.shapes import Definitions, about, object_of, ref_to

Schema = dict[str, Any]

CLIENT_MESSAGE: Final = "ClientMessage"
SERVER_MESSAGE: Final = "ServerMessage"


def message_name(cls: type) -> str:
    """Return under which name a message is defined."""
    return f"{cls.__name__}Message"


def define_messages(definitions: Definitions) -> None:
    """Add every message, and the two unions."""
    for union, name, is_input in (
        (ClientMessage, CLIENT_MESSAGE, True),
        (ServerMessage, SERVER_MESSAGE, False),
    ):
        members = [_define(definitions, cls, is_input=is_input) for cls in get_args(union)]
        definitions.add(name, union, {"oneOf": members})


def _define(definitions: Definitions, cls: Any, *, is_input: bool) -> Schema:
    held = definitions.fields(cls, is_input=is_input)
    properties = {"t": {"const": cls.TAG}, **held["properties"]}
    schema = object_of(properties, ["t", *held.get("required", ())], about(cls))
    return definitions.add(message_name(cls), cls, schema)


def message_ref(cls: type) -> Schema:
    """Return a reference to a message's definition."""
    return ref_to(message_name(cls))
