"""What ``call`` and ``follow`` share: where the server is, who asks, and how failures end."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from attrs import frozen
from cyclopts import Parameter

from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.config_sources import TOKEN_VARIABLE, URL_VARIABLE
from protocol.client import Client, LimitExceeded, open_client
from protocol.errors import CallAbandoned, CallFailed, ConnectFailed

DEFAULT_URL = "http://127.0.0.1:8787"


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


@asynccontextmanager
async def connected(flags: ServerFlags | None) -> AsyncIterator[Client]:
    """Open a client as *flags* say, speaking JSON, so that bytes print as base64.

    Raises:
      CommandFailed: no token, or the address or certificates make no sense.
    """
    flags = flags or ServerFlags()
    if not flags.token:
        raise CommandFailed(
            ExitCode.USAGE, f"give a token: --token T, or {TOKEN_VARIABLE} in the environment"
        )
    trust = _trust(flags.ca) if flags.ca else None
    url = wire_url(flags.url)
    async with open_client(url, token=flags.token, encoding="json", ssl_context=trust) as client:
        yield client


@contextmanager
def refusals_told() -> Iterator[None]:
    """Turn how a call may fail into the command's end.

    Raises:
      CommandFailed: the server refused, cannot be reached, or the arguments make no sense.
    """
    try:
        yield
    except CallFailed as error:
        known_as = f" (error_id {error.error_id})" if error.error_id else ""
        raise CommandFailed(ExitCode.REFUSED, f"{error}{known_as}") from None
    except ConnectFailed as error:
        raise CommandFailed(ExitCode.UNREACHABLE, f"{error.code}: {error.message}") from None
    except CallAbandoned as error:
        raise CommandFailed(ExitCode.UNREACHABLE, error.reason) from None
    except (LimitExceeded, ValueError) as error:
        raise CommandFailed(ExitCode.USAGE, str(error)) from None


def _trust(ca: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        raise CommandFailed(ExitCode.USAGE, f"--ca: cannot use {ca}: {error}") from None
