"""``collab flags``: what is on for whom, and changing it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

import orjson
import trio
from cyclopts import Parameter

from collab.cli.connecting import ServerFlags, Timeout, call_once
from collab.cli.output import print_json, print_rows

_COLUMNS: Final = ("flag", "value", "on", "percent", "organisations", "by", "reason")

Environment = Annotated[str, Parameter(help="Environment.")]


def show(
    *,
    env: Environment = "production",
    server: ServerFlags | None = None,
    timeout: Timeout = 10.0,
) -> None:
    """Show the feature flags of an environment, with their rules and last changes."""
    ask = partial(call_once, server, f"flags:{env}", "flags.list", {}, timeout_s=timeout)
    flags = trio.run(ask)["flags"]
    rows = [
        (
            flag["name"],
            _text(flag["value"]),
            "yes" if flag["is_on"] else "no",
            str(flag["percent"]),
            ", ".join(flag["org_ids"]),
            flag["by"],
            flag["reason"],
        )
        for flag in flags
    ]
    print_rows(f"flags of {env}", _COLUMNS, rows)


def change(
    name: Annotated[str, Parameter(help="Name of the flag.")],
    /,
    *,
    reason: Annotated[str, Parameter(help="Why; it is kept with the change.")],
    env: Environment = "production",
    on: Annotated[bool, Parameter(help="Whether anybody has it at all.", negative="--off")] = True,
    value: Annotated[str, Parameter(help="JSON text, number, true; or plain words.")] = "true",
    percent: Annotated[int, Parameter(help="Of all people, the same ones every time.")] = 100,
    org: Annotated[tuple[str, ...], Parameter(help="Organisations that have it anyway.")] = (),
    server: ServerFlags | None = None,
    timeout: Timeout = 10.0,
) -> None:
    """Set a feature flag: all of it, as given here. It is live when the command ends.

    Only for those who run the server: the people of the setting "admins", or a service whose
    token names the scope flags:flags.set.
    """
    rule = {
        "name": name,
        "value": _value(value),
        "is_on": on,
        "percent": percent,
        "org_ids": list(org),
        "reason": reason,
    }
    trio.run(partial(call_once, server, f"flags:{env}", "flags.set", rule, timeout_s=timeout))
    print_json(rule)


def _value(text: str) -> object:
    """Return *text* as JSON, if it is a scalar of that; else as it stands."""
    try:
        value = orjson.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float | str) else text


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
