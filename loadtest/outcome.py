"""What a scenario found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from loadtest.machine import Machine, this_machine
from loadtest.options import OpenOptions

Points = Sequence[tuple[float, float]]


@frozen
class Line:
    """One line of a plot."""

    name: str
    points: Points  # (seconds since the start, value)


@frozen
class Plot:
    """Lines over time, of one unit."""

    title: str
    unit: str
    lines: Sequence[Line]
    target: float | None = None  # Drawn across: where the lines ought to stay below.


@frozen(kw_only=True)
class Outcome:
    """The end of a scenario.

    ``figures`` are flat or one level deep, of plain numbers and texts; ``checks`` decide about
    the exit code; ``targets`` are told, but a slow machine is no fault.
    """

    scenario: str
    options: OpenOptions
    figures: Mapping[str, Any]
    checks: Mapping[str, bool]
    targets: Mapping[str, bool] = field(factory=dict)
    plots: Sequence[Plot] = ()
    machine: Machine = field(factory=this_machine)
    load_before: float | None = None  # Of the machine, by others: it makes figures worse.

    @property
    def is_good(self) -> bool:
        """Whether every check held."""
        return all(self.checks.values())

    def as_json(self) -> dict[str, Any]:
        """Return the JSON line's content."""
        return {
            "scenario": self.scenario,
            "ok": self.is_good,
            **self.figures,
            "checks": dict(self.checks),
            "targets": dict(self.targets),
            "options": plain_options(self.options),
            "machine": attrs.asdict(self.machine) | {"load_before": self.load_before},
        }


def plain_options(options: OpenOptions) -> dict[str, Any]:
    """Return *options* as JSON has them; none that are None."""
    values = attrs.asdict(options)
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in values.items()
        if value is not None and name not in ("json", "report")
    }


def rows_of(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return *figures* as (name, text), nested ones on one line."""
    return [
        (
            name.replace("_", " "),
            "  ".join(f"{key} {one}" for key, one in value.items())
            if isinstance(value, Mapping)
            else str(value),
        )
        for name, value in figures.items()
    ]
