"""``python -m tests.faults.hostile --frames 10000000 [--seed N]``: hostile clients, and a good one.

The good one pings every 20 ms, in a process of its own beside the hostile ones', and how long each
answer took is told; so is the server's memory. What the kernel says the server and we waited for a
processor is not the server's doing and is told apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import trio
from attrs import define, field

from tests.crash.ledger import Lost
from tests.faults.flood import WAYS
from tests.faults.measuring import START_S_MAX, Waits, memory_kib, percentile, told
from tests.faults.slow import running_module
from tests.faults.wire import wire
from tests.server.running import Running, get, serving

PING_S: Final = 0.02
STALL_S_MAX: Final = 0.05
GROWN_KIB_MAX: Final = 32_768  # From the first quarter of the flood to its end: no trend.
SECONDS_PER_FRAME_MAX: Final = 0.01


@define
class Tally:
    """What was measured."""

    rtt_s: list[float] = field(factory=list)
    own_s: list[float] = field(factory=list)  # Less what the machine kept us waiting.
    memory_kib: list[int] = field(factory=list)  # Once a second.
    flood: dict[str, Any] = field(factory=dict)

    @property
    def grown_kib(self) -> int:
        """How much the highest of the last quarter is above the highest of the first."""
        quarter = max(1, len(self.memory_kib) // 4)
        return max(self.memory_kib[-quarter:]) - max(self.memory_kib[:quarter])


async def run_flood(directory: Path, frames: int, seed: int, ways: Sequence[str] = WAYS) -> Tally:
    """Have the hostile ones send so many frames, in some of the *ways* of ``tests.faults.flood``.

    Raises:
      Lost: the server ended, or its memory grew.
    """
    tally = Tally()
    async with (
        serving(directory, "--dev", start_timeout_s=START_S_MAX) as server,
        wire(int(server.url.rpartition(":")[2])) as good,
        trio.open_nursery() as nursery,
    ):
        assert await good.sign_in("dev:ann") == "welcome"
        nursery.start_soon(_ping, good, server, tally)
        nursery.start_soon(_weigh, server, tally)
        port = server.url.rpartition(":")[2]
        with trio.fail_after(60 + frames * SECONDS_PER_FRAME_MAX):
            words = (port, str(frames), str(seed), ",".join(ways))
            async with running_module("tests.faults.flood", *words) as crowd:
                tally.flood = await crowd.answer(timeout_s=60 + frames * SECONDS_PER_FRAME_MAX)
        status, _body = await get(server.url, "/readyz")
        if status != 200 or server.process.returncode is not None:
            raise Lost(f"after the flood: {status}, {server.process.returncode}")
        nursery.cancel_scope.cancel()
    if tally.grown_kib > GROWN_KIB_MAX:
        raise Lost(f"memory grew by {tally.grown_kib} KiB: {tally.memory_kib}")
    return tally


async def _ping(good: Any, server: Running, tally: Tally) -> None:
    number = 0
    while True:
        number += 1
        waits, started = Waits(server.process.pid), time.perf_counter()
        await good.say(t="ping", n=number)
        await good.hear("pong")
        took_s = time.perf_counter() - started
        tally.rtt_s.append(took_s)
        tally.own_s.append(waits.own_s(took_s))
        await trio.sleep(PING_S)


async def _weigh(server: Running, tally: Tally) -> None:
    while True:
        tally.memory_kib.append(memory_kib(server.process.pid))
        await trio.sleep(1.0)


def report(tally: Tally) -> str:
    """Say what was measured."""
    stalls = sum(own_s > STALL_S_MAX for own_s in tally.own_s)
    return (
        f"{tally.flood}\nround trip of a ping beside it: {told(tally.rtt_s)}; less the machine's"
        f" share: {told(tally.own_s)}, p99.9 {1000 * percentile(tally.own_s, 0.999):.1f} ms;"
        f" {stalls} above {1000 * STALL_S_MAX:.0f} ms\n"
        f"memory: {tally.memory_kib[0]} KiB at first, {max(tally.memory_kib)} at most,"
        f" {tally.memory_kib[-1]} at last; last quarter above the first: {tally.grown_kib} KiB"
    )


def main() -> int:
    """Run as the command line says; return 1 if there was a stall."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.hostile")
    parser.add_argument("--frames", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        tally = trio.run(run_flood, Path(name), options.frames, options.seed)
    print(f"{report(tally)}\n{time.monotonic() - started:.0f} s")
    return 0 if max(tally.own_s) <= STALL_S_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
