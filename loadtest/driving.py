"""Starts generators in processes of their own, all at one moment, and puts together what they say.

Nothing here is in the way of the load: the parent reads a line per process and second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

import trio
from attrs import asdict, define, field

from loadtest.histogram import Histogram, merged
from loadtest.lean import Endpoint
from loadtest.sampling import Sample, ServerWatch, Usage

OPENING_TIMEOUT_S: Final = 300.0  # Until all generators are ready.
START_DELAY_S: Final = 0.3  # The start's way through the pipes.
LINE_BYTES_MAX: Final = 16_777_216


class GeneratorFailed(Exception):
    """A generator's process ended before its job; its traceback went to standard error."""


@define(eq=False)
class Driven:
    """What came of it. Seconds are counted from the common start."""

    started_at: float = 0.0  # perf_counter
    ended_at: float = 0.0
    results: list[dict[str, Any]] = field(factory=list)  # One per generator, in order.
    processes: list[dict[str, float]] = field(factory=list)  # cpu_s and rss_kb of each.
    histograms: defaultdict[str, dict[int, Histogram]] = field(
        factory=lambda: defaultdict(dict)  # name -> second -> what was recorded
    )
    phases: dict[str, Sample] = field(factory=dict)  # What the server used when each was over.
    counts: defaultdict[str, defaultdict[int, int]] = field(
        factory=lambda: defaultdict(lambda: defaultdict(int))
    )

    def histogram(self, name: str, *, since_s: int = 0, until_s: int | None = None) -> Histogram:
        """Return everything recorded under *name*, from second *since_s* on, before *until_s*."""
        return merged(
            histogram
            for second, histogram in self.histograms.get(name, {}).items()
            if since_s <= second and (until_s is None or second < until_s)
        )

    def count(self, name: str) -> int:
        """Return the sum of *name*."""
        return sum(self.counts[name].values()) if name in self.counts else 0

    def result(self, name: str) -> float:
        """Return the sum of *name* over the generators' results."""
        return sum(float(result.get(name, 0)) for result in self.results)

    def percentiles(self, name: str, share: float) -> list[tuple[float, float]]:
        """Return points (second, ms) of one percentile over time."""
        return [
            (second + 1.0, histogram.at_share(share))
            for second, histogram in sorted(self.histograms.get(name, {}).items())
        ]

    def totals(self, name: str) -> list[tuple[float, float]]:
        """Return points (second, how many were recorded) over time."""
        return [(s + 1.0, float(h.total)) for s, h in sorted(self.histograms.get(name, {}).items())]

    def rates(self, name: str) -> list[tuple[float, float]]:
        """Return points (second, count) over time."""
        return [(s + 1.0, float(n)) for s, n in sorted(self.counts.get(name, {}).items())]

    def usage(self, watch: ServerWatch) -> Usage:
        """Return what the server used between start and end."""
        return watch.between(self.started_at, self.ended_at)

    def merge(self, report: Mapping[str, Any]) -> None:
        """Add a generator's tick."""
        second = report["second"]
        for name, counts in report["histograms"].items():
            of_second = self.histograms[name].setdefault(second, Histogram())
            of_second.add({int(bucket): count for bucket, count in counts.items()})
        for name, count in report["counts"].items():
            self.counts[name][second] += count


Shown = Callable[[Driven, float], None]  # Called every second: so far, seconds since the start.
OnPhase = Callable[[str], Awaitable[None]]


