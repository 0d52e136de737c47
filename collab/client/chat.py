"""A chat: its settings, its members, its messages and, on demand, its notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from collab.chat import commands as c
from collab.client.messages import Messages
from collab.client.notes import Notes
from collab.client.target import Part, Target
from collab.user.profile.cards import GetCards
from protocol.client import Client

MemberRole = Literal["editor", "viewer"]


class Members(Part):
    """Who has a part in the chat."""

    async def add(
        self, user_id: str, role: MemberRole = "editor", *, key: str | None = None
    ) -> Any:
        """Let somebody in."""
        return await self.do(c.AddMember(user_id=user_id, role=role), key=key)

    async def remove(self, user_id: str, *, key: str | None = None) -> Any:
        """Shut a member out, at once."""
        return await self.do(c.RemoveMember(user_id=user_id), key=key)

    async def set_role(self, user_id: str, role: MemberRole, *, key: str | None = None) -> Any:
        """Change what a member may do."""
        return await self.do(c.SetMemberRole(user_id=user_id, role=role), key=key)

    async def leave(self, *, key: str | None = None) -> Any:
        """Leave; the owner transfers the chat first."""
        return await self.do(c.LeaveChat(), key=key)

    async def cards(self, user_ids: Sequence[str]) -> Any:
        """Return ``{"cards": {user_id: card}}`` of these people, as far as they take part here."""
        return await self.look(GetCards(user_ids=[*user_ids]))


class Chat(Target):
    """One chat."""

    TOPICS: ClassVar = ("state", "members", "messages", "notes")

    def __init__(self, wire: Client, target: str) -> None:
        super().__init__(wire, target)
        self.members = Members(wire, target)
        self.messages = Messages(wire, target)
        self.notes = Notes(wire, target)

    async def create(
        self,
        title: str = "",
        *,
        model: str | None = None,
        system_prompt: str | None = None,
        project: str | None = None,
        is_public: bool = False,
        key: str | None = None,
    ) -> Any:
        """Bring it into being; one owns it."""
        command = c.CreateChat(
            title=title,
            model=model,
            system_prompt=system_prompt,
            project=project,
            is_public=is_public,
        )
        return await self.do(command, key=key)

    async def rename(self, title: str, *, key: str | None = None) -> Any:
        """Give it another title."""
        return await self.do(c.RenameChat(title=title), key=key)

    async def update(
        self,
        *,
        model: str | None = None,
        system_prompt: str | None = None,
        project: str | None = None,
        key: str | None = None,
    ) -> Any:
        """Change what is given; an empty text takes the setting away."""
        command = c.UpdateChat(model=model, system_prompt=system_prompt, project=project)
        return await self.do(command, key=key)

    async def publish(self, *, on: bool, key: str | None = None) -> Any:
        """Turn the public link on or off."""
        return await self.do(c.PublishChat(on=on), key=key)

    async def transfer(self, user_id: str, *, key: str | None = None) -> Any:
        """Make another member the owner."""
        return await self.do(c.TransferChat(user_id=user_id), key=key)

    async def delete(self, *, key: str | None = None) -> Any:
        """End it for everybody, for good."""
        return await self.do(c.DeleteChat(), key=key)

    async def branch(self, message_id: int, *, key: str | None = None) -> Any:
        """Make a message the end of the current branch."""
        return await self.do(c.BranchChat(message_id=message_id), key=key)

    async def get(self) -> Any:
        """Return the settings and one's own role."""
        return await self.look(c.GetChat())

    async def branches(self) -> Any:
        """Return the ends of all branches: ``{"leaf", "leaves"}``."""
        return await self.look(c.GetBranches())
