"""Keeps one connection after the other, until the client is closed or refused for good.

::

    CONNECTING --welcome--> LIVE --link ends--> OFFLINE --delay--> CONNECTING
    CONNECTING --it fails--> OFFLINE
    any        --closed, or refused for good--> CLOSED

Refused for good: 4403 (forbidden), 4400 (we are the wrong kind of client), an answer to hello that
is not retryable, and a token that is not accepted twice in a row, or once if there is no other.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from random import Random
from types import MappingProxyType
from typing import Final

import trio

from protocol.client._backoff import Backoff
from protocol.client._feeds import Feeds
from protocol.client._link import Link, LinkEnd
from protocol.client._queue import Answer, CallQueue
from protocol.client._token import TokenSource
from protocol.client._transport import Connector
from protocol.errors import (
    CLOSE_BAD_PROTOCOL,
    CLOSE_FORBIDDEN,
    CLOSE_TOO_BIG,
    CLOSE_UNAUTHENTICATED,
    CallFailed,
    ClientError,
    ConnectFailed,
)
from protocol.limits import HANDSHAKE_TIMEOUT_S, RECONNECT_DELAY_MAX_S, TOKEN_REFRESH_MARGIN_S
from protocol.messages import ClientMessage, Error, Reply, ServerMessage, Welcome

_LOG = logging.getLogger("protocol.client")
_AUTH_TIMEOUT_S: Final = 30.0


Authenticate = Callable[[str, float], Awaitable[None]]  # (token, timeout_s)


class ConnectionState(Enum):
    """Where the connection stands."""

    CONNECTING = auto()
    LIVE = auto()
    OFFLINE = auto()
    CLOSED = auto()


class Keeper:
    """Runs links and tells queue and feeds when one is up or gone."""

    def __init__(
        self,
        url: str,
        tokens: TokenSource,
        *,
        connect: Connector,
        subprotocol: str,
        rng: Random,
        offline_queue_max: int,
        follow_buffer_max: int,
    ) -> None:
        self.state = ConnectionState.CONNECTING
        self.user_id: str | None = None
        self.trouble: str | None = None  # Why there is no connection; None while one is up.
        self.subprotocol = subprotocol
        self.queue = CallQueue(offline_queue_max)
        self.feeds = Feeds(
            new_ref=self.new_ref,
            send=self.post,
            retry_later=lambda feed, delay_s: self._later(delay_s, feed.retry),
            rng=rng,
            events_max=follow_buffer_max,
        )
        self._refs = itertools.count(1)
        self._url = url
        self._tokens = tokens
        self._connect = connect
        self._link: Link | None = None
        self._failure: ClientError | None = None
        self._closing = trio.Event()
        self._fetching = trio.CancelScope()  # Replaced whenever a token is asked for.
        self._state_changed = trio.lowlevel.ParkingLot()
        self._authenticate: Authenticate | None = None
        self._backoff = Backoff(rng)
        self._refusals = 0  # Of tokens, in a row.

    # ------------------------------------------------------------ for the client

    @property
    def latency_ms(self) -> float | None:
        """The newest round trip on the connection that is up."""
        return None if self._link is None else self._link.latency_ms

    def check_open(self) -> None:
        """Raise ``ConnectFailed`` or ``ClientClosed`` if the client is at its end."""
        if self._failure is not None:
            raise self._failure

    def post(self, message: ClientMessage) -> None:
        """Send a small message if a link is up; without one it would be pointless."""
        if self._link is not None:
            self._link.post(message)

    def new_ref(self) -> int:
        """Return a reference number that no call and no subscription of this client ever had."""
        return next(self._refs)

    async def sleep(self, delay_s: float) -> None:
        """Sleep; raise like :meth:`check_open` as soon as the client is at its end."""
        with trio.move_on_after(delay_s):
            await self._closing.wait()
        self.check_open()

    async def wait_state(self, *states: ConnectionState) -> ConnectionState:
        """Return when the state is one of *states*; raise if it can never be."""
        await trio.lowlevel.checkpoint()
        while self.state not in states:
            self.check_open()
            await self._state_changed.park()
        return self.state

    def close(self, error: ClientError) -> None:
        """End everything with *error*; only the first one counts."""
        if self._failure is None:
            self._failure = error
            self.queue.fail_all(error)
            self.feeds.finish(error)
            self._set_state(ConnectionState.CLOSED)
        self._closing.set()
        self._fetching.cancel()
        if self._link is not None:
            self._link.leave()

    # ------------------------------------------------------------ the life of connections

    async def run(self, authenticate: Authenticate) -> None:
        """Keep a connection until the client is closed or refused for good.

        Args:
          authenticate: gives the live session a fresh token.
        """
        self._authenticate = authenticate
        try:
            while self._failure is None:
                delay_s = await self._run_once()
                if self._failure is None:
                    self._set_state(ConnectionState.OFFLINE)
                    with trio.move_on_after(delay_s):
                        await self._closing.wait()
        except ConnectFailed as failed:
            _LOG.warning("refused for good: %s: %s", failed.code, failed.message)
            self.close(failed)

    async def _run_once(self) -> float:
        """Run one link from opening to end; return the delay in seconds before the next."""
        self._set_state(ConnectionState.CONNECTING)
        token = None
        try:
            # After a refusal a person may have to be asked, who takes their time.
            patience_s = math.inf if self._refusals else HANDSHAKE_TIMEOUT_S
            with trio.move_on_after(patience_s) as self._fetching:
                token = await self._tokens.fetch()
        except ConnectFailed:
            raise
        except Exception as error:  # noqa: BLE001 - the application's code; usually the network.
            _LOG.warning("no token: %r", error)
            self.trouble = f"no token: {type(error).__name__}"
            return self._backoff.next_s()
        if self._closing.is_set():
            return 0.0
        if token is None:
            self.trouble = "no token: it did not come in time"
            return self._backoff.next_s()
        link = Link(self.subprotocol, self.queue, on_live=self._link_up, deliver=self._deliver)
        self._link = link
        end = LinkEnd()
        try:
            end = await link.run(self._connect, self._url, token)
        finally:
            self._link = None
            is_too_big = end.code == CLOSE_TOO_BIG
            self.queue.link_lost(is_too_big=is_too_big)
            self.feeds.link_down(is_too_big=is_too_big and end.is_ours)
        self.trouble = end.reason
        return self._delay_s(end)

    def _link_up(self, welcome: Welcome) -> None:
        self.user_id = welcome.user
        self.trouble = None
        self._set_state(ConnectionState.LIVE)
        self.feeds.link_up()
        if welcome.expires_at_ms is not None and self._tokens.is_callable and self._link:
            left_s = (welcome.expires_at_ms - welcome.now_ms) / 1000
            self._link.start_soon(self._refresh_tokens, left_s)

    async def _refresh_tokens(self, left_s: float) -> None:
        """Replace the token in good time, again and again; tokens are taken to live as long."""
        assert self._authenticate is not None
        interval_s = max(left_s - TOKEN_REFRESH_MARGIN_S, left_s / 2, 1.0)
        while True:
            await trio.sleep(interval_s)
            try:
                await self._authenticate(await self._tokens.fetch(), _AUTH_TIMEOUT_S)
            except Exception as error:  # noqa: BLE001 - the application's code; see _run_once.
                _LOG.warning("the token was not replaced: %r", error)

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Call *act* after *delay_s*, unless the link that is up ends before."""
        if self._link is not None:
            self._link.start_soon(_sleep_then, delay_s, act)

    def _deliver(self, message: ServerMessage) -> None:
        """Take what the server sends to a live session: the answers to calls, the rest to feeds."""
        if type(message) is Reply:
            self.queue.answer(message.ref, Answer(message.value, message.seq))
        elif type(message) is not Error:
            self.feeds.deliver(message)
        elif message.ref is None:
            _LOG.warning("the server refused a message: %s: %s", message.code, message.message)
        elif not self.queue.answer(message.ref, _call_failed(message)):
            self.feeds.deliver(message)

    # ------------------------------------------------------------ what a link's end means

    def _delay_s(self, end: LinkEnd) -> float:
        """Return the seconds to wait before the next attempt.

        Raises:
          ConnectFailed: there is to be none.
        """
        if end.lived_s >= RECONNECT_DELAY_MAX_S:  # It worked; short lives must not become a storm.
            self._backoff.reset()
            self._refusals = 0
        if self._closing.is_set():
            return 0.0
        if self._is_token_refused(end):
            self._refusals += 1
            return 0.0
        if self.state is ConnectionState.LIVE:  # Its token was good, and is no reason for the end.
            self._refusals = 0
        if end.reconnect_after_s is not None:
            return end.reconnect_after_s
        least_s = (end.refusal.retry_after_ms or 0) / 1000 if end.refusal else 0.0
        return least_s + self._backoff.next_s()

    def _is_token_refused(self, end: LinkEnd) -> bool:
        """Say whether another token may help; raise if nothing may."""
        code = end.refusal.code if end.refusal else _CODES.get(end.code or 0)
        if code is None or (end.refusal and end.refusal.retryable):
            return False
        message = end.refusal.message if end.refusal else end.reason
        if code != "unauthenticated" or self._refusals > 0 or not self._tokens.is_renewable:
            raise ConnectFailed(code, message)
        return True

    def _set_state(self, state: ConnectionState) -> None:
        if self.state is not state and self.state is not ConnectionState.CLOSED:
            self.state = state
            self._state_changed.unpark_all()


_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        CLOSE_UNAUTHENTICATED: "unauthenticated",
        CLOSE_FORBIDDEN: "permission_denied",
        CLOSE_BAD_PROTOCOL: "bad_request",
    }
)


def _call_failed(error: Error) -> CallFailed:
    return CallFailed(
        error.code, error.message, error.retryable, error.retry_after_ms, error.error_id
    )


async def _sleep_then(delay_s: float, act: Callable[[], None]) -> None:
    await trio.sleep(delay_s)
    act()
