"""``collab call``: one operation, one answer."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import orjson
import trio
from cyclopts import Parameter

from collab.cli.connecting import ServerFlags, connected, refusals_told
from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.output import print_json


def call(
    target: Annotated[str, Parameter(help="kind:key, such as chat:c1.")],
    op: Annotated[str, Parameter(help="Operation, such as messages.post.")],
    arguments: Annotated[
        str, Parameter(help="JSON object; - reads standard input.", allow_leading_hyphen=True)
    ] = "{}",
    /,
    *,
    server: ServerFlags | None = None,
    key: Annotated[
        str | None, Parameter(help="Client key: a repetition has no second effect.")
    ] = None,
    timeout: Annotated[float, Parameter(help="Seconds to wait, connecting included.")] = 10.0,
) -> None:
    """Call one operation of one target, and print its value as JSON.

    Exits with 10 if the server refuses, 11 if it cannot be reached. An operation that writes is
    durable when its value is printed.
    """
    fields = _arguments(sys.stdin.read() if arguments == "-" else arguments)
    print_json(trio.run(_call, target, op, fields, server, key, timeout))


async def _call(
    target: str,
    op: str,
    fields: dict[str, Any],
    server: ServerFlags | None,
    key: str | None,
    timeout_s: float,
) -> object:
    with refusals_told():
        async with connected(server) as client:
            return await client.call(target, op, fields, key=key, timeout_s=timeout_s)


def _arguments(text: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(text)
    except ValueError as error:
        raise CommandFailed(ExitCode.USAGE, f"the arguments are not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise CommandFailed(ExitCode.USAGE, "the arguments must be a JSON object")
    return fields
