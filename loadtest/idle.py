"""What a server costs that has nothing to do: latency of one write, memory of who is just there.

Memory is the server's resident set, divided by what was added since it was warm: an upper bound,
as the allocator keeps more than it needs.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import trio
from attrs import asdict, frozen

from loadtest.figures import percentiles_ms
from loadtest.server_process import ServerProcess
from protocol.client import Client, open_client

WARM_UP: Final = 20
OPENING_AT_ONCE: Final = 20
TOPICS: Final = ("state", "participants", "transcript", "messages")


@frozen(kw_only=True)
class IdleSettings:
    """How many of each."""

    writes: int = 500
    connections: int = 500
    meetings: int = 2_000


async def idle(settings: IdleSettings) -> dict[str, Any]:
    """Measure a fresh server of our own; return its figures."""
    async with AsyncExitStack() as stack:
        data = stack.enter_context(TemporaryDirectory(prefix="collab-idle-"))
        server = ServerProcess(Path(data), arguments=("--idle-timeout-s", "3600"))
        stack.push_async_callback(server.kill)
        await server.start()
        client = await stack.enter_async_context(open_client(server.url, token="dev:idle"))
        await _write(client, "warm", WARM_UP)
        latencies = await _write(client, "m", settings.writes)
        per_meeting = await _meetings(client, server, settings.meetings)
        per_connection, per_follower = await _connections(stack, server, settings.connections)
    return {
        "scenario": "idle",
        "acknowledged_ms": percentiles_ms(latencies),
        "kb_per_idle_meeting": per_meeting,
        "kb_per_idle_connection": per_connection,
        "kb_per_following_connection": per_follower,
        "settings": asdict(settings),
    }


async def _write(client: Client, name: str, count: int) -> list[float]:
    """Post one message after the other; return how long each took to be durable and answered."""
    took = []
    for n in range(count):
        start = trio.current_time()
        await client.call(f"meeting:{name}", "messages.post", {"text": f"message {n}"})
        took.append(trio.current_time() - start)
    return took


async def _meetings(client: Client, server: ServerProcess, count: int) -> float:
    """Open meetings that nobody follows; return kB of memory for each."""
    await _each(client.call, [(f"meeting:warm-{n}", "meeting.get") for n in range(count // 10)])
    before = _resident_kb(server.pid)
    await _each(client.call, [(f"meeting:idle-{n}", "meeting.get") for n in range(count)])
    return round((_resident_kb(server.pid) - before) / count, 1)


async def _connections(
    stack: AsyncExitStack, server: ServerProcess, count: int
) -> tuple[float, float]:
    """Open connections, then let each follow one meeting; return kB of memory for each."""
    clients: list[Client] = []

    async def connect(n: int) -> None:
        opening = open_client(server.url, token=f"dev:u{n}")
        client = await stack.enter_async_context(opening)
        await client.call("meeting:warm", "meeting.get")
        clients.append(client)

    for n in range(count // 10):
        await connect(-n)
    clients.clear()
    before = _resident_kb(server.pid)
    for n in range(count):
        await connect(n)
    connected = _resident_kb(server.pid)
    for client in clients:
        follower = await stack.enter_async_context(client.follow("meeting:warm", TOPICS))
        await anext(follower)
    followed = _resident_kb(server.pid)
    return round((connected - before) / count, 1), round((followed - connected) / count, 1)


async def _each(call: Any, arguments: list[tuple[str, str]]) -> None:
    limit = trio.CapacityLimiter(OPENING_AT_ONCE)

    async def one(target: str, op: str) -> None:
        async with limit:
            await call(target, op)

    async with trio.open_nursery() as nursery:
        for target, op in arguments:
            nursery.start_soon(one, target, op)


def _resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("no VmRSS: this measures on Linux only")
