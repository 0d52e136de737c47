"""What the wire counts: plain integers, read by whoever asks for metrics."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from attrs import define, field

# Upper bounds in milliseconds; the last bucket takes the rest.
LATENCY_BOUNDS_MS: Final = (1, 2, 5, 10, 25, 50, 100, 150, 250, 500, 1_000, 2_500, 10_000, 30_000)


class Histogram:
    """Latencies in fixed buckets: constant memory, and one bisection per observation."""

    __slots__ = ("count", "counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BOUNDS_MS) + 1)
        self.count = 0
        self.sum_s = 0.0

    def observe(self, latency_s: float) -> None:
        """Count one latency."""
        self.counts[bisect_left(LATENCY_BOUNDS_MS, latency_s * 1000)] += 1
        self.count += 1
        self.sum_s += latency_s

    def quantile_ms(self, share: float) -> float | None:
        """Return the upper bound of the bucket where *share* of the latencies is reached.

        None if nothing was observed; infinity if it lies beyond the last bound.
        """
        if not self.count:
            return None
        seen = 0
        for bound_ms, count in zip((*LATENCY_BOUNDS_MS, float("inf")), self.counts, strict=True):
            seen += count
            if seen >= share * self.count:
                return bound_ms
        return float("inf")


@define
class Metrics:
    """Counters of one wire server, since its start."""

    connections_opened: int = 0
    connections_closed: int = 0
    sessions_opened: int = 0  # Hellos that were accepted.
    sessions_refused: int = 0
    messages_in: int = 0
    messages_unreadable: int = 0
    frames_out: int = 0
    calls_started: int = 0
    calls_replied: int = 0
    calls_failed: int = 0
    calls_cancelled: int = 0
    calls_expired: int = 0
    calls_overloaded: int = 0  # Refused at once: the server was behind.
    subscriptions_started: int = 0
    subscriptions_ended: int = 0
    lags: int = 0  # Times that a subscription began to lag.
    frames_skipped: int = 0  # Live frames not sent because of a lag; they are re-read.
    presence_dropped: int = 0
    slow_consumers: int = 0
    faults: int = 0  # Exceptions of ours, logged under an error id.
    call_latency: Histogram = field(factory=Histogram)  # From message to answer.


@define
class ConnectionFigures:
    """One live connection, at the moment of asking."""

    session_id: str
    user_id: str | None
    peer: str
    state: str
    backlog_bytes: int
    backlog_frames: int
    open_calls: int
    subscriptions: int
    lagging: int
