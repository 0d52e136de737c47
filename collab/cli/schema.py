"""``collab schema``: the contract, for machines and for people."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.kinds import BUILT_IN, KindUnusable, load_kinds
from collab.schema import Form, document
from protocol.schema import Unshowable


def schema(
    *,
    format: Annotated[
        Form, Parameter(help="asyncapi, jsonschema, typescript or markdown.")
    ] = "asyncapi",
    kinds: Annotated[
        str, Parameter(help="Kinds of one's own too: module:NAME, separated by commas.")
    ] = "",
) -> None:
    """Print what can be asked of a server and what comes back.

    As one AsyncAPI 3 or JSON Schema document, a TypeScript module, or a reference to read.
    """
    names = [name for name in kinds.split(",") if name]
    try:
        text = document((*BUILT_IN, *load_kinds(names)), format)
    except (KindUnusable, Unshowable) as error:
        raise CommandFailed(ExitCode.SETTINGS, str(error)) from None
    print(text, end="")
