"""Latencies as the percentiles that people ask for."""

from __future__ import annotations

from collections.abc import Sequence


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p95, p99 and the maximum of *seconds*, in ms; empty for no samples."""
    if not seconds:
        return {}
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2)

    return {"p50": at(0.50), "p95": at(0.95), "p99": at(0.99), "max": at(1.0)}
