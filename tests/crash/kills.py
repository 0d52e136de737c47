"""SIGKILL of the real server, under load, at random moments and at the Nth call to the device.

``python -m tests.crash --kills 500 [--seed N]``. A *series* is one data directory: a server is
started on it, everything promised so far is asked for, all clients write, the server is killed,
what it left is checked to the last byte, and the next one is started. Ways to kill, by the seed:

* at a moment of the load;
* while it starts, recovering from the kill before;
* at the Nth ``fdatasync`` or ``pwrite64`` of the load, by strace, where there is one.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import trio
from attrs import define, field

from collab.storage import check_deeply
from tests.crash.ledger import Lost
from tests.crash.load import Told, check, work
from tests.server.running import Running, command, environment, serving

KILLS_PER_SERIES: Final = 10
READY_S_MAX: Final = 2.0
LOAD_S_MAX: Final = 0.6
CHECK_S_MAX: Final = 120.0  # On a busy machine; how long it took is among the figures.
STRACE_S_MAX: Final = 3.0  # The Nth call never came: killed at that moment instead.
CALLS_MAX: Final = {"fdatasync": 25, "pwrite64": 100}
STRACE: Final = shutil.which("strace")
WAYS: Final = ("moment", "moment", "start", "fdatasync", "pwrite64")


@define
class Tally:
    """What the kills did, for the figures."""

    kills: dict[str, int] = field(factory=dict)
    ready_s: list[float] = field(factory=list)  # From the command to "listening on …".
    ready_cpu_s: list[float] = field(factory=list)  # What of it was the server's own work.
    acknowledged: int = 0
    retried: int = 0
    rows_checked: int = 0

    @property
    def count(self) -> int:
        """All kills."""
        return sum(self.kills.values())

    def killed(self, way: str) -> None:
        """Count one."""
        self.kills[way] = self.kills.get(way, 0) + 1


@cache
def can_trace() -> bool:
    """Say whether there is a strace here that may trace: some containers forbid it."""
    if STRACE is None:
        return False
    return subprocess.run([STRACE, "-o", "/dev/null", "true"], capture_output=True).returncode == 0


async def run_series(
    directory: Path,
    rng: random.Random,
    kills: int,
    tally: Tally,
    ways: Sequence[str] = WAYS,
) -> None:
    """Kill a server on *directory* so often, in some of the *ways*, and look after each time.

    Raises:
      Lost: a promise was broken.
    """
    told = Told()
    for _ in range(kills):
        way = rng.choice(ways)
        if way in CALLS_MAX and not can_trace():
            way = "moment"
        if way == "start":
            await _kill_while_starting(directory, rng)
        else:
            way = await _kill_under_load(directory, rng, way, told, tally)
        tally.killed(way)
        await trio.to_thread.run_sync(_look_deeply, directory, tally)
    async with _served_again(directory) as server:
        with trio.fail_after(CHECK_S_MAX):
            await check(_port(server.url), told)
    tally.acknowledged += told.acknowledged
    tally.retried += told.retried


async def _kill_while_starting(directory: Path, rng: random.Random) -> None:
    process = await trio.lowlevel.open_process(
        command("serve", "--data", directory, "--port", "0", "--dev"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    await trio.sleep(rng.uniform(0.0, 1.0))
    process.send_signal(signal.SIGKILL)
    await process.wait()


async def _kill_under_load(
    directory: Path, rng: random.Random, way: str, told: Told, tally: Tally
) -> str:
    """Start, check, load, kill; return how it was killed in the end."""
    started = time.monotonic()
    async with _served_again(directory) as server:
        tally.ready_s.append(time.monotonic() - started)
        tally.ready_cpu_s.append(_cpu_s(server.process.pid))
        port = _port(server.url)
        with trio.fail_after(CHECK_S_MAX):
            await check(port, told)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_work_until_cut, port, told)
            if way == "moment":
                await trio.sleep(rng.uniform(0.0, LOAD_S_MAX))
            else:
                await trio.sleep(rng.uniform(0.0, LOAD_S_MAX / 2))
                if not await _killed_by_strace(server.process, way, rng.randint(1, CALLS_MAX[way])):
                    way = "moment"
            if server.process.returncode is None:
                server.process.send_signal(signal.SIGKILL)
            await server.process.wait()
            nursery.cancel_scope.cancel()
        if server.process.returncode != -signal.SIGKILL:
            raise Lost(f"the server ended by itself with {server.process.returncode}")
    return way


@asynccontextmanager
async def _served_again(directory: Path) -> AsyncIterator[Running]:
    """Run a server on what is there; if it does not start, say what it said."""
    with TemporaryFile() as log:
        async with AsyncExitStack() as stack:
            try:
                opening = serving(
                    directory, "--dev", stderr=log.fileno(), start_timeout_s=CHECK_S_MAX
                )
                server = await stack.enter_async_context(opening)
            except AssertionError as error:
                log.seek(0)
                raise Lost(f"{error}: {log.read().decode()[-1_000:]}") from None
            yield server


async def _work_until_cut(port: int, told: Told) -> None:
    """Work; the clients without a way back end when the server does."""
    try:
        await work(port, told)
    except BaseExceptionGroup as group:
        broken = group.subgroup(Lost)
        if broken is not None:
            raise broken from None


async def _killed_by_strace(process: trio.Process, call: str, nth: int) -> bool:
    """Have the *nth* such call of any thread from now on end the process; say whether it came."""
    assert STRACE is not None
    inject = f"inject={call}:signal=SIGKILL:when={nth}"
    flags = ["-f", "-qq", "-p", str(process.pid), "-o", "/dev/null"]
    tracer = await trio.lowlevel.open_process(
        [STRACE, *flags, "-e", f"trace={call}", "-e", inject], stderr=subprocess.DEVNULL
    )
    try:
        with trio.move_on_after(STRACE_S_MAX):
            await process.wait()
            return True
        return False
    finally:
        tracer.kill()
        with trio.CancelScope(shield=True):
            await tracer.wait()


def _look_deeply(directory: Path, tally: Tally) -> None:
    """Check every byte that was left, as ``collab doctor --deep`` does."""
    condition = check_deeply(directory)
    if not condition.is_sound:
        raise Lost(f"damage after a kill: {condition.findings[:5]}")
    tally.rows_checked += sum(condition.checked.values())


def _cpu_s(pid: int) -> float:
    """Return the seconds of processor that *pid* has used; 0 where nobody says."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
