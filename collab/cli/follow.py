"""``collab follow``: what happens to a target, as it happens."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import trio
from cyclopts import Parameter

from collab.cli.connecting import ServerFlags, connected, failures_told
from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.output import print_json, reader_gone, warn
from collab.kinds import BUILT_IN
from protocol.client import Client, ConnectionState, Cursor, Event, Item, SnapshotItem
from protocol.errors import ClientError


def follow(
    target: Annotated[str, Parameter(help="kind:key, such as meeting:m1.")],
    /,
    *topics: Annotated[str, Parameter(help="Topics; none: all that the kind has.")],
    server: ServerFlags | None = None,
    cursor: Annotated[
        str | None, Parameter(help="EPOCH:SEQ to go on from, as printed before.")
    ] = None,
) -> None:
    """Follow a target and print what comes, one JSON object each, until Ctrl-C.

    First a snapshot, then every event after it, without a gap; a lost connection and a restart
    of the server are bridged, and told on standard error. "item" is snapshot, reset (forget what
    you hold), event or presence. Exits with 0 when its reader leaves, 10 if the server ends it,
    11 if it will not let us in.
    """
    trio.run(_follow, target, topics or _topics_of(target), server, _cursor(cursor))


async def _follow(
    target: str, topics: tuple[str, ...], server: ServerFlags | None, cursor: Cursor | None
) -> None:
    flags = server or ServerFlags()
    with failures_told():
        async with connected(flags) as client, trio.open_nursery() as nursery:
            nursery.start_soon(_tell_outages, client, flags.url)
            nursery.start_soon(_end_with_reader)
            async with client.follow(target, topics, cursor=cursor) as follower:
                async for item in follower:
                    print_json(_shown(target, item))
            nursery.cancel_scope.cancel()


async def _tell_outages(client: Client, url: str) -> None:
    """Say once for each outage why there is no connection. The follower tells the client's end."""
    with suppress(ClientError):
        while True:
            await client.wait_state(ConnectionState.OFFLINE)
            warn(f"no connection to {url}: {client.trouble}; trying again")
            await client.wait_state(ConnectionState.LIVE)


async def _end_with_reader() -> None:
    """End the command when nobody reads any more, also while there is nothing to print."""
    await reader_gone()
    raise BrokenPipeError


def _shown(target: str, item: Item) -> dict[str, Any]:
    if isinstance(item, Event):
        return {
            "item": "event",
            "seq": item.seq,
            "topic": item.topic,
            "type": item.type,
            "at_ms": item.at_ms,
            "by": item.by,
            "data": item.data,
        }
    if isinstance(item, SnapshotItem):
        word = {"item": "snapshot"} if item.reset_reason is None else _reset(item.reset_reason)
        place = {"target": target, "cursor": f"{item.epoch}:{item.seq}"}
        return word | place | {"topics": item.topics}
    return {"item": "presence", "sessions": item.sessions, "full": item.full}


def _reset(reason: str) -> dict[str, Any]:
    return {"item": "reset", "reason": reason}


def _topics_of(target: str) -> tuple[str, ...]:
    name = target.partition(":")[0]
    for kind in BUILT_IN:
        if kind.name == name:
            return tuple(kind.topics)
    raise CommandFailed(ExitCode.USAGE, f"{target}: name the topics of this kind")


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    epoch, colon, seq = text.rpartition(":")
    if not colon or not seq.isdecimal():
        raise CommandFailed(ExitCode.USAGE, "--cursor looks like EPOCH:SEQ")
    return Cursor(epoch=epoch, seq=int(seq))