async def drive(
    job: str,
    plans: Sequence[Mapping[str, Any]],
    endpoint: Endpoint,
    *,
    watch: ServerWatch | None = None,
    show: Shown | None = None,
    on_phase: OnPhase | None = None,
) -> Driven:
    """Run one generator for each of *plans*, to its end.

    Args:
      job: ``module:function``, called with a ``Link`` in a process of its own. To its plan come
        ``endpoint`` (see ``endpoint_of``) and ``generator``, its number.
      watch: Samples the server meanwhile.
      show: Tells a person how far it is.
      on_phase: Awaited when a generator ends a phase (``Link.phase``), which waits for it; then
        the server is sampled. With several generators, the last one's sample counts.

    Raises:
      GeneratorFailed: one ended early, or was not ready in time.

    Cancelled: the generators are killed.
    """
    driven = Driven()
    async with AsyncExitStack() as stack:
        workers = []
        for number, plan in enumerate(plans):
            worker = await _Worker.start(job)
            stack.push_async_callback(worker.kill)
            own = {"endpoint": asdict(endpoint), "generator": number}
            await worker.tell({"plan": own | dict(plan)})
            workers.append(worker)
        phases = _Phases(driven, watch, on_phase)
        with trio.move_on_after(OPENING_TIMEOUT_S) as opening:
            for worker in workers:
                while "ready" not in (report := await worker.hear()):
                    await phases.end(worker, report["phase"])
        if opening.cancelled_caught:
            raise GeneratorFailed(f"{job}: not ready within {OPENING_TIMEOUT_S:.0f} s")
        driven.started_at = time.perf_counter() + START_DELAY_S
        for worker in workers:
            await worker.tell({"start_at": driven.started_at})
        async with trio.open_nursery() as watching:
            if watch is not None:
                watching.start_soon(watch.run)
            if show is not None:
                watching.start_soon(_show, show, driven)
            dead = await _listen_to_all(workers, driven, phases)
            watching.cancel_scope.cancel()
        if dead is not None:
            raise dead
        if watch is not None:
            watch.look()
        driven.ended_at = time.perf_counter()
    return driven


def endpoint_of(plan: Mapping[str, Any]) -> Endpoint:
    """Return where a generator connects to."""
    return Endpoint(**plan["endpoint"])


@define(eq=False)
class _Phases:
    """What happens when a generator has ended one."""

    driven: Driven
    watch: ServerWatch | None
    on_phase: OnPhase | None

    async def end(self, worker: _Worker, name: str) -> None:
        if self.on_phase is not None:
            await self.on_phase(name)
        if self.watch is not None and self.watch.look():
            self.driven.phases[name] = self.watch.samples[-1]
        await worker.tell({"go": True})


async def _listen_to_all(
    workers: Sequence[_Worker], driven: Driven, phases: _Phases
) -> GeneratorFailed | None:
    """Listen until all are done, or one is dead: return its failure, for no nursery to wrap."""
    dead: list[GeneratorFailed] = []
    driven.results = [{} for _ in workers]
    driven.processes = [{} for _ in workers]

    async def listen(number: int, worker: _Worker) -> None:
        try:
            report = await _listen(worker, driven, phases)
        except GeneratorFailed as failure:
            dead.append(failure)
            listening.cancel_scope.cancel()
        else:
            driven.results[number] = report["done"]
            driven.processes[number] = report["process"]

    async with trio.open_nursery() as listening:
        for number, worker in enumerate(workers):
            listening.start_soon(listen, number, worker)
    return dead[0] if dead else None


async def _listen(worker: _Worker, driven: Driven, phases: _Phases) -> dict[str, Any]:
    """Merge its ticks; return its last report."""
    while "done" not in (report := await worker.hear()):
        if "phase" in report:
            await phases.end(worker, report["phase"])
        else:
            driven.merge(report)
    return report


async def _show(show: Shown, driven: Driven) -> None:
    while True:
        await trio.sleep(1)
        show(driven, time.perf_counter() - driven.started_at)


class _Worker:
    """The parent's end of the pipes."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._read = b""

    @classmethod
    async def start(cls, job: str) -> _Worker:
        command = [sys.executable, "-m", "loadtest.worker", job]
        opening = partial(trio.lowlevel.open_process, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        path = os.pathsep.join(part for part in sys.path if part)  # Jobs of tests, too.
        return cls(await opening(command, env=os.environ | {"PYTHONPATH": path}))

    async def tell(self, command: Mapping[str, Any]) -> None:
        try:
            await self._stdin.send_all(json.dumps(command).encode() + b"\n")
        except trio.BrokenResourceError:
            raise GeneratorFailed(f"it exited with {await self._process.wait()}") from None

    async def hear(self) -> dict[str, Any]:
        while b"\n" not in self._read:
            part = await self._stdout.receive_some()
            if not part or len(self._read) > LINE_BYTES_MAX:
                raise GeneratorFailed(f"it exited with {await self._process.wait()}")
            self._read += part
        line, _, self._read = self._read.partition(b"\n")
        report: dict[str, Any] = json.loads(line)
        return report

    async def kill(self) -> None:
        self._process.kill()
        with trio.CancelScope(shield=True):
            await self._process.wait()
            await self._stdin.aclose()
            await self._stdout.aclose()
