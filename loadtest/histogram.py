"""Latencies in buckets whose width grows with the value, so that percentiles are cheap and exact.

The layout of HdrHistogram (Gil Tene, hdrhistogram.org): below 256 µs one bucket for each
microsecond; above, every power of two is cut into 128 equal buckets. A value is off by less than
0.8 %. Histograms of several processes or seconds are merged by adding their counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_BITS: Final = 8  # Of a value that are kept.
_HALF: Final = 1 << (_BITS - 1)
_US: Final = 1_000_000.0


class Histogram:
    """Counts of durations, bucket by bucket."""

    __slots__ = ("counts",)

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        """Start from *counts* (bucket -> how many), which are copied."""
        self.counts: dict[int, int] = dict(counts or {})

    def record(self, seconds: float) -> None:
        """Count a duration; below zero counts as zero."""
        value = int(seconds * _US) if seconds > 0 else 0
        shift = value.bit_length() - _BITS
        bucket = value if shift <= 0 else shift * _HALF + (value >> shift)
        counts = self.counts
        counts[bucket] = counts.get(bucket, 0) + 1

    def add(self, counts: Mapping[int, int]) -> None:
        """Add the counts of another histogram."""
        for bucket, count in counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    @property
    def total(self) -> int:
        """How many were recorded."""
        return sum(self.counts.values())

    def at_share(self, share: float) -> float:
        """Return the duration in ms below or at which *share* (0 to 1) of all are; 0 if empty.

        It is the upper end of its bucket: never less than the true one.
        """
        wanted = share * self.total
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return _upper_us(bucket) / 1000
        return 0.0

    def mean_ms(self) -> float:
        """Return the mean in ms, of the buckets' upper ends; 0 if empty."""
        summed = sum(_upper_us(bucket) * count for bucket, count in self.counts.items())
        return summed / 1000 / max(1, self.total)

    def summary_ms(self) -> dict[str, float]:
        """Return how many, and the percentiles that people ask for, in ms."""
        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99_9": 0.999, "max": 1.0}
        return {"count": self.total} | {
            name: round(self.at_share(share), 2) for name, share in shares.items()
        }


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """Return the sum of *histograms*."""
    whole = Histogram()
    for histogram in histograms:
        whole.add(histogram.counts)
    return whole


def _upper_us(bucket: int) -> int:
    """Return the largest value that falls into *bucket*, in µs."""
    if bucket < 2 * _HALF:
        return bucket
    shift = bucket // _HALF - 1
    return ((bucket - shift * _HALF + 1) << shift) - 1
