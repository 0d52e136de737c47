"""``collab notes``: a note out of a meeting or chat into a file, and Markdown into it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import trio
from cyclopts import Parameter

from collab.cli.connecting import ServerFlags, Timeout, call_once
from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.output import print_json
from collab.limits import NOTES_MARKDOWN_BYTES_MAX

Root = Annotated[
    str | None, Parameter(help="Which text; none: the only or first one.", show_default=False)
]


def export(
    target: Annotated[str, Parameter(help="kind:key, such as meeting:m1.")],
    /,
    *,
    server: ServerFlags | None = None,
    format: Annotated[
        Literal["markdown", "html", "text"], Parameter(help="What to write.")
    ] = "markdown",
    root: Root = None,
    timeout: Timeout = 30.0,
) -> None:
    """Print a note, to the last letter. Exits with 10 if the server refuses, 11 if unreachable."""
    args = {"format": format, "root": root}
    ask = partial(call_once, server, target, "notes.export", args, timeout_s=timeout)
    value = trio.run(ask)
    sys.stdout.write(value["content"])
    sys.stdout.flush()


def take_in(
    target: Annotated[str, Parameter(help="kind:key, such as meeting:m1.")],
    file: Annotated[
        Path, Parameter(help="Markdown; - reads standard input.", allow_leading_hyphen=True)
    ],
    /,
    *,
    server: ServerFlags | None = None,
    root: Root = None,
    timeout: Timeout = 30.0,
) -> None:
    """Make the file the content of a note, as one edit that can be undone.

    What is the same before and after stays as it is. It is durable when the command returns.
    """
    args = {"markdown": _text_of(file), "root": root}
    ask = partial(call_once, server, target, "notes.import", args, timeout_s=timeout)
    print_json(trio.run(ask))


def _text_of(file: Path) -> str:
    try:
        if str(file) == "-":
            body = sys.stdin.buffer.read(NOTES_MARKDOWN_BYTES_MAX + 1)
        else:
            with file.open("rb") as opened:
                body = opened.read(NOTES_MARKDOWN_BYTES_MAX + 1)
        if len(body) > NOTES_MARKDOWN_BYTES_MAX:
            problem = f"{file} has more than {NOTES_MARKDOWN_BYTES_MAX} bytes"
            raise CommandFailed(ExitCode.USAGE, problem)
        return body.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(ExitCode.USAGE, f"cannot read {file}: {error}") from None
