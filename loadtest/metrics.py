"""What a server tells about itself at ``/metrics``."""

from __future__ import annotations

from typing import Final

from loadtest.http import fetch

COMMIT: Final = "collab_store_commit_seconds"
QUANTILES: Final = (("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99"), ("max", "1.0"))


async def metrics(url: str, *, token: str) -> dict[str, float]:
    """Return the value of each sample, by name and labels as they stand there.

    Raises: as ``fetch``. Cancelled: nothing happened.
    """
    page = (await fetch(url, "/metrics", token=token)).decode()
    lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def commit_ms(samples: dict[str, float]) -> dict[str, float]:
    """Return how long the newest group commits took, in ms: most of it is the disk's doing."""
    return {
        name: round(samples[f'{COMMIT}{{quantile="{quantile}"}}'] * 1000, 2)
        for name, quantile in QUANTILES
    }
