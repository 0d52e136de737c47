"""One's own list of meetings and chats."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from collab.client.target import Target
from collab.user.commands import Archive, PageList, Pin


class Me(Target):
    """What is one's own: nobody else may read or change it."""

    TOPICS: ClassVar = ("list",)

    async def pin(self, target: str, *, on: bool = True, key: str | None = None) -> Any:
        """Keep a meeting or chat at hand, or let it go again."""
        return await self.do(Pin(target=target, on=on), key=key)

    async def archive(self, target: str, *, on: bool = True, key: str | None = None) -> Any:
        """Put a meeting or chat away, or take it out again."""
        return await self.do(Archive(target=target, on=on), key=key)

    async def list(
        self,
        *,
        kind: Literal["meeting", "chat"] | None = None,
        is_pinned: bool | None = None,
        is_archived: bool = False,
        before: str | None = None,
        limit: int | None = None,
    ) -> Any:
        """Return a page, newest first: ``{"items", "more", "cursor"}``."""
        more = {} if limit is None else {"limit": limit}
        query = PageList(
            kind=kind, is_pinned=is_pinned, is_archived=is_archived, before=before, **more
        )
        return await self.look(query)
