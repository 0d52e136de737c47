"""The page of a run: what was asked, what was found, how it went over time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

import attrs

from loadtest.outcome import Outcome, plain_options, rows_of
from loadtest.reporting.chart import COLOURS, chart

_STYLE: Final = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def write_page(outcome: Outcome, folder: Path) -> Path:
    """Write ``SCENARIO.html`` and ``SCENARIO.json`` into *folder*, made if missing.

    Raises:
      OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps(outcome.as_json())
    (folder / f"{outcome.scenario}.json").write_text(line + "\n", encoding="utf-8")
    page = folder / f"{outcome.scenario}.html"
    page.write_text(page_of(outcome, datetime.now(UTC)), encoding="utf-8")
    return page


def page_of(outcome: Outcome, at: datetime) -> str:
    """Return the whole page."""
    verdicts = "".join(
        f'<li class="{"good" if held else "bad"}">{escape(name.replace("_", " "))}</li>'
        for name, held in (*outcome.checks.items(), *outcome.targets.items())
    )
    figures = "".join(
        f"<section>{_figure(name, value)}</section>"
        for name, value in outcome.figures.items()
        if isinstance(value, Mapping) and value
    )
    single = {n: v for n, v in outcome.figures.items() if not isinstance(v, Mapping)}
    machine = attrs.asdict(outcome.machine) | {"load_before": outcome.load_before}
    title = f"{outcome.scenario} · load test"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}{_colours()}</style></head><body><header><h1>{escape(outcome.scenario)}"
        f"</h1><p>{at:%Y-%m-%d %H:%M} UTC</p></header><ul class=verdicts>{verdicts}</ul>"
        f"<div class=plots>{''.join(chart(plot) for plot in outcome.plots)}</div>"
        f"<h2>Figures</h2><div class=figures>{figures}</div>"
        f"{_table(rows_of(single))}<h2>Options</h2>"
        f"{_table(rows_of(plain_options(outcome.options)))}<h2>Machine</h2>"
        f"{_table(rows_of(machine))}</body></html>\n"
    )


def _colours() -> str:
    return "".join(
        f".l{n}{{--line:{light}}}@media(prefers-color-scheme:dark){{.l{n}{{--line:{dark}}}}}"
        for n, (light, dark) in enumerate(COLOURS)
    )


def _figure(name: str, values: Mapping[str, Any]) -> str:
    return f"<h3>{escape(name.replace('_', ' '))}</h3>{_table(rows_of(values))}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows
    )
    return f"<table>{cells}</table>"
