"""``collab call``: one operation, one answer."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated, Any

import orjson
import trio
from cyclopts import Parameter

from collab.cli.connecting import ServerFlags, Timeout, call_once
from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.output import print_json


def call(
    target: Annotated[str, Parameter(help="kind:key, such as chat:c1.")],
    op: Annotated[str, Parameter(help="Operation, such as messages.post.")],
    args: Annotated[
        str, Parameter(help="JSON object; - reads standard input.", allow_leading_hyphen=True)
    ] = "{}",
    /,
    *,
    server: ServerFlags | None = None,
    key: Annotated[
        str | None, Parameter(help="Client key: a repetition has no second effect.")
    ] = None,
    timeout: Timeout = 10.0,
) -> None:
    """Call one operation of one target, and print its value as JSON.

    Exits with 10 if the server refuses, 11 if it cannot be reached. An operation that writes is
    durable when its value is printed.
    """
    fields = _fields(sys.stdin.read() if args == "-" else args)
    ask = partial(call_once, server, target, op, fields, timeout_s=timeout, key=key)
    print_json(trio.run(ask))


def _fields(text: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(text)
    except ValueError as error:
        raise CommandFailed(ExitCode.USAGE, f"the arguments are not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise CommandFailed(ExitCode.USAGE, "the arguments must be a JSON object")
    return fields
