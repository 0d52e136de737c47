"""What a chat keeps in memory."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from collab.kind import Caller
from collab.messages import MessageLog
from collab.notes import NotesLog


@define
class ChatState:
    """One chat, before, during and after its life."""

    key: str
    created_ms: int | None = None  # None: it does not exist yet.
    deleted_ms: int | None = None  # Members stay known, so that each can be told.
    title: str = ""
    model: str | None = None
    system_prompt: str | None = None
    project: str | None = None
    is_public: bool = False
    members: dict[str, str] = field(factory=dict)  # User id to role, in order of joining.
    messages: MessageLog = field(factory=MessageLog)
    notes: NotesLog = field(factory=NotesLog)
    invited_by: dict[str, str] = field(factory=dict)  # Member to who brought them in, if another
    inviter_orgs: dict[str, str] = field(factory=dict)  # person did, and whose organisation.
    # Those of ``invited_by`` who want to be here, and the event that said so; see ``taking_up``.
    taken_up: dict[str, int] = field(factory=dict)
    listed_ms: int = 0  # When members' lists last heard of a message here.
    listed_seq: int = 0  # The event that told them.

    @property
    def exists(self) -> bool:
        """True between creation and deletion."""
        return self.created_ms is not None and self.deleted_ms is None

    def role_of(self, caller: Caller) -> str:
        """Return the caller's role; see ``collab.permission.table``."""
        if self.created_ms is None:
            return "founder"
        if self.deleted_ms is not None:
            return "gone"
        return self.members.get(caller.user_id) or ("public" if self.is_public else "outsider")

    def plain(self) -> dict[str, Any]:
        """Return the settings as readers see them."""
        return {
            "id": self.key,
            "created_ms": self.created_ms,
            "title": self.title,
            "model": self.model,
            "system_prompt": self.system_prompt,
            "project": self.project,
            "is_public": self.is_public,
        }
