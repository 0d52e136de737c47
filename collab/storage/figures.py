"""What the store counts about itself, for metrics. Plain numbers; reading them costs nothing."""

from __future__ import annotations

from collections import deque

from attrs import define, field

from collab.storage.limits import COMMITS_REMEMBERED


@define(eq=False)
class Figures:
    """Counters since the store was opened, and last values."""

    commits: int = 0
    rows: int = 0  # Journaled records.
    payload_bytes: int = 0  # Of those records.
    pages_written: int = 0  # 4 KiB each, to the write-ahead log.
    commit_s_last: float = 0.0
    commit_s_total: float = 0.0
    commit_s_recent: deque[float] = field(factory=lambda: deque(maxlen=COMMITS_REMEMBERED))
    tail_rows: int = 0
    tail_bytes: int = 0
    buckets_sealed: int = 0
    wal_pages: int = 0  # Written since the log was last copied whole.
    wal_frames: int = 0  # Length of the log, in pages, when it was last copied.
    checkpoints: int = 0
    snapshots_unreadable: int = 0

    def committed(self, *, rows: int, payload_bytes: int, duration_s: float) -> None:
        """Count one group commit."""
        self.commits += 1
        self.rows += rows
        self.payload_bytes += payload_bytes
        self.commit_s_last = duration_s
        self.commit_s_total += duration_s
        self.commit_s_recent.append(duration_s)

    def commit_s_percentile(self, percent: float) -> float:
        """Return the latency, in seconds, that *percent* of the recent commits stayed below."""
        recent = sorted(self.commit_s_recent)
        if not recent:
            return 0.0
        return recent[min(len(recent) - 1, int(len(recent) * percent / 100))]
