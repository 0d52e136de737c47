"""Answers about chats."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypedDict

from collab.chat import commands
from collab.kind import Tagged


class Chat(TypedDict):
    """A chat's settings."""

    id: str
    created_ms: int | None
    title: str
    model: str | None
    system_prompt: str | None
    project: str | None
    is_public: bool


class ChatAndRole(Chat):
    """A chat's settings, and the caller's own role in it."""

    role: str


class ChatBranches(TypedDict):
    """The end of the current branch, and the ends of all, the one that grew last at the end."""

    leaf: int
    leaves: list[int]


class MembersSnapshot(TypedDict):
    """User id to role."""

    members: dict[str, Literal["owner", "editor", "viewer"]]


ANSWERS: Final[Mapping[type[Tagged], Any]] = MappingProxyType(
    {
        commands.CreateChat: ChatAndRole,
        commands.RenameChat: None,
        commands.UpdateChat: None,
        commands.PublishChat: None,
        commands.DeleteChat: None,
        commands.TransferChat: None,
        commands.AddMember: None,
        commands.RemoveMember: None,
        commands.SetMemberRole: None,
        commands.LeaveChat: None,
        commands.BranchChat: None,
        commands.GetChat: ChatAndRole,
        commands.GetBranches: ChatBranches,
    }
)
