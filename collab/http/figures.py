"""Figures for Prometheus, read from plain counters at the moment of a scrape.

The hot path increments integers and knows nothing of metrics; whoever owns them is asked when
somebody looks. Names end in their unit; labels have few values (never a user, a meeting, a
session), so that a scrape stays small whatever the load.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal

import attrs
from attrs import field, frozen
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

FigureKind = Literal["counter", "gauge"]


@frozen
class Figure:
    """One number with its name, kind and explanation."""

    name: str
    value: float
    about: str
    kind: FigureKind = "gauge"
    labels: Mapping[str, str] = field(factory=dict)


@frozen
class Distribution:
    """A histogram: how many observations fell into each bucket."""

    name: str
    about: str
    counts: Sequence[tuple[float, int]]  # (upper bound in seconds, observations in the bucket)
    sum_s: float


FigureSource = Callable[[], Iterable[Figure | Distribution]]


class FigureCollector:
    """Turns figures into what ``prometheus_client`` prints. One per server, never global."""

    def __init__(self, source: FigureSource) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Yield the families; figures of one name become one family."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for figure in self._source():
            if isinstance(figure, Distribution):
                yield _histogram(figure)
                continue
            family = families.get(figure.name)
            if family is None:
                cls = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
                family = families[figure.name] = cls(
                    figure.name, figure.about, labels=tuple(figure.labels)
                )
            family.add_metric(tuple(figure.labels.values()), figure.value)
        yield from families.values()

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what there is becomes known at a scrape."""
        return ()


def make_registry(source: FigureSource) -> CollectorRegistry:
    """Return a registry of *source*'s figures and of the process's own (memory, CPU, files)."""
    registry = CollectorRegistry()
    registry.register(FigureCollector(source))
    ProcessCollector(registry=registry)
    return registry


def figures_of(
    counters: object, prefix: str, *, gauges: frozenset[str] = frozenset()
) -> Iterator[Figure]:
    """Yield a figure for every number that *counters*, an object of plain fields, holds.

    ``commits_total`` becomes the counter ``PREFIX_commits_total``; fields named in *gauges*
    (present values, which also fall) become gauges.
    """
    for name, value in sorted(_fields(counters).items()):
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        kind: FigureKind = "gauge" if name in gauges else "counter"
        yield Figure(f"{prefix}_{name}", value, name.replace("_", " ").strip() + ".", kind)


def _histogram(distribution: Distribution) -> HistogramMetricFamily:
    bounds = [_bound(bound_s) for bound_s, _count in distribution.counts]
    totals = accumulate(count for _bound_s, count in distribution.counts)
    return HistogramMetricFamily(
        distribution.name,
        distribution.about,
        buckets=list(zip(bounds, totals, strict=True)),
        sum_value=distribution.sum_s,
    )


def _bound(bound_s: float) -> str:
    return "+Inf" if math.isinf(bound_s) else str(float(bound_s))


def _fields(counters: object) -> dict[str, Any]:
    cls = type(counters)
    if attrs.has(cls):
        names = list(attrs.fields_dict(cls))
    elif hasattr(counters, "__dict__"):
        names = list(vars(counters))
    else:
        names = list(getattr(cls, "__slots__", ()))
    return {name: getattr(counters, name) for name in names if not name.startswith("_")}
