"""A generator's process: ``python -m loadtest.worker MODULE:FUNCTION``.

It speaks with its parent in JSON lines: commands on standard input, reports on standard output.

::

    parent                                  worker
    {"plan": {...}}                     ->  (opens its sessions)
                                        <-  {"ready": true}
    {"start_at": perf_counter}          ->
                                        <-  {"second", "histograms", "counts"}, one per second
                                        <-  {"phase": name}
    {"go": true}                        ->  (goes on)
                                        <-  {"done": result}; or it exits, traceback on stderr
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
from collections.abc import Mapping
from typing import Any, TextIO


class Link:
    """The worker's end of the pipes to its parent."""

    def __init__(self, commands: TextIO, reports: TextIO) -> None:
        """Read the plan, which comes first."""
        self._commands = commands
        self._reports = reports
        self.plan: dict[str, Any] = self._next()["plan"]
        self._cpu_ready_s = 0.0

    def ready(self) -> None:
        """All that can be prepared is. Garbage is no more collected: it would pause everything."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._cpu_ready_s = _cpu_s()
        self._report({"ready": True})

    def wait_for_start(self) -> float:
        """Wait until all workers are ready; return when to start (``perf_counter``)."""
        return float(self._next()["start_at"])

    def phase(self, name: str) -> None:
        """Say that a phase is over; wait until the parent has looked at the server."""
        self._report({"phase": name})
        self._next()

    def tick(
        self,
        second: int,
        histograms: Mapping[str, Mapping[int, int]],
        counts: Mapping[str, int],
    ) -> None:
        """Report a second."""
        self._report({"second": second, "histograms": histograms, "counts": counts})

    def done(self, result: Mapping[str, Any]) -> None:
        """Report the end, with the process's own CPU time since it was ready, and memory."""
        rss_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        own = {"cpu_s": _cpu_s() - self._cpu_ready_s, "rss_kb": rss_kb}
        self._report({"done": dict(result), "process": own})

    def _report(self, report: Mapping[str, Any]) -> None:
        self._reports.write(json.dumps(report) + "\n")
        self._reports.flush()

    def _next(self) -> dict[str, Any]:
        line = self._commands.readline()
        if not line:
            raise SystemExit("the parent is gone")
        command: dict[str, Any] = json.loads(line)
        return command


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def raise_file_limit() -> int:
    """Allow this process as many open files as the system grants; return how many."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def main() -> None:
    """Run one job. Prints of the job go to standard error: standard output is the parent's."""
    module, _, function = sys.argv[1].partition(":")
    reports = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    raise_file_limit()
    getattr(importlib.import_module(module), function)(Link(sys.stdin, reports))


if __name__ == "__main__":
    main()
