"""What every target has: commands, queries, following, presence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, ClassVar, Final

from collab.kind import Tagged
from protocol.client import CALL_TIMEOUT_S, PRESENCE_TOPIC, Answer, Client, Cursor, Follower, Item

__all__ = ["CALL_TIMEOUT_S", "PRESENCE_TOPIC", "Following", "Part", "Target"]


class Following:
    """What ``follow`` gives: iterate over it, or enter it to be able to leave early.

    ::

        async for item in meeting.follow(): ...          until the server or the client ends it

        async with meeting.follow() as follower:         leaves at the end of the block
            async for item in follower: ...

    Raises while iterating: ``SubscriptionEnded``, ``ConnectFailed``, ``ClientClosed``.
    """

    def __init__(self, opening: AbstractAsyncContextManager[Follower]) -> None:
        self._opening: Final = opening

    async def __aenter__(self) -> Follower:
        return await self._opening.__aenter__()

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._opening.__aexit__(error_type, error, traceback)

    async def __aiter__(self) -> AsyncIterator[Item]:
        async with self._opening as follower:
            async for item in follower:
                yield item


class Part:
    """Some operations of one target."""

    def __init__(self, wire: Client, target: str) -> None:
        self.wire: Final = wire
        self.target: Final = target

    async def do(
        self,
        command: Tagged,
        *,
        key: str | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Any:
        """Perform *command*, an instance of a command class; return its value.

        Raises what ``protocol.client.Client.ask`` raises.

        Cancelled: it may have happened; send it again with the same *key*.
        """
        return (await self.ask(command, key=key, timeout_s=timeout_s)).value

    async def ask(
        self,
        command: Tagged,
        *,
        key: str | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Answer:
        """Do :meth:`do` and return also the target's seq after it."""
        return await self.wire.ask(self.target, command.TAG, command, key=key, timeout_s=timeout_s)

    async def look(self, query: Tagged, *, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        """Ask *query*, an instance of a query class; return its value.

        Raises what ``protocol.client.Client.ask`` raises. Cancelled: nothing happened.
        """
        return await self.wire.call(
            self.target, query.TAG, query, timeout_s=timeout_s, idempotent_read=True
        )


class Target(Part):
    """A meeting, a chat, a person's list."""

    TOPICS: ClassVar[tuple[str, ...]] = ()

    def follow(
        self,
        cursor: Cursor | None = None,
        *,
        topics: Iterable[str] | None = None,
        lasting: bool = False,
    ) -> Following:
        """Follow *topics* (None: all of the kind) from a snapshot, or from *cursor*.

        For who is here, name the topic ``presence`` among them. *lasting*: when the target has
        ended, go on with what is left of it; see ``protocol.client.Client.follow``.

        Raises:
          TypeError: *cursor* or *topics* is something else, such as a topic's name.
        """
        if cursor is not None and not isinstance(cursor, Cursor):
            raise TypeError(
                f"follow(cursor, topics=[...]): {cursor!r} is no Cursor(epoch=..., seq=...);"
                " topics are named with topics="
            )
        if isinstance(topics, str):
            raise TypeError(f"topics are several names: topics=[{topics!r}]")
        wanted = self.TOPICS if topics is None else tuple(topics)
        return Following(self.wire.follow(self.target, wanted, cursor=cursor, lasting=lasting))

    async def presence(self, state: Mapping[str, Any] | None, *, part: str = "") -> None:
        """Show the other followers of ``presence`` a small ephemeral state; None takes it back.

        Raises what ``protocol.client.Client.presence`` raises, which says what a *part* is.
        """
        await self.wire.presence(self.target, state, part=part)
