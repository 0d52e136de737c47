"""Answers about messages, and the parts that they are made of as the server shows them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NotRequired, TypedDict

from collab.kind import Tagged
from collab.messages import commands


class TextPart(TypedDict):
    """Words. Show them as text, never as markup."""

    type: Literal["text"]
    text: str


class ImagePart(TypedDict):
    """A picture: an uploaded file, or an address."""

    type: Literal["image"]
    file_id: NotRequired[str]
    url: NotRequired[str]
    alt: NotRequired[str]


class FilePart(TypedDict):
    """Any other file: uploaded, or at an address."""

    type: Literal["file"]
    file_id: NotRequired[str]
    url: NotRequired[str]
    name: str
    mime: NotRequired[str]
    size_bytes: NotRequired[int]


class ToolCallPart(TypedDict):
    """An assistant asks a tool to do something."""

    type: Literal["tool_call"]
    call_id: str
    name: str
    arguments: dict[str, Any]


class ToolResultPart(TypedDict):
    """What the tool answered to the call with this id."""

    type: Literal["tool_result"]
    call_id: str
    name: NotRequired[str]
    result: NotRequired[Any]
    is_error: bool


class ReasoningPart(TypedDict):
    """What a model thought aloud before it answered."""

    type: Literal["reasoning"]
    text: str


MessagePart = TextPart | ImagePart | FilePart | ToolCallPart | ToolResultPart | ReasoningPart
MessageRole = Literal["user", "assistant", "system", "data", "tool"]


class Message(TypedDict):
    """One message. ``id`` is the seq of the event that posted it.

    ``parent`` is the message before it in its branch, 0: none. ``reactions``: emoji to user ids,
    first come first. ``n``: the n-th message here; 0: posted before messages were numbered.
    """

    id: int
    author: str
    role: MessageRole
    parts: list[MessagePart]
    at_ms: int
    parent: int
    reply_to: int | None
    group_id: str | None
    model: str | None
    edited_ms: int | None
    edits: list[int]
    reactions: dict[str, list[str]]
    is_deleted: bool
    n: int


class MessagePostedAs(TypedDict):
    """The id of the new message."""

    id: int


class MessagesSnapshot(TypedDict):
    """The newest messages, ascending. ``leaf``: the end of the current branch; 0: nowhere."""

    messages: list[Message]
    more: bool
    leaf: int


class MessagesPage(TypedDict):
    """Some messages, ascending. ``next_leaf`` (of branches): where the next page ends; 0: done."""

    messages: list[Message]
    more: bool
    next_leaf: NotRequired[int]


class MessageVersion(TypedDict):
    """What a message said before the edit ``seq`` replaced it."""

    seq: int
    at_ms: int
    parts: list[MessagePart]


class MessageHistory(TypedDict):
    """Former versions, oldest first."""

    versions: list[MessageVersion]
    more: bool


ANSWERS: Final[Mapping[type[Tagged], Any]] = MappingProxyType(
    {
        commands.PostMessage: MessagePostedAs,
        commands.EditMessage: None,
        commands.DeleteMessage: None,
        commands.DeleteAnyMessage: None,
        commands.React: None,
        commands.PageMessages: MessagesPage,
        commands.GetMessage: Message,
        commands.PageHistory: MessageHistory,
    }
)

EVENT_FIELDS: Final[Mapping[type[Tagged], Mapping[str, Any]]] = MappingProxyType(
    {
        commands.MessagePosted: MappingProxyType({"parts": list[MessagePart], "role": MessageRole}),
        commands.MessageEdited: MappingProxyType({"parts": list[MessagePart]}),
    }
)
