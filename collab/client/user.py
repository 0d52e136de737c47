"""What is one's own: the inbox, connections, notices, profile; and other people's cards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal

from collab.client import inbox_shown as shown
from collab.client.inbox_shown import InboxShown
from collab.client.target import Part, Target
from collab.limits import PAGE_LIMIT_DEFAULT
from collab.user import commands as c
from collab.user.connections import commands as links
from collab.user.notices.commands import PageNotices, SeeNotices
from collab.user.profile.commands import GetCard, GetProfile, GetTaxonomy, SetProfile
from collab.user.profile.shapes import Experience, Language
from protocol.client import Client, OptimisticView, SnapshotItem, open_view

Standing = Literal["connected", "sent", "received", "blocked"]


class Connections(Part):
    """With whom one is connected, who asks to be, and whom one has blocked."""

    async def request(self, user_id: str, *, key: str | None = None) -> Any:
        """Ask somebody to connect; if they have asked already, this connects."""
        return await self.do(links.RequestConnection(user_id=user_id), key=key)

    async def accept(self, user_id: str, *, key: str | None = None) -> Any:
        """Say yes to a request."""
        return await self.do(links.AcceptConnection(user_id=user_id), key=key)

    async def decline(self, user_id: str, *, key: str | None = None) -> Any:
        """Say no to a request."""
        return await self.do(links.DeclineConnection(user_id=user_id), key=key)

    async def withdraw(self, user_id: str, *, key: str | None = None) -> Any:
        """Take one's own request back."""
        return await self.do(links.WithdrawConnection(user_id=user_id), key=key)

    async def remove(self, user_id: str, *, key: str | None = None) -> Any:
        """End a connection."""
        return await self.do(links.RemoveConnection(user_id=user_id), key=key)

    async def block(self, user_id: str, *, key: str | None = None) -> Any:
        """Hear nothing more from somebody; they are not told."""
        return await self.do(links.BlockPerson(user_id=user_id), key=key)

    async def unblock(self, user_id: str, *, key: str | None = None) -> Any:
        """Let somebody ask and invite again."""
        return await self.do(links.UnblockPerson(user_id=user_id), key=key)

    async def list(
        self,
        standing: Standing = "connected",
        *,
        after: str | None = None,
        limit: int | None = None,
    ) -> Any:
        """Return a page of ``{"people", "more"}``, by user id."""
        more = {} if limit is None else {"limit": limit}
        return await self.look(links.PageConnections(standing=standing, after=after, **more))


class Notices(Part):
    """What one should know of."""

    async def list(self, *, before: int | None = None, limit: int | None = None) -> Any:
        """Return a page of ``{"notices", "more", "unseen", "seen_id"}``, newest first."""
        more = {} if limit is None else {"limit": limit}
        return await self.look(PageNotices(before=before, **more))

    async def see(self, up_to: int | None = None, *, key: str | None = None) -> Any:
        """Mark all, or those up to an id, as seen; return ``{"unseen"}``."""
        return await self.do(SeeNotices(up_to=up_to), key=key)


class OwnProfile(Part):
    """What one says of oneself."""

    async def get(self) -> Any:
        """Return ``{"profile", "account", "door"}``."""
        return await self.look(GetProfile())

    async def set(
        self,
        *,
        name: str | None = None,
        bio: str | None = None,
        interests: Sequence[str] | None = None,
        goals: Sequence[str] | None = None,
        languages: Sequence[Language] | None = None,
        experience: Sequence[Experience] | None = None,
        key: str | None = None,
    ) -> Any:
        """Change what is given; lists are replaced as a whole."""
        command = SetProfile(
            name=name,
            bio=bio,
            interests=None if interests is None else [*interests],
            goals=None if goals is None else [*goals],
            languages=None if languages is None else [*languages],
            experience=None if experience is None else [*experience],
        )
        return await self.do(command, key=key)

    async def taxonomy(self) -> Any:
        """Return the interests that there are: ``{"version", "groups"}``."""
        return await self.look(GetTaxonomy())


class Person(Part):
    """Somebody else."""

    async def card(self) -> Any:
        """Return name, biography, interests and languages, for connections and colleagues."""
        return await self.look(GetCard())


class Me(Target):
    """What is one's own: nobody else may read or change it."""

    TOPICS: ClassVar = ("list", "notices", "connections", "profile")

    def __init__(self, wire: Client, target: str) -> None:
        super().__init__(wire, target)
        self.connections = Connections(wire, target)
        self.notices = Notices(wire, target)
        self.profile = OwnProfile(wire, target)

    async def pin(self, target: str, *, on: bool = True, key: str | None = None) -> Any:
        """Keep a meeting or chat at hand, or let it go again."""
        return await self.do(c.Pin(target=target, on=on), key=key)

    async def archive(self, target: str, *, on: bool = True, key: str | None = None) -> Any:
        """Put a meeting or chat away, or take it out again."""
        return await self.do(c.Archive(target=target, on=on), key=key)

    async def read(
        self, target: str, message_id: int | None = None, *, key: str | None = None
    ) -> Any:
        """Mark a meeting's or chat's messages as read, up to one, for all of one's devices.

        Without *message_id*: all that the list knows of, which may be some seconds behind.
        """
        return await self.do(c.Read(target=target, message_id=message_id), key=key)

    async def welcome(self, target: str, *, key: str | None = None) -> Any:
        """Take what a stranger brought one into as one's own."""
        return await self.do(c.Welcome(target=target), key=key)

    async def set_door(self, who: Literal["everybody", "known"], *, key: str | None = None) -> Any:
        """Say who may invite one."""
        return await self.do(c.SetDoor(who=who), key=key)

    async def inbox(self) -> Any:
        """Return in numbers what waits: see ``collab.user.commands.GetInbox``."""
        return await self.look(c.GetInbox())

    async def list(
        self,
        *,
        kind: Literal["meeting", "chat"] | None = None,
        is_pinned: bool | None = None,
        is_archived: bool = False,
        is_unread: bool | None = None,
        is_request: bool | None = None,
        standing: Literal["invited", "joined"] | None = None,
        before: str | None = None,
        limit: int | None = None,
    ) -> Any:
        """Return a page, newest first: ``{"items", "more", "cursor"}``."""
        query = c.PageList(
            kind=kind,
            is_pinned=is_pinned,
            is_archived=is_archived,
            is_unread=is_unread,
            is_request=is_request,
            standing=standing,
            before=before,
            limit=PAGE_LIMIT_DEFAULT if limit is None else limit,
        )
        return await self.look(query)

    @asynccontextmanager
    async def view(self) -> AsyncIterator[InboxView]:
        """Follow the inbox as one state, from its first snapshot on, while the block runs.

        Raises what ``protocol.client.open_view`` raises. Cancelled: it ends.
        """
        opening = open_view(self.wire, self.target, shown.TOPICS, load=_load, reduce=shown.reduce)
        async with opening as view:
            yield InboxView(view)


class InboxView:
    """A live inbox. Writes are ``Me``'s own: they show when they have happened."""

    def __init__(self, view: OptimisticView[InboxShown]) -> None:
        self._view = view

    @property
    def shown(self) -> InboxShown:
        """What to show now."""
        return self._view.state

    async def wait_for(self, condition: Callable[[InboxShown], bool]) -> InboxShown:
        """Return what is shown as soon as *condition* holds for it.

        Raises:
          SubscriptionEnded, ConnectFailed, ClientClosed: it will not change any more.

        Cancelled: nothing happened.
        """
        return await self._view.wait_for(condition)


def _load(item: SnapshotItem) -> InboxShown:
    return shown.load(item.topics)
