"""What a generator measures, second by second."""

from __future__ import annotations

from collections import defaultdict

from loadtest.histogram import Histogram
from loadtest.lean.loop import Loop
from loadtest.worker import Link

TICK_S = 1.0


class Recorder:
    """Histograms and counts of the current second; at its end they are reported and emptied."""

    def __init__(self, link: Link, *, start_at: float) -> None:
        """Seconds are counted from *start_at* (``perf_counter``)."""
        self._link = link
        self._start_at = start_at
        self._second = 0
        self.histograms: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.counts: defaultdict[str, int] = defaultdict(int)

    def record(self, name: str, seconds: float) -> None:
        """Record one duration."""
        self.histograms[name].record(seconds)

    def count(self, name: str, amount: int = 1) -> None:
        """Count something."""
        self.counts[name] += amount

    def tick_in(self, loop: Loop) -> None:
        """Have *loop* report every second from now on."""
        loop.call_at(
            self._start_at + (self._second + 1) * TICK_S, lambda due: self._tick(loop, due)
        )

    def flush(self) -> None:
        """Report what the last, unfinished second brought."""
        self._link.tick(
            self._second,
            {name: histogram.counts for name, histogram in self.histograms.items()},
            dict(self.counts),
        )
        self.histograms.clear()
        self.counts.clear()

    def _tick(self, loop: Loop, due: float) -> None:
        self.flush()
        self._second = round((due - self._start_at) / TICK_S)
        self.tick_in(loop)
