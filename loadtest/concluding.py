"""The end of every scenario: one JSON line, a table for a person, a page to look at."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from attrs import evolve
from rich.console import Console
from rich.table import Table

from loadtest.options import OpenOptions
from loadtest.outcome import Outcome, rows_of
from loadtest.reporting import write_page
from loadtest.worker import raise_file_limit

OptionsT = TypeVar("OptionsT", bound=OpenOptions)


def conclude(scenario: Callable[[OptionsT], Awaitable[Outcome]], options: OptionsT) -> None:
    """Run *scenario*; print its JSON line, write its page, exit with 1 if a check failed."""
    raise_file_limit()
    load_before = round(os.getloadavg()[0], 2)
    outcome = evolve(trio.run(scenario, options), load_before=load_before)
    if options.report is not None:
        write_page(outcome, options.report)
    console = Console(stderr=True)
    if console.is_terminal and not options.json:
        console.print(_table(outcome))
    print(json.dumps(outcome.as_json()))
    sys.exit(0 if outcome.is_good else 1)


def _table(outcome: Outcome) -> Table:
    table = Table(title=f"loadtest {outcome.scenario}", show_header=False)
    for name, value in rows_of(outcome.figures):
        table.add_row(name, value)
    for name, held in (*outcome.checks.items(), *outcome.targets.items()):
        table.add_row(name, "[green]yes[/]" if held else "[red]NO[/]")
    return table
