"""Answers about what is one person's own: preferences, provider keys, what is left of today."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypedDict

from collab.keyring import state as keyring
from collab.kind import Tagged
from collab.preferences import commands
from collab.quotas.state import GetQuota

Value = bool | int | float | str


class Project(TypedDict):
    """A group of one's chats, in the order in which they came."""

    id: str
    name: str
    chats: list[str]


class Preferences(TypedDict):
    """Everything that one prefers. ``prompt``: what assistants are told; empty: nothing."""

    values: dict[str, Value]
    favourites: list[str]
    hidden: list[str]
    prompt: str
    projects: list[Project]


class ProjectId(TypedDict):
    """The id of the new project."""

    id: str


class Feedback(TypedDict):
    """What one thinks of a message."""

    seq: int
    chat: str
    message_id: int
    rating: Literal["up", "down"]
    text: str
    at_ms: int


class FeedbackPage(TypedDict):
    """One's own feedback, newest first. Give the last ``seq`` as ``before`` to go on."""

    feedback: list[Feedback]
    more: bool


class ProviderKey(TypedDict):
    """That there is a key; the key itself is never shown."""

    provider: str
    fingerprint: str
    set_ms: int


class ProviderKeys(TypedDict):
    """One's keys, by provider."""

    keys: list[ProviderKey]


class KeyFingerprint(TypedDict):
    """By which one knows the key again."""

    fingerprint: str


class QuotaPool(TypedDict):
    """How many messages there are a day, and how many are left."""

    limit: int
    remaining: int


class Quota(TypedDict):
    """What is left of ``day`` (empty: none has begun), and when it ends (Unix milliseconds)."""

    day: str
    resets_ms: int
    pools: dict[str, QuotaPool]


ANSWERS: Final[Mapping[type[Tagged], Any]] = MappingProxyType(
    {
        commands.SetPreference: None,
        commands.FavourModel: None,
        commands.HideModel: None,
        commands.SetPrompt: None,
        commands.CreateProject: ProjectId,
        commands.RenameProject: None,
        commands.RemoveProject: None,
        commands.PlaceChat: None,
        commands.GiveFeedback: None,
        commands.GetPreferences: Preferences,
        commands.PageFeedback: FeedbackPage,
        keyring.SetKey: KeyFingerprint,
        keyring.RemoveKey: None,
        keyring.ListKeys: ProviderKeys,
        GetQuota: Quota,
    }
)
