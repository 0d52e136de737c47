"""Every bound of storage, with its reason. Sizes are of payloads, before compression."""

from __future__ import annotations

from typing import Final

KIB: Final = 1_024
MIB: Final = 1_024 * KIB

# One group commit: what all actors together wrote while the one before was syncing.
GROUP_ROWS_MAX: Final = 8_192  # Beyond it appends wait for the next group.
GROUP_BYTES_MAX: Final = 16 * MIB
GROUP_ROWS_BUSY: Final = 8  # After a group of so many rows the next one starts no sooner than
GROUP_INTERVAL_S: Final = 0.006  # this after it: half the pages written, a third less CPU.
PAYLOAD_BYTES_MAX: Final = 16 * MIB  # One record, item, signal or snapshot.
VARIABLES_MAX: Final = 32_000  # Of one statement; SQLite's own bound is 32,766.
STATEMENT_ROWS_MAX: Final = 1_024  # Longer texts are not kept by apsw's statement cache.
STATEMENTS_CACHED_MAX: Final = 64

# The tail: read whole at start (100,000 rows take about 0.3 s), indexed in memory.
TAIL_ROWS_MAX: Final = 50_000  # Above it the compactor seals: 50 records for each of 1,000 actors.
TAIL_BYTES_MAX: Final = 16 * MIB
TAIL_ROWS_HARD: Final = 4 * TAIL_ROWS_MAX  # Above it appends wait for the compactor.
TAIL_BYTES_HARD: Final = 4 * TAIL_BYTES_MAX
RUN_BYTES_MAX: Final = 64 * KIB  # Records next to each other in the tail; the unit of sealing.
IDLE_HEADS_MAX: Final = 10_000  # Actors without tail records whose last seq is remembered.

# Buckets: what the tail becomes.
BUCKET_BYTES_MAX: Final = 64 * KIB  # What reading one record may have to decompress.
BUCKET_BYTES_MIN: Final = (
    8 * KIB
)  # A smaller one takes the next records in: a page is written anyway.
BUCKET_ZLIB_LEVEL: Final = 3  # Level 6 saves 5 % more and takes twice as long.
SEAL_STEP_ROWS: Final = 4_000  # What one step of the compactor takes: tens of milliseconds,
SEAL_STEP_BYTES: Final = 512 * KIB  # all but the writing of the result beside the group commits.
SEAL_AT_CLOSE_S: Final = 2.0  # A clean shutdown seals for so long, then leaves the rest.

# The write-ahead log.
WAL_PAGES_SOFT: Final = 4_096  # 16 MiB: copied into the database beside the running commits.
WAL_PAGES_HARD: Final = 16_384  # 64 MiB: one commit waits until readers let the log restart.
WAL_BYTES_KEPT: Final = 64 * MIB  # The file is cut to this when the log restarts.

# Connections.
READERS_MAX: Final = 2  # Two cores; a read takes tens of microseconds.
WRITER_CACHE_KIB: Final = 16 * KIB
READER_CACHE_KIB: Final = 8 * KIB
BUSY_TIMEOUT_MS: Final = (
    10_000  # Another program holds the file; then it counts as a failed device.
)
QUICK_CHECK_BYTES_MAX: Final = 16 * MIB  # Larger files are not read whole at start.
AUDIT_STEP_ROWS: Final = 1_000  # Read at once when all of the audit log is: 5 ms.
FINDINGS_MAX: Final = 1_000  # Of a deep check: more is for no one to read.
COMMITS_REMEMBERED: Final = 4_096  # Latencies kept for percentiles.

assert STATEMENT_ROWS_MAX * 13 <= VARIABLES_MAX  # The widest insert has 13 columns.
assert RUN_BYTES_MAX <= BUCKET_BYTES_MAX <= SEAL_STEP_BYTES <= TAIL_BYTES_MAX
assert BUCKET_BYTES_MIN < BUCKET_BYTES_MAX
assert WAL_PAGES_SOFT < WAL_PAGES_HARD
