"""What commands that are clients share: where the server is, who asks, and how failures end."""

from __future__ import annotations

import logging
import math
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit, urlunsplit

import trio
from attrs import frozen
from cyclopts import Parameter

from collab.cli.exit_codes import CommandFailed, ExitCode, leaves
from collab.config_sources import TOKEN_VARIABLE, URL_VARIABLE
from protocol.client import (
    Client,
    ConnectionState,
    LimitExceeded,
    SubscriptionEnded,
    open_client,
)
from protocol.errors import CallAbandoned, CallFailed, ClientError, ConnectFailed

DEFAULT_URL: Final = "http://127.0.0.1:8787"

Timeout = Annotated[float, Parameter(help="Seconds to wait, connecting included.")]


@Parameter(name="*")
@frozen(kw_only=True)
class ServerFlags:
    """Where the server is and who asks."""

    url: Annotated[str, Parameter(help="http, https, ws or wss address.", env_var=URL_VARIABLE)] = (
        DEFAULT_URL
    )
    token: Annotated[
        str | None,
        Parameter(
            help="Token; better in the variable, as others see your command lines.",
            env_var=TOKEN_VARIABLE,
            show_default=False,
        ),
    ] = None
    ca: Annotated[
        Path | None,
        Parameter(help="Certificates (PEM) to trust instead of the system's.", show_default=False),
    ] = None


def wire_url(url: str) -> str:
    """Return the WebSocket address of the server at *url*; a path that is given stays.

    Raises:
      CommandFailed: it is no such address.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise CommandFailed(ExitCode.USAGE, f"--url: {url!r} is not an http or ws address")
    path = "/v1" if parts.path in ("", "/") else parts.path
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


async def call_once(
    server: ServerFlags | None,
    target: str,
    op: str,
    args: Mapping[str, Any],
    *,
    timeout_s: float,
    key: str | None = None,
) -> Any:
    """Do one call over a connection of its own, and return its value.

    If no connection can be opened it says so at once: whoever waits for one answer wants to know
    now. A connection that is lost later is bridged.

    Args:
      timeout_s: seconds for all of it.

    Raises:
      CommandFailed: in whatever way it did not work.
    """
    if not 0 < timeout_s < math.inf:
        raise CommandFailed(ExitCode.USAGE, "--timeout is a number of seconds above 0")
    flags = server or ServerFlags()
    ends_at = trio.current_time() + timeout_s
    with failures_told():
        async with connected(flags) as client:
            state = ConnectionState.CONNECTING
            with trio.move_on_at(ends_at):
                state = await client.wait_state(ConnectionState.LIVE, ConnectionState.OFFLINE)
            if state is not ConnectionState.LIVE:
                why = client.trouble or f"no connection within {timeout_s:g} s"
                raise CommandFailed(ExitCode.UNREACHABLE, f"cannot reach {flags.url}: {why}")
            left_s = max(ends_at - trio.current_time(), 0.0)
            try:
                return await client.call(target, op, args, key=key, timeout_s=left_s)
            except CallAbandoned:
                lost = f" ({client.trouble})" if client.trouble else ""
                line = f"no answer within {timeout_s:g} s, it may have happened{lost}"
                raise CommandFailed(ExitCode.UNREACHABLE, line) from None


@asynccontextmanager
async def connected(flags: ServerFlags) -> AsyncIterator[Client]:
    """Open a client as *flags* say, speaking JSON, so that bytes print as base64.

    Raises:
      CommandFailed: no token, or the address or certificates make no sense.
    """
    if not flags.token:
        raise CommandFailed(
            ExitCode.USAGE, f"give a token: --token T, or {TOKEN_VARIABLE} in the environment"
        )
    trust = _trust(flags.ca) if flags.ca else None
    url = wire_url(flags.url)
    with client_unlogged():
        async with open_client(
            url, token=flags.token, encoding="json", ssl_context=trust
        ) as client:
            yield client


@contextmanager
def client_unlogged() -> Iterator[None]:
    """Keep the client library's log quiet: the command tells the same in its one line."""
    log = logging.getLogger("protocol.client")
    was_disabled, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = was_disabled


@contextmanager
def failures_told() -> Iterator[None]:
    """Turn what a client raises, alone or in groups, into the command's end.

    Raises:
      CommandFailed: the server refused, cannot be reached, or the arguments make no sense.
    """
    try:
        yield
    except (ClientError, ValueError, ExceptionGroup) as error:
        for leaf in leaves(error):
            if (failure := _failure_of(leaf)) is not None:
                raise failure from None
        raise


def _failure_of(error: BaseException) -> CommandFailed | None:
    if isinstance(error, CommandFailed):
        return error
    if isinstance(error, CallFailed):
        known_as = f" (error_id {error.error_id})" if error.error_id else ""
        return CommandFailed(ExitCode.REFUSED, f"{error}{known_as}")
    if isinstance(error, SubscriptionEnded):
        return CommandFailed(ExitCode.REFUSED, str(error))
    if isinstance(error, ConnectFailed):
        return CommandFailed(ExitCode.UNREACHABLE, f"{error.code}: {error.message}")
    if isinstance(error, CallAbandoned):
        return CommandFailed(ExitCode.UNREACHABLE, error.reason)
    if isinstance(error, LimitExceeded | ValueError):
        return CommandFailed(ExitCode.USAGE, str(error))
    return None


def _trust(ca: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        raise CommandFailed(ExitCode.USAGE, f"--ca: cannot use {ca}: {error}") from None
