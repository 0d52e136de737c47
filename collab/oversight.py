"""What those who run the server see of it: figures, connections, what is followed, recent warnings.

Everything comes from memory, at the moment of asking. Ids of people and of things are in it, what
they said is not: the log lines are the log's own, which hold no message and no token.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import attrs
from attrs import define, field, frozen

from collab.app import App
from collab.figures import server_figures
from collab.http import Figure
from collab.limits import OVERSIGHT_ROWS_MAX, RECENT_LINES_MAX
from collab.logs import FewRepeats, TextFormatter
from collab.operators import Operators
from protocol.metrics import ConnectionFigures
from protocol.server import WireServer

_SHARES: Final = (0.5, 0.95, 0.99)


class RecentLines(logging.Handler):
    """The newest warnings and errors of the log, as lines, at most ``RECENT_LINES_MAX``."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(TextFormatter("%(message)s"))
        self.addFilter(FewRepeats())
        self._lines: deque[Mapping[str, Any]] = deque(maxlen=RECENT_LINES_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        line = {
            "at_ms": int(record.created * 1000),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": self.format(record),
        }
        self._lines.append(line)

    def newest_first(self) -> list[Mapping[str, Any]]:
        """Return what is kept."""
        return list(reversed(self._lines))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep what is logged while the block runs."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)


@frozen
class Oversight:
    """Who may see the server from above, and what was kept for them."""

    operators: Operators = field(factory=Operators)
    recent: RecentLines = field(factory=RecentLines)


@define
class Watched:
    """A target that somebody follows."""

    target: str
    followers: int
    people: int


def overview(app: App, wire: WireServer, recent: RecentLines) -> dict[str, Any]:
    """Return the server at this moment, as plain structures. Walks connections and followers."""
    connections = wire.connections
    return {
        "now_ms": app.settings.clock_ms(),
        "dev": app.settings.dev,
        "figures": [
            {"name": one.name, "value": one.value, "kind": one.kind, "labels": dict(one.labels)}
            for one in server_figures(app, wire)
            if isinstance(one, Figure)
        ],
        "latency_ms": {
            str(share): _finite(wire.metrics.call_latency.quantile_ms(share)) for share in _SHARES
        },
        "connections": {
            "count": len(connections),
            "slowest": [attrs.asdict(one) for one in _slowest(connections)],
        },
        "watched": [attrs.asdict(one) for one in _watched(app)],
        "recent": recent.newest_first(),
    }


def _slowest(connections: Any) -> list[ConnectionFigures]:
    """Return those with the most to take, then the busiest."""

    def weight(one: ConnectionFigures) -> tuple[int, int, int]:
        return one.backlog_bytes, one.open_calls, one.subscriptions

    return sorted(connections, key=weight, reverse=True)[:OVERSIGHT_ROWS_MAX]


def _watched(app: App) -> list[Watched]:
    followers: Counter[str] = Counter()
    people: dict[str, set[str]] = {}
    for follower in app.followers:
        followers[follower.actor_id] += 1
        people.setdefault(follower.actor_id, set()).add(follower.caller.user_id)
    return [
        Watched(target, count, len(people[target]))
        for target, count in followers.most_common(OVERSIGHT_ROWS_MAX)
    ]


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value
