"""``collab schedules``: durable timers, listed and cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

import trio
from cyclopts import Parameter

from collab.cli.connecting import ServerFlags, Timeout, call_once
from collab.cli.output import print_json, print_rows
from collab.limits import PAGE_LIMIT_MAX
from collab.timers import SHARDS, timers_of

_COLUMNS: Final = ("due", "target", "name", "rule", "zone")


def show(
    *,
    target: Annotated[str | None, Parameter(help="Only this target's.")] = None,
    limit: Annotated[int, Parameter(help="At most so many of each of the 32 shards.")] = 50,
    server: ServerFlags | None = None,
    timeout: Timeout = 30.0,
) -> None:
    """Show durable timers, soonest first.

    Only for those who run the server: the people of the setting "admins", or a service whose
    token names the scope timers:timers.list.
    """
    timers = trio.run(partial(_collect, server, target, min(limit, PAGE_LIMIT_MAX), timeout))
    rows = [
        (
            datetime.fromtimestamp(timer["due_ms"] / 1000, UTC).isoformat(timespec="seconds"),
            timer["target"],
            timer["name"],
            timer["cron"] or "once",
            timer["zone"],
        )
        for timer in timers
    ]
    print_rows("timers", _COLUMNS, rows)


async def _collect(
    server: ServerFlags | None, target: str | None, limit: int, timeout_s: float
) -> list[Mapping[str, Any]]:
    """Return timers of all shards, or of the one that has *target*'s, soonest first."""
    found: list[Mapping[str, Any]] = []
    for shard in SHARDS if target is None else (timers_of(target),):
        args = {"target": target, "limit": limit}
        page = await call_once(server, shard, "timers.list", args, timeout_s=timeout_s)
        found += page["timers"]
    return sorted(found, key=lambda timer: (timer["due_ms"], timer["target"]))


def cancel(
    target: Annotated[str, Parameter(help="Whom it would wake, such as quota:ann.")],
    name: Annotated[str, Parameter(help="Its name there.")],
    /,
    *,
    server: ServerFlags | None = None,
    timeout: Timeout = 10.0,
) -> None:
    """Take a durable timer away; its target may set it again."""
    args = {"target": target, "name": name}
    ask = partial(call_once, server, timers_of(target), "timers.cancel", args, timeout_s=timeout)
    print_json(trio.run(ask))
