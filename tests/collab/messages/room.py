"""A minimal kind with messages: everybody may do everything."""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field

from collab import messages
from collab.kind import Kind, Topic
from collab.messages import MessageLog, PostMessage
from tests.collab.messages.stage import Stage


@define
class Room:
    key: str
    messages: MessageLog = field(factory=MessageLog)


_TOPIC: Final = Topic[Room](events=messages.TOPIC_EVENTS, snapshot=messages.snapshot)

ROOM: Final[Kind[Room]] = Kind(
    name="room",
    new_state=Room,
    commands=messages.COMMANDS,
    queries=messages.QUERIES,
    events=messages.EVENTS,
    topics={"messages": _TOPIC},
    role_of=lambda _room, _caller: "anybody",
    permissions={
        "anybody": frozenset(
            [cls.TAG for cls in (*messages.COMMANDS, *messages.QUERIES)] + ["read:messages"]
        )
    },
    rows=messages.rows,
    needs=messages.needs,
    load=messages.load,
)


def post(room: Stage[Room], text: str = "hello", who: str = "ann", **more: Any) -> int:
    message_id: int = room.do(who, PostMessage(text=text, **more))["id"]
    return message_id


def text_of(message: Any) -> str:
    text: str = message["parts"][0]["text"]
    return text
