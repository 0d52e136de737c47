"""What calls are answered with, and what snapshots hold: shapes for what the rules give as maps.

The rules return plain maps, because those are what is journaled, kept and sent. These typed
dictionaries say what is in them; ``tests/schema`` plays every operation and holds each answer
against its shape. A kind of one's own says so itself: ``ANSWER: ClassVar = Shape`` in the command
or query, beside its ``TAG``, and ``Topic.shape``; what nobody says may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from collab.kind import Tagged
from collab.schema.answers import (
    chat,
    meeting,
    messages,
    notes,
    operators,
    personal,
    transcript,
    user,
)

# By command or query. None: answered with null.
ANSWERS: Final[Mapping[type[Tagged], Any]] = MappingProxyType(
    {
        **meeting.ANSWERS,
        **transcript.ANSWERS,
        **chat.ANSWERS,
        **messages.ANSWERS,
        **notes.ANSWERS,
        **user.ANSWERS,
        **personal.ANSWERS,
        **operators.ANSWERS,
    }
)

# By kind and topic.
SNAPSHOTS: Final[Mapping[tuple[str, str], Any]] = MappingProxyType(
    {
        ("meeting", "state"): meeting.Meeting,
        ("meeting", "participants"): meeting.ParticipantsSnapshot,
        ("meeting", "transcript"): transcript.TranscriptSnapshot,
        ("meeting", "messages"): messages.MessagesSnapshot,
        ("meeting", "notes"): notes.NotesSnapshot,
        ("chat", "state"): chat.Chat,
        ("chat", "members"): chat.MembersSnapshot,
        ("chat", "messages"): messages.MessagesSnapshot,
        ("chat", "notes"): notes.NotesSnapshot,
        ("user", "list"): user.ListSnapshot,
        ("user", "notices"): user.NoticesPage,
        ("user", "connections"): user.ConnectionsSnapshot,
        ("user", "profile"): user.OwnProfile,
        ("preferences", "preferences"): personal.Preferences,
        ("keys", "keys"): personal.ProviderKeys,
        ("quota", "quota"): personal.Quota,
        ("flags", "rules"): operators.FlagRules,
        ("flags", "flags"): operators.FlagsOn,
        ("timers", "timers"): operators.TimersSnapshot,
    }
)

# Fields of events that hold maps whose shape is known: by event, then field.
EVENT_FIELDS: Final[Mapping[type[Tagged], Mapping[str, Any]]] = MappingProxyType(
    {**messages.EVENT_FIELDS}
)
