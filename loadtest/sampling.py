"""What a server's process uses, read from /proc every second."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import trio
from attrs import define, field, frozen

SAMPLE_S: Final = 1.0
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@frozen
class Sample:
    """A process at one moment. CPU and bytes since it began."""

    at: float  # perf_counter
    cpu_s: float  # User and system, all threads.
    rss_kb: int
    written_bytes: int  # Handed to the disk; 0 if /proc does not tell.
    waited_s: float  # The main thread was ready to run, and others had the CPU.


def sample(pid: int) -> Sample:
    """Look at process *pid*, on Linux. Raises: OSError: it is gone."""
    proc = Path(f"/proc/{pid}")
    fields = (proc / "stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    rss_kb = int((proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    waited_s = int((proc / "schedstat").read_text().split()[1]) / 1e9
    return Sample(time.perf_counter(), cpu_s, rss_kb, _written(proc), waited_s)


def _written(proc: Path) -> int:
    try:
        lines = (proc / "io").read_text().splitlines()
    except PermissionError:  # Somebody else's process.
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))


@define(eq=False)
class ServerWatch:
    """Samples of one process; ``pid`` may change when it is restarted."""

    pid: int
    samples: list[Sample] = field(factory=list)

    async def run(self) -> None:
        """Take a sample every second, for ever. Ends when the process is gone."""
        while self.look():  # noqa: ASYNC110 -- /proc tells nobody
            await trio.sleep(SAMPLE_S)

    def look(self) -> bool:
        """Take one sample now; False if the process is gone."""
        try:
            self.samples.append(sample(self.pid))
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def between(self, start: float, end: float) -> Usage:
        """Return what was used from *start* to *end*, by the last samples before either."""
        before = [one for one in self.samples if one.at <= start][-1:]
        inside = before + [one for one in self.samples if start < one.at <= end]
        if len(inside) < 2:
            return Usage()
        first, last = inside[0], inside[-1]
        wall_s = max(last.at - first.at, 1e-9)
        return Usage(
            cpu_s=last.cpu_s - first.cpu_s,
            wall_s=wall_s,
            rss_kb_max=max(one.rss_kb for one in inside),
            rss_kb_last=last.rss_kb,
            written_bytes=last.written_bytes - first.written_bytes,
            waited_s=last.waited_s - first.waited_s,
        )

    def series(self, start: float) -> dict[str, list[tuple[float, float]]]:
        """Return points (seconds since *start*, value) of CPU in %, memory in MB, disk in MB/s."""
        cpu, disk = [], []
        for before, after in zip(self.samples, self.samples[1:], strict=False):
            wall_s = after.at - before.at
            if wall_s < SAMPLE_S / 2:  # Clock ticks of 10 ms would jump about.
                continue
            at = after.at - start
            cpu.append((at, 100 * (after.cpu_s - before.cpu_s) / wall_s))
            disk.append((at, (after.written_bytes - before.written_bytes) / wall_s / 1e6))
        memory = [(one.at - start, one.rss_kb / 1024) for one in self.samples]
        return {"cpu_percent": cpu, "memory_mb": memory, "disk_mb_per_s": disk}


@frozen(kw_only=True)
class Usage:
    """What a process used in a span of time."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    rss_kb_max: int = 0
    rss_kb_last: int = 0
    written_bytes: int = 0
    waited_s: float = 0.0

    def figures(self) -> dict[str, float]:
        """Return them under the names of a report."""
        return {
            "cpu_s": round(self.cpu_s, 2),
            "cpu_percent": round(100 * self.cpu_s / self.wall_s, 1) if self.wall_s else 0.0,
            "waited_for_cpu_percent": round(100 * self.waited_s / self.wall_s, 1)
            if self.wall_s
            else 0.0,
            "rss_mb_max": round(self.rss_kb_max / 1024, 1),
            "rss_mb_last": round(self.rss_kb_last / 1024, 1),
            "disk_mb_written": round(self.written_bytes / 1e6, 2),
        }


def slope_per_hour(points: list[tuple[float, float]]) -> float:
    """Return by how much a value grows in an hour: least squares over (seconds, value)."""
    count = len(points)
    if count < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
