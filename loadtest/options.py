"""The options that scenarios share. Each has its own class, derived from ``OpenOptions``.

Modules with options do without postponed annotations: cyclopts reads those of attrs' ``__init__``.
"""

from pathlib import Path
from typing import Annotated, Final

from attrs import frozen
from cyclopts import Parameter

AUTO: Final = "auto"


@Parameter(name="*")  # Options of the command line, not of a name of their own.
@frozen(kw_only=True)
class OpenOptions:
    """Where the load goes and what is told about it."""

    server: Annotated[
        str, Parameter(help="auto: start one, over a fresh directory; or ws://HOST:PORT/v1.")
    ] = AUTO
    server_pid: Annotated[
        int | None, Parameter(help="Of a server that runs already: then its use is measured too.")
    ] = None
    token: Annotated[str, Parameter(help="A token, with {user} for the user's name.")] = (
        "dev:{user}"
    )
    generators: Annotated[int, Parameter(help="Processes that make the load.")] = 1
    seed: Annotated[int, Parameter(help="Repeats the same choices.")] = 0
    report: Annotated[
        Path | None, Parameter(help="Write SCENARIO.html and SCENARIO.json into this folder.")
    ] = None
    json: Annotated[bool, Parameter(help="Nothing but the JSON line.", negative="")] = False
