"""The forms in which the contract is handed out, each as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import orjson

from collab.kind import Kind
from collab.schema.asyncapi import asyncapi_of
from collab.schema.contract import Contract, contract_of
from collab.schema.json_schema import json_schema_of
from collab.schema.page import page_of
from collab.schema.typescript import typescript_of

Form = Literal["asyncapi", "jsonschema", "typescript", "markdown"]


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"


_WRITERS: Final[Mapping[Form, Callable[[Contract], str]]] = MappingProxyType(
    {
        "asyncapi": lambda contract: _json(asyncapi_of(contract)),
        "jsonschema": lambda contract: _json(json_schema_of(contract)),
        "typescript": typescript_of,
        "markdown": page_of,
    }
)


def document(kinds: Iterable[Kind[Any]], form: Form) -> str:
    """Return the contract of *kinds* in *form*. Takes some tens of milliseconds of CPU.

    Raises:
      Unshowable: a command, query or event has a field that no schema can be made of.
    """
    return _WRITERS[form](contract_of(kinds))
