"""The client's face: calls, followers and presence that outlive connections.

::

    Client      the face
    └── Asker   one call from question to answer, with retries
    └── Keeper  one connection after the other
        ├── Link       one connection
        ├── CallQueue  unanswered calls, across connections
        └── Feeds      followers, across connections
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import trio

from protocol.client._asker import Args, Asker, NoKey, check_size, new_key
from protocol.client._errors import NotFollowing
from protocol.client._follower import Follower
from protocol.client._items import PRESENCE_TOPIC
from protocol.client._keeper import ConnectionState, Keeper
from protocol.client._link import encode_payload
from protocol.client._queue import Answer
from protocol.client._token import TokenSource
from protocol.limits import PRESENCE_BYTES_MAX
from protocol.messages import Cursor, SetPresence, Subscribe

CALL_TIMEOUT_S: Final = 30.0


class Client:
    """A connection to one server that comes back by itself. Made by ``open_client``.

    All methods may be used from many tasks of the trio run that opened it.
    """

    def __init__(self, keeper: Keeper, asker: Asker, tokens: TokenSource) -> None:
        self._keeper = keeper
        self._asker = asker
        self._tokens = tokens

    # ------------------------------------------------------------ state

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._keeper.state

    @property
    def trouble(self) -> str | None:
        """Why the newest attempt failed or the newest connection ended; None while one is up."""
        return self._keeper.trouble

    @property
    def user_id(self) -> str | None:
        """Who the server says we are; None before the first welcome."""
        return self._keeper.user_id

    @property
    def latency_ms(self) -> float | None:
        """The newest round trip of a ping; None while there was none on this connection."""
        return self._keeper.latency_ms

    @property
    def unsent(self) -> int:
        """Calls that are queued or sent, and not yet answered."""
        return len(self._keeper.queue)

    async def wait_state(self, *states: ConnectionState) -> ConnectionState:
        """Return the state as soon as it is one of *states*.

        Raises:
          ConnectFailed, ClientClosed: the client is at its end, and CLOSED is not among them.

        Cancelled: nothing happened.
        """
        return await self._keeper.wait_state(*states)

    # ------------------------------------------------------------ calls

    async def call(
        self,
        target: str,
        op: str,
        args: Args = None,
        *,
        key: str | NoKey | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
        idempotent_read: bool = False,
    ) -> Any:
        """Do :meth:`ask` and return only the value."""
        answer = await self.ask(
            target, op, args, key=key, timeout_s=timeout_s, idempotent_read=idempotent_read
        )
        return answer.value

    async def ask(
        self,
        target: str,
        op: str,
        args: Args = None,
        *,
        key: str | NoKey | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
        idempotent_read: bool = False,
    ) -> Answer:
        """Do *op* on *target* and return its value, with the target's seq after it.

        Without a connection the call waits for one. With a *key* (None: a new one) it is sent
        again after a reconnect until it is answered, and happens once. So is an idempotent read,
        which needs no key. With ``NO_KEY`` it is sent at most once. ``overloaded``,
        ``rate_limited`` and ``unavailable`` are tried again within *timeout_s*. Calls leave in the
        order in which they were made; those tried again may be overtaken.

        Args:
          args: a mapping, or an attrs object with the operation's fields.
          timeout_s: seconds of trio time for all of it, waiting for a connection included.

        Raises:
          CallFailed: the server refused it.
          CallAbandoned: no answer in time, or (``NO_KEY``) before the connection was lost, or it
            was sent and the client closed. It may have happened.
          LimitExceeded: too many calls are unanswered, or it is too large. Nothing was sent.
          ClientClosed: there is no client any more; it was never sent.
          ConnectFailed: the server refuses this client for good.
          ValueError, TypeError: the arguments cannot be sent by anybody.

        Cancelled: the server is told, but the call may have happened.
        """
        if key is None and not idempotent_read:
            key = new_key()
        return await self._asker.ask(target, op, args, key=key, timeout_s=timeout_s)

    # ------------------------------------------------------------ following

    @asynccontextmanager
    async def follow(
        self,
        target: str,
        topics: Iterable[str],
        *,
        cursor: Cursor | None = None,
        lasting: bool = False,
    ) -> AsyncIterator[Follower]:
        """Follow *topics* of *target* from a snapshot, or from *cursor*, while the block runs.

        After a reconnect it goes on by itself, without gap or duplicate. Followers of the same
        target share one subscription on the wire.

        Args:
          lasting: when the target has ended (``concluded``), ask once for what is left of it and
            go on with that; else, or if there is nothing to read any more, iteration ends.

        Raises:
          LimitExceeded: too many targets, or too many topics of this one.
          ConnectFailed, ClientClosed: there is no client any more.
          ValueError, TypeError: no topic, or one twice, or a name that is too long; no cursor.

        Cancelled: it ends.
        """
        if isinstance(topics, str):
            raise TypeError(f"topics are several names, not one text: [{topics!r}]")
        if cursor is not None and not isinstance(cursor, Cursor):
            raise TypeError(f"a cursor is a Cursor(epoch=..., seq=...), not {cursor!r}")
        wish = Subscribe(ref=0, target=target, topics=tuple(topics), cursor=cursor)
        self._keeper.check_open()
        topics_wanted = frozenset(wish.topics)
        inbox = self._keeper.feeds.join(target, topics_wanted, cursor, is_lasting=lasting)
        try:
            yield Follower(inbox)
        finally:
            self._keeper.feeds.leave(target, inbox)

    async def presence(
        self, target: str, state: Mapping[str, Any] | None, *, part: str = ""
    ) -> None:
        """Show the other followers of *target* an ephemeral state; None takes it back.

        It is shown again after every reconnect, until the last follower here leaves. Only the
        newest state is sent; nobody answers. Several parts of a program may show their own at the
        same time: what they show is merged, and each *part* replaces only its own.

        Raises:
          NotFollowing: nobody here follows the topic ``presence`` of *target*.
          LimitExceeded: it is larger than ``PRESENCE_BYTES_MAX``.
          ConnectFailed, ClientClosed: there is no client any more.
          TypeError: *state* is no mapping.

        Cancelled: it is not shown.
        """
        await trio.lowlevel.checkpoint()
        if state is not None and not isinstance(state, Mapping):
            raise TypeError(f"what is shown is a mapping, not {state!r}")
        self._keeper.check_open()
        feed = self._keeper.feeds.of(target)
        if feed is None or PRESENCE_TOPIC not in feed.topics_with(frozenset()):
            raise NotFollowing(target)
        message = SetPresence(target=target, state=feed.presence_with(part, state))
        payload = encode_payload(message, self._keeper.subprotocol)
        check_size(payload, "PRESENCE_BYTES_MAX", PRESENCE_BYTES_MAX)
        feed.set_presence(part, state)

    # ------------------------------------------------------------ signing in again

    async def refresh(self, token: str, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        """Go on with a fresh token, of the same user, without a new connection.

        A client that was opened with a token uses this one after a reconnect, too; one that was
        opened with a function asks the function.

        Raises:
          CallFailed: the server refused it; the connection goes on with the old one.
          CallAbandoned: no answer in time.
          ConnectFailed, ClientClosed: there is no client any more.

        Cancelled: the server may have taken it.
        """
        self._keeper.check_open()
        if self.state is ConnectionState.LIVE:
            await self._asker.authenticate(token, timeout_s)
        self._tokens.replace(token)
        await trio.lowlevel.checkpoint()
