"""``python -m tests.faults.slow --readers 200``: readers that stop reading, beside one that reads.

The baseline is the one reader's, while all the others read too: the same fan-out. Then the others
stop. What the server holds for them is its own figure, and what its memory grew by; when it has
given them up, they come back with their cursors and must miss nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import trio
from attrs import define, field

from collab.client import CollabClient, connect
from protocol.client import Event
from protocol.limits import SLOW_CONSUMER_CHECK_S, SLOW_CONSUMER_TIMEOUT_S
from tests.crash.ledger import Lost
from tests.faults.clock import figure
from tests.faults.measuring import START_S_MAX, memory_kib, percentile, told
from tests.server.running import Running, environment, serving

CHAT: Final = "c1"
TEXT_LEN: Final = 8_000  # Of a message: a reader's share of the kernel is soon full.
PERIOD_S: Final = 0.05
HELD_KIB_MAX: Final = 1_024  # For each slow reader.
PATIENCE_S: Final = 60.0


@define
class Tally:
    """What was measured."""

    readers: int
    sent: int = 0
    baseline_s: list[float] = field(factory=list)
    beside_s: list[float] = field(factory=list)
    grown_kib: int = 0  # Memory at its highest, less what it was before they stopped.
    outbox_bytes: int = 0  # The highest.
    given_up: int = 0
    given_up_after_s: float = 0.0
    verdict: dict[str, Any] = field(factory=dict)


class Crowd:
    """The other process."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._printed = b""

    async def order(self, line: str) -> None:
        """Tell it something."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(line.encode() + b"\n")

    async def answer(self, *, timeout_s: float = 3 * PATIENCE_S) -> dict[str, Any]:
        """Return its next line."""
        assert self._process.stdout is not None
        with trio.fail_after(timeout_s):
            while b"\n" not in self._printed:
                part = await self._process.stdout.receive_some()
                assert part, "the readers' process has ended"
                self._printed += part
        line, _, self._printed = self._printed.partition(b"\n")
        answer: dict[str, Any] = orjson.loads(line)
        return answer


@asynccontextmanager
async def running_module(*words: str) -> AsyncIterator[Crowd]:
    """Run a module of ours for a block."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    try:
        yield Crowd(process)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            for end in (process.stdin, process.stdout):
                if end is not None:
                    await end.aclose()


@define(eq=False)
class Talk:
    """One who writes at a steady pace, and one who reads: when each message came."""

    sent_at: dict[int, float] = field(factory=dict)
    took_s: list[float] = field(factory=list)

    async def write(self, client: CollabClient, seconds: float, tally: Tally) -> None:
        """Write for so long; every message carries its number."""
        until = trio.current_time() + seconds
        while trio.current_time() < until:
            due = trio.current_time() + PERIOD_S
            text = f"~0.{tally.sent}~".ljust(TEXT_LEN, "-")
            self.sent_at[tally.sent] = trio.current_time()
            tally.sent += 1
            await client.chat(CHAT).messages.post(text)
            await trio.sleep_until(due)

    async def read(self, client: CollabClient, task_status: trio.TaskStatus[None]) -> None:
        """Read until cancelled."""
        async for item in client.chat(CHAT).follow(topics=["messages"]):
            if isinstance(item, Event):
                number = int(item.data["parts"][0]["text"].split("~")[1].split(".")[1])
                self.took_s.append(trio.current_time() - self.sent_at[number])
            else:
                task_status.started()


