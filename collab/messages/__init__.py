"""A shared log of messages, for any kind: post, edit, delete, react, reply, branch, page.

A kind with an attribute ``messages: MessageLog`` in its state takes these mappings and functions
into its declaration; each takes the kind's whole state and touches only ``messages``::

    Kind(
        commands={**MINE, **messages.COMMANDS},
        queries={**..., **messages.QUERIES},
        events={**..., **messages.EVENTS},
        topics={..., "messages": Topic(events=messages.TOPIC_EVENTS, snapshot=messages.snapshot)},
        rows=messages.rows, needs=messages.needs, load=messages.load, ...
    )

``rows`` and ``needs`` return nothing for what is not theirs, so they compose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from collab.kind import Answer, Context, Outcome, Stamp, Tagged
from collab.messages import rules, view
from collab.messages.commands import (
    DeleteAnyMessage,
    DeleteMessage,
    EditMessage,
    GetMessage,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    MessageReacted,
    PageHistory,
    PageMessages,
    PostMessage,
    React,
)
from collab.messages.parts import Part
from collab.messages.rules import load, missing, needs, redacted, redacts, rows
from collab.messages.state import HasMessages, Message, MessageLog
from collab.messages.view import snapshot

COMMANDS: Final[Mapping[type[Tagged], Callable[[HasMessages, Any, Context], Outcome]]] = (
    MappingProxyType(
        {
            PostMessage: rules.post,
            EditMessage: rules.edit,
            DeleteMessage: rules.delete,
            DeleteAnyMessage: rules.delete_any,
            React: rules.react,
        }
    )
)

QUERIES: Final[Mapping[type[Tagged], Callable[[HasMessages, Any, Context], Answer]]] = (
    MappingProxyType({PageMessages: view.page, GetMessage: view.get, PageHistory: view.history})
)

EVENTS: Final[Mapping[type[Tagged], Callable[[HasMessages, Any, Stamp], None]]] = MappingProxyType(
    {
        MessagePosted: rules.posted,
        MessageEdited: rules.edited,
        MessageDeleted: rules.deleted,
        MessageReacted: rules.reacted,
    }
)

TOPIC_EVENTS: Final[tuple[type[Tagged], ...]] = tuple(EVENTS)

__all__ = [
    "COMMANDS",
    "EVENTS",
    "QUERIES",
    "TOPIC_EVENTS",
    "DeleteAnyMessage",
    "DeleteMessage",
    "EditMessage",
    "GetMessage",
    "HasMessages",
    "Message",
    "MessageDeleted",
    "MessageEdited",
    "MessageLog",
    "MessagePosted",
    "MessageReacted",
    "PageHistory",
    "PageMessages",
    "Part",
    "PostMessage",
    "React",
    "load",
    "missing",
    "needs",
    "redacted",
    "redacts",
    "rows",
    "snapshot",
]
