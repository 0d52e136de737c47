"""Messages of a meeting or a chat: calls, and a live view that shows one's own writes at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

from collab.client import messages_shown as shown
from collab.client.messages_shown import NOT_YET, MessagesShown, ShownMessage
from collab.client.target import Part
from collab.kind import Tagged
from collab.messages import (
    DeleteAnyMessage,
    DeleteMessage,
    EditMessage,
    GetMessage,
    PageHistory,
    PageMessages,
    PostMessage,
    React,
)
from collab.messages import Part as MessagePart
from collab.messages.parts import Text, plain
from protocol.client import Event, Mutation, OptimisticView, SnapshotItem, open_view

Role = Literal["user", "assistant", "system", "data", "tool"]
Content = str | Sequence[MessagePart]

TOPIC = "messages"


def _content(content: Content) -> dict[str, Any]:
    return {"text": content} if isinstance(content, str) else {"parts": tuple(content)}


def _plain(content: Content) -> list[dict[str, Any]]:
    parts = (Text(text=content),) if isinstance(content, str) else content
    return [plain(part) for part in parts]


class Messages(Part):
    """The messages of one meeting or chat."""

    async def post(
        self,
        content: Content,
        *,
        role: Role = "user",
        reply_to: int | None = None,
        parent: int | None = None,
        group_id: str | None = None,
        model: str | None = None,
        key: str | None = None,
    ) -> Any:
        """Append one message, a text or parts; return ``{"id"}``."""
        command = PostMessage(
            **_content(content),
            role=role,
            reply_to=reply_to,
            parent=parent,
            group_id=group_id,
            model=model,
        )
        return await self.do(command, key=key)

    async def edit(self, message_id: int, content: Content, *, key: str | None = None) -> Any:
        """Replace the content of one's own message."""
        return await self.do(EditMessage(id=message_id, **_content(content)), key=key)

    async def delete(self, message_id: int, *, key: str | None = None) -> Any:
        """Empty one's own message for everybody."""
        return await self.do(DeleteMessage(id=message_id), key=key)

    async def delete_any(self, message_id: int, *, key: str | None = None) -> Any:
        """Empty anybody's message: for moderators."""
        return await self.do(DeleteAnyMessage(id=message_id), key=key)

    async def react(
        self, message_id: int, emoji: str, *, on: bool = True, key: str | None = None
    ) -> Any:
        """Put an emoji on a message, or take one's own back."""
        return await self.do(React(id=message_id, emoji=emoji, on=on), key=key)

    async def page(
        self,
        *,
        before: int | None = None,
        after: int | None = None,
        leaf: int | None = None,
        limit: int | None = None,
    ) -> Any:
        """Return a page of ``{"messages", "more"}``, ascending."""
        more = {} if limit is None else {"limit": limit}
        return await self.look(PageMessages(before=before, after=after, leaf=leaf, **more))

    async def get(self, message_id: int) -> Any:
        """Return one message."""
        return await self.look(GetMessage(id=message_id))

    async def history(
        self, message_id: int, *, before: int | None = None, limit: int | None = None
    ) -> Any:
        """Return what a message said before its edits: ``{"versions", "more"}``."""
        more = {} if limit is None else {"limit": limit}
        return await self.look(PageHistory(id=message_id, before=before, **more))

    @asynccontextmanager
    async def view(self) -> AsyncIterator[MessageView]:
        """Follow the messages as one state, from its first snapshot on, while the block runs.

        Raises what ``protocol.client.open_view`` raises. Cancelled: it ends.
        """
        opening = open_view(
            self.wire,
            self.target,
            [TOPIC],
            load=_load,
            reduce=shown.reduce,
            settles=self._settles,
        )
        async with opening as view:
            yield MessageView(self, view)

    def _settles(self, event: Event, mutation: Mutation[MessagesShown]) -> bool:
        """Say that a posted event is the pending post: ours, and with the same words."""
        command = mutation.args
        return (
            event.type == "message.posted"
            and isinstance(command, PostMessage)
            and event.by == self.wire.user_id
            and event.data["parts"] == _posted_parts(command)
        )


class MessageView:
    """Live messages with optimistic writes: they show at once, and go if they are refused."""

    def __init__(self, messages: Messages, view: OptimisticView[MessagesShown]) -> None:
        self._wire = messages.wire
        self._view = view

    @property
    def shown(self) -> MessagesShown:
        """What to show now."""
        return self._view.state

    @property
    def pending(self) -> int:
        """How many writes history does not hold yet."""
        return len(self._view.pending)

    async def wait_for(self, condition: Callable[[MessagesShown], bool]) -> MessagesShown:
        """Return what is shown as soon as *condition* holds for it.

        Raises:
          SubscriptionEnded, ConnectFailed, ClientClosed: it will not change any more.

        Cancelled: nothing happened.
        """
        return await self._view.wait_for(condition)

    async def post(
        self, content: Content, *, reply_to: int | None = None, key: str | None = None
    ) -> Any:
        """Show a message at once and post it; return ``{"id"}``.

        Raises what ``Client.ask`` raises; the message then shows no more.
        """
        command = PostMessage(**_content(content), reply_to=reply_to)
        message = ShownMessage(
            id=NOT_YET,
            author=self._me,
            role=command.role,
            parts=_plain(content),
            at_ms=0,
            reply_to=reply_to,
        )
        return await self._mutate(command, partial(shown.append, message=message), key)

    async def edit(self, message_id: int, content: Content, *, key: str | None = None) -> Any:
        """Show a message's new words at once, and edit it. Raises as :meth:`post`."""
        command = EditMessage(id=message_id, **_content(content))
        change = partial(shown.edit, message_id=message_id, parts=_plain(content), at_ms=0)
        return await self._mutate(command, change, key)

    async def delete(self, message_id: int, *, key: str | None = None) -> Any:
        """Show a message as deleted at once, and delete it. Raises as :meth:`post`."""
        change = partial(shown.delete, message_id=message_id)
        return await self._mutate(DeleteMessage(id=message_id), change, key)

    async def react(
        self, message_id: int, emoji: str, *, on: bool = True, key: str | None = None
    ) -> Any:
        """Show one's own reaction at once, and put it there. Raises as :meth:`post`."""
        change = partial(shown.react, message_id=message_id, emoji=emoji, user_id=self._me, on=on)
        return await self._mutate(React(id=message_id, emoji=emoji, on=on), change, key)

    @property
    def _me(self) -> str:
        return self._wire.user_id or ""

    async def _mutate(
        self, command: Tagged, change: Callable[[MessagesShown], MessagesShown], key: str | None
    ) -> Any:
        return await self._view.mutate(command.TAG, command, change, key=key)


def _load(item: SnapshotItem) -> MessagesShown:
    return shown.load(item.topics[TOPIC])


def _posted_parts(command: PostMessage) -> list[dict[str, Any]]:
    return _plain(command.text if command.text is not None else command.parts or ())