async def run_slow(directory: Path, readers: int, seconds: float, *, to_the_end: bool) -> Tally:
    """Measure; with *to_the_end* wait until they are given up, and have them come back.

    Raises:
      Lost: they missed something, or were not given up.
    """
    tally = Tally(readers)
    async with (
        serving(directory, "--dev", start_timeout_s=START_S_MAX) as server,
        connect(server.url, token="dev:ann") as ann,
        connect(server.url, token="dev:bob") as bob,
        trio.open_nursery() as nursery,
    ):
        await ann.chat(CHAT).messages.page(limit=1)
        talk = Talk()
        await nursery.start(talk.read, bob)
        port = server.url.rpartition(":")[2]
        async with running_module(
            "tests.faults.crowd", port, str(readers), f"chat:{CHAT}"
        ) as crowd:
            await crowd.answer()
            await talk.write(ann, 1.0, tally)  # Warm.
            talk.took_s.clear()
            await talk.write(ann, seconds, tally)
            tally.baseline_s = list(talk.took_s)
            await crowd.order("stop")
            await crowd.answer()
            talk.took_s.clear()
            before_kib = memory_kib(server.process.pid)
            await _beside(server, ann, talk, seconds, tally, before_kib)
            tally.beside_s = list(talk.took_s)
            if to_the_end:
                await _until_given_up(server, ann, talk, tally, before_kib)
                await crowd.order(f"resume {tally.sent}")
                tally.verdict = await crowd.answer()
        nursery.cancel_scope.cancel()
    _check(tally)
    return tally


async def _beside(
    server: Running, ann: CollabClient, talk: Talk, seconds: float, tally: Tally, before_kib: int
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_weigh, server, tally, before_kib)
        await talk.write(ann, seconds, tally)
        nursery.cancel_scope.cancel()


async def _weigh(server: Running, tally: Tally, before_kib: int) -> None:
    """Look at the server's memory and figures until cancelled."""
    while True:
        grown_kib = memory_kib(server.process.pid) - before_kib
        tally.grown_kib = max(tally.grown_kib, grown_kib)
        waiting = await figure(server.url, "collab_outbox_bytes")
        tally.outbox_bytes = max(tally.outbox_bytes, int(waiting))
        tally.given_up = int(await figure(server.url, "collab_wire_slow_consumers_total"))
        await trio.sleep(0.5)


async def _until_given_up(
    server: Running, ann: CollabClient, talk: Talk, tally: Tally, before_kib: int
) -> None:
    started = trio.current_time()
    with trio.move_on_after(SLOW_CONSUMER_TIMEOUT_S + 2 * SLOW_CONSUMER_CHECK_S + PATIENCE_S):
        while tally.given_up < tally.readers:
            await _beside(server, ann, talk, 1.0, tally, before_kib)
    tally.given_up_after_s = trio.current_time() - started
    if tally.given_up != tally.readers:
        raise Lost(f"{tally.given_up} of {tally.readers} slow readers were given up")


def _check(tally: Tally) -> None:
    if tally.grown_kib > HELD_KIB_MAX * tally.readers:
        raise Lost(f"{tally.grown_kib} KiB for {tally.readers} slow readers")
    if tally.outbox_bytes > HELD_KIB_MAX * 1024 * tally.readers:
        raise Lost(f"{tally.outbox_bytes} bytes wait for {tally.readers} slow readers")
    faults = ("lost", "duplicated", "reordered", "invented", "gaps", "resets")
    if tally.verdict and (
        not tally.verdict["is_whole"] or any(tally.verdict[name] for name in faults)
    ):
        raise Lost(f"who came back: {tally.verdict}")


def report(tally: Tally) -> str:
    """Say what was measured."""
    ratio = percentile(tally.beside_s, 0.99) / percentile(tally.baseline_s, 0.99)
    return (
        f"{tally.readers} stop reading; the one beside them: {told(tally.beside_s)}; while they"
        f" read: {told(tally.baseline_s)}; p99 ratio {ratio:.2f}\n"
        f"held for each: {tally.grown_kib / tally.readers:.0f} KiB of memory,"
        f" {tally.outbox_bytes / tally.readers / 1024:.0f} KiB in outboxes, at most\n"
        f"{tally.given_up} given up, all of them {tally.given_up_after_s:.0f} s after"
        f" the measurement; back: {tally.verdict or 'not tried'}"
    )


def main() -> int:
    """Run as the command line says; return 1 if the reader beside was slowed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.slow")
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="slow-") as name:

        async def run() -> Tally:
            return await run_slow(Path(name), options.readers, options.seconds, to_the_end=True)

        tally = trio.run(run)
    print(f"{report(tally)}\n{time.monotonic() - started:.0f} s")
    return 0 if percentile(tally.beside_s, 0.99) < 2 * percentile(tally.baseline_s, 0.99) else 1


if __name__ == "__main__":
    sys.exit(main())
