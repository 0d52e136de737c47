"""A meeting: its life, its people, what is said, written and noted down in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from collab.client.messages import Messages
from collab.client.notes import Notes
from collab.client.target import Part, Target
from collab.meeting import commands as c
from collab.meeting.commands import Invitee, Role
from collab.transcript.commands import AddChunk, AddChunks, Chunk, PageTranscript, RangeTranscript
from collab.user.profile.cards import GetCards
from protocol.client import Client


class People(Part):
    """Who takes part."""

    async def invite(self, user_id: str, role: Role, *, key: str | None = None) -> Any:
        """Let somebody join."""
        return await self.do(c.Invite(user_id=user_id, role=role), key=key)

    async def join(self, *, key: str | None = None) -> Any:
        """Take part, with the role of the invitation."""
        return await self.do(c.Join(), key=key)

    async def leave(self, *, key: str | None = None) -> Any:
        """Take part no more, or decline."""
        return await self.do(c.Leave(), key=key)

    async def remove(self, user_id: str, *, key: str | None = None) -> Any:
        """Shut somebody out until they are invited again."""
        return await self.do(c.Dismiss(user_id=user_id), key=key)

    async def set_role(self, user_id: str, role: Role, *, key: str | None = None) -> Any:
        """Give somebody another role."""
        return await self.do(c.SetRole(user_id=user_id, role=role), key=key)

    async def list(self, *, after: str | None = None, limit: int | None = None) -> Any:
        """Return a page of ``{"participants", "has_more"}``."""
        more = {} if limit is None else {"limit": limit}
        return await self.look(c.ListPeople(after=after, **more))

    async def cards(self, user_ids: Sequence[str]) -> Any:
        """Return ``{"cards": {user_id: card}}`` of these people, as far as they take part here."""
        return await self.look(GetCards(user_ids=[*user_ids]))


class Transcript(Part):
    """What is said."""

    async def add(self, chunk: AddChunk, *, key: str | None = None) -> Any:
        """Append one chunk; return ``{"seq"}``."""
        return await self.do(chunk, key=key)

    async def add_many(self, chunks: Sequence[Chunk], *, key: str | None = None) -> Any:
        """Append several; return ``{"results"}``, one for each."""
        return await self.do(AddChunks(chunks=list(chunks)), key=key)

    async def page(
        self, *, before: int | None = None, after: int | None = None, limit: int | None = None
    ) -> Any:
        """Return bucket parts: the newest below *before*, or the oldest above *after*."""
        more = {} if limit is None else {"limit": limit}
        return await self.look(PageTranscript(before=before, after=after, **more))

    async def range(self, start_ms: int, end_ms: int) -> Any:
        """Return ``{"lines", "next_ms"}`` of what was said in a span of speech time."""
        return await self.look(RangeTranscript(start_ms=start_ms, end_ms=end_ms))


class Meeting(Target):
    """One meeting."""

    TOPICS: ClassVar = ("state", "participants", "transcript", "messages", "notes")

    def __init__(self, wire: Client, target: str) -> None:
        super().__init__(wire, target)
        self.people = People(wire, target)
        self.transcript = Transcript(wire, target)
        self.messages = Messages(wire, target)
        self.notes = Notes(wire, target)

    async def schedule(
        self,
        title: str,
        *,
        description: str = "",
        planned_start_ms: int | None = None,
        duration_min: int | None = None,
        participants: Iterable[Invitee] = (),
        org_id: str | None = None,
        key: str | None = None,
    ) -> Any:
        """Create it; one becomes its owner and first host."""
        command = c.Schedule(
            title=title,
            description=description,
            planned_start_ms=planned_start_ms,
            duration_min=duration_min,
            participants=list(participants),
            org_id=org_id,
        )
        return await self.do(command, key=key)

    async def update(
        self, *, title: str | None = None, description: str | None = None, key: str | None = None
    ) -> Any:
        """Change title or description; what is absent stays."""
        return await self.do(c.Update(title=title, description=description), key=key)

    async def reschedule(
        self, planned_start_ms: int, *, duration_min: int | None = None, key: str | None = None
    ) -> Any:
        """Plan another time."""
        command = c.Reschedule(planned_start_ms=planned_start_ms, duration_min=duration_min)
        return await self.do(command, key=key)

    async def start(self, *, key: str | None = None) -> Any:
        """Go live."""
        return await self.do(c.Start(), key=key)

    async def end(self, *, key: str | None = None) -> Any:
        """End it for everybody; the record stays readable."""
        return await self.do(c.End(), key=key)

    async def cancel(self, *, key: str | None = None) -> Any:
        """Call it off before its start."""
        return await self.do(c.Cancel(), key=key)

    async def transfer(self, user_id: str, *, key: str | None = None) -> Any:
        """Make a joined participant the owner."""
        return await self.do(c.Transfer(user_id=user_id), key=key)

    async def get(self) -> Any:
        """Return title, status, times, owner and one's own role."""
        return await self.look(c.Get())
