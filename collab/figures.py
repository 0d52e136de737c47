"""The figures of a running server, gathered when somebody looks at ``/metrics``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from collab.app import App
from collab.http import Distribution, Figure, figures_of
from protocol.metrics import LATENCY_BOUNDS_MS
from protocol.server import WireServer

# Present values among the store's counters; the rest only grow.
_STORE_GAUGES: Final = frozenset({"tail_rows", "tail_bytes", "wal_pages", "commit_s_last"})
_BOUNDS_S: Final = (*(bound_ms / 1000 for bound_ms in LATENCY_BOUNDS_MS), math.inf)


def server_figures(app: App, wire: WireServer) -> Iterator[Figure | Distribution]:
    """Yield everything that the server counts. Walks the live connections once."""
    yield from figures_of(wire.metrics, "collab_wire")
    latency = wire.metrics.call_latency
    yield Distribution(
        "collab_call_seconds",
        "From a call's arrival to its answer, durable if it wrote.",
        tuple(zip(_BOUNDS_S, latency.counts, strict=True)),
        latency.sum_s,
    )
    yield from _connections(wire)
    yield from figures_of(app.system.counters, "collab_actors")
    yield Figure("collab_actors_active", app.system.active_count, "Actors in memory.")
    for kind, count in sorted(app.system.active_by_kind.items()):
        yield Figure("collab_actors_of_kind", count, "Of those.", labels={"kind": kind})
    figures = getattr(app.store, "figures", None)  # The memory store counts nothing.
    if figures is not None:
        yield from figures_of(figures, "collab_store", gauges=_STORE_GAUGES)
        for percent in (50, 95, 99, 100):
            yield Figure(
                "collab_store_commit_seconds",
                figures.commit_s_percentile(percent),
                "Recent group commits, from the first row to synced.",
                labels={"quantile": str(percent / 100)},
            )


def _connections(wire: WireServer) -> Iterator[Figure]:
    by_state: dict[str, int] = {}
    backlog_bytes = open_calls = subscriptions = lagging = 0
    for connection in wire.connections:
        by_state[connection.state] = by_state.get(connection.state, 0) + 1
        backlog_bytes += connection.backlog_bytes
        open_calls += connection.open_calls
        subscriptions += connection.subscriptions
        lagging += connection.lagging
    for state, count in sorted(by_state.items()):
        yield Figure("collab_connections", count, "Open now.", labels={"state": state})
    yield Figure("collab_outbox_bytes", backlog_bytes, "Waiting in all outboxes.")
    yield Figure("collab_open_calls", open_calls, "Calls without an answer yet.")
    yield Figure("collab_subscriptions", subscriptions, "Live subscriptions.")
    yield Figure("collab_subscriptions_lagging", lagging, "Those that are catching up.")
