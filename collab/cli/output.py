"""What commands print: JSON lines into a pipe, something nicer on a terminal."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress

import orjson
import trio
from rich.console import Console
from rich.json import JSON
from rich.table import Table


def print_json(value: object) -> None:
    """Print *value*: one line into a pipe, indented and coloured on a terminal. Flushed."""
    text = orjson.dumps(value, default=str).decode()
    if sys.stdout.isatty():
        Console().print(JSON(text))
    else:
        print(text, flush=True)


def print_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows*: a table on a terminal, one JSON object per row into a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            print_json(dict(zip(columns, row, strict=True)))
        return
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


async def reader_gone() -> None:
    """Return when the reader of standard output has left; without a pipe there is none to leave.

    A write would notice too, but on a quiet target there is nothing to write.

    Cancelled: nothing happened.
    """
    with suppress(OSError):  # Something else stands in for standard output.
        output = sys.stdout.fileno()
        if os.name == "posix" and stat.S_ISFIFO(os.fstat(output).st_mode):
            # The writing end of a pipe never has anything to read: only its end wakes us.
            await trio.lowlevel.wait_readable(output)
            poll = select.poll()
            poll.register(output, 0)  # Asks for nothing: errors and hang-ups are always told.
            if poll.poll(0):
                return
    await trio.sleep_forever()


def warn(line: str) -> None:
    """Print a warning for the person who started the command."""
    print(f"collab: warning: {line}", file=sys.stderr, flush=True)
